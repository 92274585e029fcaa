import { crc32c as native } from '@node-rs/crc32';

/** Below this many bytes a table in JavaScript is as fast as the call into native code. */
const SMALL_BYTES = 128;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes[start … end − 1]`, unsigned, which every record batch of Kafka
 * carries. The byte-wise table of kafkajs costs as much as decoding a batch; processors have an instruction for it.
 * The range must lie inside `bytes`; like a typed array it is not checked.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SMALL_BYTES) return small(bytes, start, end);
  return native(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
}

function small(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}
