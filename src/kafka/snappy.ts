/**
 * Snappy as Kafka knows it: one raw block (librdkafka, kafkajs), or the framing of snappy-java, which the Java client
 * writes and which nothing else uses:
 *
 *   magic (8 bytes) · version (int32) · oldest compatible version (int32) · { size (int32) · raw block }
 *
 * A raw block begins with its inflated size, so a limit is checked before anything is inflated.
 */
import { uncompress, uncompressSync } from 'snappy';

/** `82 "SNAPPY" 00` */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const FRAMED_HEADER_BYTES = MAGIC.length + 8;

/** What a limit or a malformed frame is reported with; the caller knows the coordinates. */
export type Refuse = (what: string) => Error;

/** The raw blocks of a buffer. @throws what `corrupt` makes of it when the framing does not add up */
export function snappyBlocks(bytes: Buffer, corrupt: Refuse): Buffer[] {
  if (bytes.length < FRAMED_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = FRAMED_HEADER_BYTES; at < bytes.length; ) {
    const size = at + 4 <= bytes.length ? bytes.readInt32BE(at) : -1;
    const end = at + 4 + size;
    if (size <= 0 || end > bytes.length) throw corrupt('a block of the framing reaches beyond the end');
    blocks.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

/** Bytes that a raw block says it inflates to: an unsigned varint of 32 bits. NaN when it is none. */
export function snappyBlockSize(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) return Number.NaN;
    size += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return size;
  }
  return Number.NaN;
}

/**
 * Inflates either form.
 * @param limit most bytes that the result may have
 * @throws what `tooLarge` or `corrupt` make of it, and what the library throws
 */
export async function inflateSnappy(bytes: Buffer, limit: number, tooLarge: Refuse, corrupt: Refuse, isSmall: boolean): Promise<Buffer> {
  const blocks = snappyBlocks(bytes, corrupt);
  let size = 0;
  for (const block of blocks) size += snappyBlockSize(block);
  if (Number.isNaN(size)) throw corrupt('a block does not begin with its size');
  if (size > limit) throw tooLarge(`${size} bytes`);
  // Blocks of the framing are 32 kB or less: not worth a hop to another thread each.
  if (isSmall || blocks.length > 1) {
    const inflated = blocks.map((block) => uncompressSync(block) as Buffer);
    return inflated.length === 1 ? inflated[0]! : Buffer.concat(inflated, size);
  }
  return (await uncompress(blocks[0]!)) as Buffer;
}
