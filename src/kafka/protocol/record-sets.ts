/**
 * The record set of one partition in a fetch response, taken apart batch by batch (KIP-98, message format v2):
 *
 *   base offset (int64, 0) · length of the rest (int32, 8) · leader epoch (int32, 12) · magic (int8, 16) ·
 *   CRC-32C of all that follows (uint32, 17) · attributes (int16, 21) · last offset delta (int32, 23) ·
 *   base timestamp (int64, 27) · max timestamp (int64, 35) · producer id (int64, 43) · producer epoch (int16, 51) ·
 *   base sequence (int32, 53) · number of records (int32, 57) · records (61), compressed as the attributes say
 *
 * Nothing here looks at a record, except at the one of a control batch.
 */
import { WeirError, weirErrorFrom } from '../../core/errors.ts';
import { COMPRESSION_MASK, decompress } from '../compression.ts';
import type { AbortedTransactions } from './aborted.ts';
import { crc32c } from './crc32c.ts';

/** The visible records of one record batch, uncompressed: `count` records in the bytes `start` to `end` of a buffer. */
export interface Segment {
  readonly baseOffset: number;
  /** No record of the batch lies beyond; compaction may have removed the one that had it. */
  readonly lastOffset: number;
  readonly count: number;
  readonly start: number;
  readonly end: number;
  /** Milliseconds since the epoch; records hold the difference to it. */
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  /** True: every record has the time at which the broker appended it, which is `maxTimestamp`. */
  readonly isLogAppendTime: boolean;
}

/** Where a record set lies and what is asked of it. */
export interface RecordSet {
  readonly topic: string;
  readonly partition: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly fetchedOffset: number;
  readonly aborted: AbortedTransactions;
}

/** What a record set holds. */
export interface ReadRecordSet {
  readonly buffer: Buffer;
  readonly segments: readonly Segment[];
  readonly maxCount: number;
  readonly nextOffset: number;
  readonly partialBytes: number;
}

const HEADER_BYTES = 61;
const LENGTH_END = 12;
const MAGIC_AT = 16;
const MAGIC = 2;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;
/** Length, attributes, timestamp, offset, key length, value length and header count of one byte each. */
const LEAST_RECORD_BYTES = 7;
/** With this much inflated, batches that are left wait for the next fetch: a response is bounded compressed, not inflated. */
const INFLATED_BYTES_PER_FETCH = 64 * 1024 * 1024;

interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly count: number;
  /** Of the records. */
  readonly start: number;
  readonly end: number;
}

/** A segment whose records still lie in a buffer of their own. */
interface InflatedSegment extends Segment {
  readonly bytes: Buffer;
}

/**
 * Reads a record set: checks sizes and checksums, leaves out what is not visible and inflates what is compressed.
 * Uncompressed segments stay where they are; with compressed ones all are copied into one buffer.
 * @throws WeirError `record_batch_corrupt`, `record_batch_too_large`, `compression_unsupported` or
 *   `record_format_unsupported`, with topic, partition and base offset
 */
export async function readRecordSet(set: RecordSet): Promise<ReadRecordSet> {
  const segments: InflatedSegment[] = [];
  let nextOffset = set.fetchedOffset;
  let partialBytes = 0;
  /** Where the batch before ended; a first batch may begin anywhere before the fetched offset. */
  let leastOffset = -1;
  let inflatedBytes = 0;
  for (let at = set.start; at < set.end; ) {
    const batch = batchAt(set, at, Math.max(0, leastOffset));
    if (typeof batch === 'number') {
      partialBytes = batch;
      break;
    }
    if (isVisible(set, batch, at)) {
      const segment = await inflatedSegment(set, batch, at);
      segments.push(segment);
      if (segment.bytes !== set.buffer) inflatedBytes += segment.bytes.length;
    }
    at = batch.end;
    leastOffset = batch.lastOffset + 1;
    nextOffset = Math.max(nextOffset, leastOffset);
    if (inflatedBytes >= INFLATED_BYTES_PER_FETCH) break;
  }
  const joined = inflatedBytes === 0 ? { buffer: set.buffer, segments } : join(segments);
  return { ...joined, maxCount: segments.reduce((sum, { count }) => sum + count, 0), nextOffset, partialBytes };
}

/** The batch that begins at `at`; the bytes that it takes, as far as they are known, when it is not whole. */
function batchAt(set: RecordSet, at: number, leastOffset: number): BatchHeader | number {
  const { buffer } = set;
  const available = set.end - at;
  if (available <= MAGIC_AT) return available >= LENGTH_END ? LENGTH_END + Math.max(0, buffer.readInt32BE(at + 8)) : available;
  const baseOffset = int64At(buffer, at);
  const length = buffer.readInt32BE(at + 8);
  const magic = buffer[at + MAGIC_AT]!;
  if (magic < MAGIC) {
    throw new WeirError(
      'record_format_unsupported',
      `${coordinates(set, baseOffset)} has message format ${magic}; weir reads format ${MAGIC}.`,
    );
  }
  if (magic > MAGIC) throw corrupt(set, baseOffset, `has message format ${magic}, which nobody knows`);
  if (length < HEADER_BYTES - LENGTH_END) throw corrupt(set, baseOffset, `has a length of ${length} bytes`);
  const end = at + LENGTH_END + length;
  if (end > set.end) return LENGTH_END + length;
  const lastOffset = baseOffset + buffer.readInt32BE(at + 23);
  const batch = {
    baseOffset,
    lastOffset,
    attributes: buffer.readInt16BE(at + ATTRIBUTES_AT),
    count: buffer.readInt32BE(at + 57),
    start: at + HEADER_BYTES,
    end,
  };
  if (baseOffset < leastOffset) throw corrupt(set, baseOffset, `begins before offset ${leastOffset}, where the batch before it ends`);
  if (!Number.isSafeInteger(lastOffset) || lastOffset < baseOffset) throw corrupt(set, baseOffset, `ends at offset ${lastOffset}`);
  // What was read already needs no checksum: a fetch may begin in the middle of a batch, never before it.
  if (lastOffset >= set.fetchedOffset) check(set, batch, at);
  return batch;
}

