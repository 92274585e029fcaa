/**
 * LZ4 frames (version 1.6 of the frame format), which Kafka has used since 0.11. The library inflates a frame whole, so
 * what the frame can inflate to is found by walking over its block headers first:
 *
 *   magic (uint32 LE) · flags · block size code · [content size (8)] · [dictionary id (4)] · header checksum
 *   · { block size (uint32 LE, top bit: stored) · bytes · [checksum (4)] } · 0 (uint32) · [content checksum (4)]
 */

const MAGIC = 0x184d2204;
const HAS_BLOCK_CHECKSUM = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_CONTENT_CHECKSUM = 0x04;
const HAS_DICTIONARY = 0x01;
const STORED = 0x80000000;
/** An LZ4 sequence adds at most 255 bytes of match per byte of input. */
const MAX_RATIO = 255;

/**
 * An upper bound of the bytes that the frames of a buffer inflate to; exact but for the last block of each frame.
 * @returns NaN when the bytes are no whole frames
 */
export function lz4InflatedBound(bytes: Buffer): number {
  let bound = 0;
  let at = 0;
  while (at < bytes.length) {
    if (at + 7 > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return Number.NaN;
    const flags = bytes[at + 4]!;
    const sizeCode = (bytes[at + 5]! >>> 4) & 7;
    if (sizeCode < 4) return Number.NaN;
    const blockBytes = 2 ** (8 + 2 * sizeCode);
    at += 7 + (flags & HAS_CONTENT_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0);
    for (;;) {
      if (at + 4 > bytes.length) return Number.NaN;
      const header = bytes.readUInt32LE(at);
      at += 4;
      if (header === 0) break;
      const size = header % STORED;
      if (at + size > bytes.length) return Number.NaN;
      bound += header >= STORED ? size : Math.min(blockBytes, size * MAX_RATIO);
      at += size + (flags & HAS_BLOCK_CHECKSUM ? 4 : 0);
    }
    at += flags & HAS_CONTENT_CHECKSUM ? 4 : 0;
  }
  return at === bytes.length && at > 0 ? bound : Number.NaN;
}
