/**
 * Writes record batches of format 2 (Kafka ≥ 0.11, KIP-98) from columns:
 *
 *     batch  = baseOffset:int64 length:int32 leaderEpoch:int32 magic:int8 crc32c:uint32 attributes:int16 lastOffsetDelta:int32
 *              firstTimestamp:int64 maxTimestamp:int64 producerId:int64 producerEpoch:int16 firstSequence:int32 count:int32 records
 *     record = length:varint attributes:int8 timestampDelta:varlong offsetDelta:varint
 *              keyLength:varint key valueLength:varint value headerCount:varint (keyLength:varint key valueLength:varint value)*
 *
 * Varints are zigzag. The CRC covers what stands behind it. No object is made per record.
 */
import { copyBytes, varintBytes, viewOf, writeVarint } from '../../core/bytes.ts';
import { crc32c } from './crc32c.ts';
import type { DraftPiece, FramedRecords, PartitionDraft } from './partition-draft.ts';

/** Bytes in front of the records. */
export const BATCH_HEADER_BYTES = 61;

/** What a batch says about itself besides its records. */
export interface BatchContext {
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd: how the records behind the header are compressed already. */
  readonly codec: number;
  readonly isTransactional: boolean;
  /** −1: neither idempotent nor transactional. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

const MAGIC = 2;
const TRANSACTIONAL = 0x10;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;

/**
 * Writes the records section of a draft at `at`; `draft.maxBytes` bytes are enough.
 * @returns where it ends
 * @throws WeirError `state_invalid` when the draft was released
 */
export function writeRecords(draft: PartitionDraft, into: Buffer, at: number): number {
  const { framed } = draft;
  if (framed) return copySpans(framed, into, at);
  let end = at;
  for (const piece of draft.pieces) end = writePiece(draft, piece, into, end);
  return end;
}

function copySpans({ records, batch }: FramedRecords, into: Buffer, start: number): number {
  const { spans } = batch;
  let at = start;
  for (let i = 0; i < spans.length; i += 2) at += records.buffer.copy(into, at, spans[i]!, spans[i + 1]!);
  return at;
}

function writePiece(draft: PartitionDraft, { records, from: first, to }: DraftPiece, into: Buffer, start: number): number {
  const { view: from, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = records;
  const { indices, firstTimestamp } = draft;
  const view = viewOf(into);
  let at = start;
  for (let j = first; j < to; j++) {
    const i = indices[j]!;
    const key = keyLength[i]!;
    const value = valueLength[i]!;
    const headers = headerLength[i]!;
    // Zigzag of what is never negative (the first timestamp is the smallest) is its double.
    const timestampDelta = (timestamps[i]! - firstTimestamp) * 2;
    const size = 1 + varintBytes(timestampDelta) + varintBytes(j * 2) + fieldBytes(key) + fieldBytes(value) + (headers > 0 ? headers : 1);
    at = writeVarint(into, at, size * 2);
    into[at++] = 0; // Attributes: none are defined.
    at = writeVarint(into, at, timestampDelta);
    at = writeVarint(into, at, j * 2);
    at = writeField(into, view, at, from, keyStart[i]!, key);
    at = writeField(into, view, at, from, valueStart[i]!, value);
    if (headers > 0) at = copyBytes(view, at, from, headerStart[i]!, headers);
    else into[at++] = 0;
  }
  return at;
}

/**
 * Writes the header of the batch that occupies `start` … `end` of `into`, whose records are written already.
 * As stock kafkajs the leader epoch is 0 (brokers overwrite it) and the first timestamp is the smallest one; but stock takes
 * it by the order of text.
 */
export function sealBatch(draft: PartitionDraft, context: BatchContext, into: Buffer, start: number, end: number): void {
  into.fill(0, start, start + CRC_AT); // Base offset and leader epoch are the broker's to give.
  into.writeInt32BE(end - start - 12, start + 8);
  into[start + 16] = MAGIC;
  into.writeInt16BE(context.codec | (context.isTransactional ? TRANSACTIONAL : 0), start + ATTRIBUTES_AT);
  into.writeInt32BE(draft.length - 1, start + 23);
  into.writeBigInt64BE(BigInt(draft.firstTimestamp), start + 27);
  into.writeBigInt64BE(BigInt(draft.maxTimestamp), start + 35);
  into.writeBigInt64BE(context.producerId, start + 43);
  into.writeInt16BE(context.producerEpoch, start + 51);
  into.writeInt32BE(context.firstSequence, start + 53);
  into.writeInt32BE(draft.length, start + 57);
  into.writeUInt32BE(crc32c(into, start + ATTRIBUTES_AT, end), start + CRC_AT);
}

/** Bytes of a nullable field with its length. */
function fieldBytes(length: number): number {
  return length < 0 ? 1 : varintBytes(length * 2) + length;
}

function writeField(into: Buffer, view: DataView, at: number, from: DataView, start: number, length: number): number {
  if (length < 0) {
    into[at] = 1; // Zigzag of −1: null.
    return at + 1;
  }
  return copyBytes(view, writeVarint(into, at, length * 2), from, start, length);
}
