/** Bytes in place: copies of a few bytes and variable-length integers, which are what encoders do most. */
import { isUtf8 } from 'node:buffer';

/** A view of the bytes of a buffer; positions are those in the buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** From here on a call into the runtime costs less than copying word by word (Node 24: about 55 ns against 0.5 ns a byte). */
const LONG_COPY_BYTES = 96;

/**
 * Copies `length` bytes, in words of eight: the compiler makes loads and stores of them, without a BigInt.
 * Byte by byte costs about 1.3 ns a byte.
 * @returns the position after them
 */
export function copyBytes(into: DataView, at: number, from: DataView, start: number, length: number): number {
  if (length >= 8) {
    if (length > LONG_COPY_BYTES) return copyLong(into, at, from, start, length);
    // The last word overlaps the one before it.
    const last = length - 8;
    for (let i = 0; i < last; i += 8) into.setBigInt64(at + i, from.getBigInt64(start + i));
    into.setBigInt64(at + last, from.getBigInt64(start + last));
  } else if (length >= 4) {
    into.setInt32(at, from.getInt32(start));
    into.setInt32(at + length - 4, from.getInt32(start + length - 4));
  } else for (let i = 0; i < length; i++) into.setUint8(at + i, from.getUint8(start + i));
  return at + length;
}

function copyLong(into: DataView, at: number, from: DataView, start: number, length: number): number {
  const target = new Uint8Array(into.buffer, into.byteOffset + at, length);
  target.set(new Uint8Array(from.buffer, from.byteOffset + start, length));
  return at + length;
}

/** Bytes of an unsigned varint; exact up to 2^53. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  let bytes = 4;
  for (let rest = Math.floor(value / 0x10000000); rest > 0; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Writes an unsigned varint. @returns the position after it */
export function writeVarint(into: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x100000000) {
    // Above 32 bits the operators on integers would cut.
    into[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  return writeVarint32(into, at, rest);
}

/** As `writeVarint`, for a value below 2^32, in integer arithmetic alone. */
export function writeVarint32(into: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}

/** True when the bytes are well-formed UTF-8. */
export function isText(b: Buffer, p: number, size: number): boolean {
  const end = p + size;
  for (let i = p; i < end; i++) if (b[i]! > 127) return isUtf8(b.subarray(i, end));
  return true;
}
