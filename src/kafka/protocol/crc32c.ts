/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), which every record batch of Kafka carries. One pass of the byte-wise table
 * of kafkajs costs as much as decoding the batch; slicing by 16 in WebAssembly is several times faster.
 */
import { INPUT_BYTES, INPUT_START, instantiateCrc32c } from './crc32c-wasm.ts';

const POLYNOMIAL_REFLECTED = 0x82f63b78;
const SLICES = 16;

/** `tables[k · 256 + b]`: the checksum of byte b followed by k zero bytes. */
function sliceTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REFLECTED : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 255]!;
  }
  return tables;
}

const TABLES = sliceTables();
const wasm = instantiateCrc32c(TABLES);
const memory = wasm && new Uint8Array(wasm.memory.buffer);

/**
 * CRC-32C of `bytes[start … end − 1]`, unsigned.
 * The range must lie inside `bytes`; like a typed array it is not checked.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (!wasm || !memory) return crc32cInJavaScript(bytes, start, end);
  let crc = -1;
  for (let at = start; at < end; at += INPUT_BYTES) {
    const size = Math.min(INPUT_BYTES, end - at);
    memory.set(bytes.subarray(at, at + size), INPUT_START);
    crc = wasm.update(crc, INPUT_START, size);
  }
  return ~crc >>> 0;
}

/** The same in JavaScript, slicing by 8, for processes without WebAssembly. Half as fast. */
export function crc32cInJavaScript(bytes: Uint8Array, start: number, end: number): number {
  const t = TABLES;
  let crc = -1;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[1792 + (crc & 255)]! ^
      t[1536 + ((crc >>> 8) & 255)]! ^
      t[1280 + ((crc >>> 16) & 255)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}