function check(set: RecordSet, { baseOffset, lastOffset, attributes, count, start, end }: BatchHeader, at: number): void {
  const expected = set.buffer.readUInt32BE(at + CRC_AT);
  const actual = crc32c(set.buffer, at + ATTRIBUTES_AT, end);
  if (actual !== expected) {
    throw corrupt(set, baseOffset, `carries CRC-32C ${hex(expected)}, but its ${end - at} bytes give ${hex(actual)}`);
  }
  const isImpossible = (attributes & COMPRESSION_MASK) === 0 && count * LEAST_RECORD_BYTES > end - start;
  if (count < 0 || count > lastOffset - baseOffset + 1 || isImpossible) {
    throw corrupt(set, baseOffset, `says that it has ${count} records in ${end - start} bytes and ${lastOffset - baseOffset + 1} offsets`);
  }
}

/** False for control batches, aborted ones, those that compaction has emptied, and those before the fetched offset. */
function isVisible(set: RecordSet, batch: BatchHeader, at: number): boolean {
  const { aborted } = set;
  aborted.admit(batch.lastOffset);
  if (batch.attributes & CONTROL) {
    if (!aborted.isEmpty && isAbortMarker(set, batch)) aborted.end(producerIdAt(set, at));
    return false;
  }
  if (!aborted.isEmpty && batch.attributes & TRANSACTIONAL && aborted.has(producerIdAt(set, at))) return false;
  return batch.count > 0 && batch.lastOffset >= set.fetchedOffset;
}

const producerIdAt = (set: RecordSet, at: number): bigint => set.buffer.readBigInt64BE(at + 43);

/**
 * The key of a control record is version (int16) and type (int16); type 0 is abort, 1 commit. Compaction may have taken
 * the record out of its batch; such a marker ends nothing, as in Kafka's own consumer.
 */
function isAbortMarker(set: RecordSet, { baseOffset, count, start, end }: BatchHeader): boolean {
  if (count === 0) return false;
  let at = start;
  // Length, attributes (a byte that reads as a varint of one), timestamp, offset: passed over.
  for (let field = 0; field < 4; field++) {
    while (at < end && set.buffer[at]! > 127) at++;
    at++;
  }
  const keyLength = at < end ? set.buffer[at]! >>> 1 : 0;
  if (keyLength < 4 || at + 1 + keyLength > end) throw corrupt(set, baseOffset, 'is a control batch without a type');
  return set.buffer.readInt16BE(at + 3) === 0;
}

async function inflatedSegment(set: RecordSet, batch: BatchHeader, at: number): Promise<InflatedSegment> {
  const { buffer } = set;
  const { baseOffset, lastOffset, attributes, count, start, end } = batch;
  const segment = {
    baseOffset,
    lastOffset,
    count,
    baseTimestamp: int64At(buffer, at + 27),
    maxTimestamp: int64At(buffer, at + 35),
    isLogAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
  };
  if ((attributes & COMPRESSION_MASK) === 0) return { ...segment, start, end, bytes: buffer };
  const bytes = await decompress(attributes, buffer.subarray(start, end)).catch((cause: unknown) => {
    const { code, message } = weirErrorFrom(cause);
    throw new WeirError(code, `${coordinates(set, baseOffset)}: ${message}`, { cause });
  });
  if (count * LEAST_RECORD_BYTES > bytes.length) {
    throw corrupt(set, baseOffset, `says that it has ${count} records, but inflates to ${bytes.length} bytes`);
  }
  return { ...segment, start: 0, end: bytes.length, bytes };
}

function join(parts: readonly InflatedSegment[]): { buffer: Buffer; segments: Segment[] } {
  const [only] = parts;
  if (only && parts.length === 1) return { buffer: only.bytes, segments: [only] };
  const buffer = Buffer.allocUnsafeSlow(parts.reduce((size, { start, end }) => size + end - start, 0));
  let at = 0;
  const segments = parts.map(({ bytes, start, end, ...segment }) => {
    const moved = { ...segment, start: at, end: at + end - start };
    at += bytes.copy(buffer, at, start, end);
    return moved;
  });
  return { buffer, segments };
}

/** Exact below 2^53. */
function int64At(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 4_294_967_296 + buffer.readUInt32BE(at + 4);
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

const coordinates = ({ topic, partition }: RecordSet, baseOffset: number): string =>
  `The record batch at offset ${baseOffset} of ${topic}-${partition}`;

const corrupt = (set: RecordSet, baseOffset: number, what: string): WeirError =>
  new WeirError('record_batch_corrupt', `${coordinates(set, baseOffset)} ${what}.`);
