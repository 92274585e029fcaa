import type { BytesColumn } from '../../core/bytes-column.ts';

/*
 * Reading of Avro's binary encoding for generated code. Functions return the position after what they read, or −1 when the
 * bytes end early or are not legal; values are left in `NUMBER[0]` and `WORD[0]`, so that nothing is allocated.
 */

/** Value of the last `readLong`, `readLongForFloat` or `readBlockCount`. */
export const NUMBER = new Float64Array(1);

/** Raw zigzag bits of the last `readRawInt`; length of the last `readSize`. */
export const WORD = new Int32Array(1);

/** Number of the last long split in three parts of 28, 28 and 8 bits (still zigzag). */
const PART = new Int32Array(3);

/** Reads a varint of at most 5 bytes and 32 bits; the zigzag bits go to `WORD[0]`. */
export function readRawInt(b: Uint8Array, p: number, end: number): number {
  let bits = 0;
  for (let shift = 0; shift < 35 && p < end; shift += 7) {
    const byte = b[p++]!;
    bits |= (byte & 127) << shift;
    if (byte > 127) continue;
    if (shift === 28 && byte > 15) return -1;
    WORD[0] = bits;
    return p;
  }
  return -1;
}

/** Reads the parts of a varint of at most 10 bytes and 64 bits into `PART`. */
function readParts(b: Uint8Array, p: number, end: number): number {
  let low = 0;
  let middle = 0;
  for (let i = 0; i < 10 && p < end; i++) {
    const byte = b[p++]!;
    if (i < 4) low |= (byte & 127) << (7 * i);
    else if (i < 8) middle |= (byte & 127) << (7 * (i - 4));
    else if (i === 8) PART[2] = byte & 127;
    else {
      if (byte > 1) return -1;
      PART[2] = PART[2]! | (byte << 7);
    }
    if (byte > 127) continue;
    if (i < 8) PART[2] = 0;
    PART[0] = low;
    PART[1] = middle;
    return p;
  }
  return -1;
}

/** Reads a long as the nearest double. No BigInt: the value is 2^27 × high + low with one rounding, as a cast in Java. */
export function readLong(b: Uint8Array, p: number, end: number): number {
  if (p < end && b[p]! < 128) {
    // Counts and lengths are mostly one byte. PART is not needed for a number that small.
    NUMBER[0] = (b[p]! >>> 1) ^ -(b[p]! & 1);
    return p + 1;
  }
  const next = readParts(b, p, end);
  if (next < 0) return -1;
  const low = PART[0]! >>> 1;
  const high = PART[2]! * 2 ** 55 + PART[1]! * 2 ** 27;
  NUMBER[0] = PART[0]! & 1 ? -(high + (low + 1)) : high + low;
  return next;
}

/**
 * Reads a long so that storing it in a float32 rounds once. Beyond 2^53 the double nearest to it may fall on the middle
 * between two floats and then go the wrong way; so the bits that a float cannot show become one sticky bit first.
 */
export function readLongForFloat(b: Uint8Array, p: number, end: number): number {
  const next = readLong(b, p, end);
  if (next < 0 || Math.abs(NUMBER[0]!) < 2 ** 53) return next;
  const isNegative = (PART[0]! & 1) === 1;
  const low = (PART[0]! >>> 1) + (isNegative ? 1 : 0);
  const sticky = low % 2048 === 0 ? low : low - (low % 2048) + 1024;
  const magnitude = PART[2]! * 2 ** 55 + PART[1]! * 2 ** 27 + sticky;
  NUMBER[0] = isNegative ? -magnitude : magnitude;
  return next;
}

/** Passes over an int. */
export function skipInt(b: Uint8Array, p: number, end: number): number {
  return readRawInt(b, p, end);
}

/** Passes over a long. */
export function skipLong(b: Uint8Array, p: number, end: number): number {
  return readParts(b, p, end);
}

/** Reads the length of a string or bytes into `WORD[0]`; it is not negative and no longer than the bytes that remain. */
export function readSize(b: Uint8Array, p: number, end: number): number {
  const next = readLong(b, p, end);
  if (next < 0) return -1;
  const size = NUMBER[0]!;
  if (!(size >= 0 && size <= end - next)) return -1;
  WORD[0] = size;
  return next;
}

/** Passes over a string or bytes. */
export function skipBytes(b: Uint8Array, p: number, end: number): number {
  const next = readSize(b, p, end);
  return next < 0 ? -1 : next + WORD[0]!;
}

const DIGITS = new Uint8Array(20);

/** Writes an integer of at most 2^53 as decimal digits. */
export function putInteger(column: BytesColumn, row: number, value: number): void {
  let rest = Math.abs(value);
  let count = 0;
  do {
    const next = Math.floor(rest / 10);
    DIGITS[count++] = 48 + (rest - next * 10);
    rest = next;
  } while (rest > 0);
  putDigits(column, row, count, value < 0);
}

function putDigits(column: BytesColumn, row: number, count: number, isNegative: boolean): void {
  const size = isNegative ? count + 1 : count;
  let at = column.reserve(size);
  column.start[row] = at;
  column.length[row] = size;
  const arena = column.arena;
  if (isNegative) arena[at++] = 45;
  for (let i = count - 1; i >= 0; i--) arena[at++] = DIGITS[i]!;
}

const LIMBS = new Float64Array(4);

/** Reads a long and writes all its digits, also beyond 2^53 (ids of 64 bits are common entities). */
export function readLongAsText(b: Uint8Array, p: number, end: number, column: BytesColumn, row: number): number {
  const next = readLong(b, p, end);
  if (next < 0) return -1;
  if (Math.abs(NUMBER[0]!) <= Number.MAX_SAFE_INTEGER) {
    putInteger(column, row, NUMBER[0]!);
    return next;
  }
  // Magnitude in four limbs of 16 bits: zigzag bits shifted right by one, plus one when negative.
  const isNegative = (PART[0]! & 1) === 1;
  const low = (PART[0]! >>> 1) + (isNegative ? 1 : 0); // ≤ 2^27
  const middle = PART[1]!; // × 2^27
  const top = PART[2]!; // × 2^55
  const sum0 = low + (middle % 32) * 2 ** 27; // < 2^32 + 2^27
  const lowWord = sum0 % 2 ** 32;
  const highWord = Math.floor(sum0 / 2 ** 32) + Math.floor(middle / 32) + top * 2 ** 23;
  LIMBS[3] = lowWord % 65536;
  LIMBS[2] = Math.floor(lowWord / 65536);
  LIMBS[1] = highWord % 65536;
  LIMBS[0] = Math.floor(highWord / 65536);
  let count = 0;
  while (LIMBS[0]! + LIMBS[1]! + LIMBS[2]! + LIMBS[3]! > 0) {
    let rest = 0;
    for (let i = 0; i < 4; i++) {
      const value = rest * 65536 + LIMBS[i]!;
      LIMBS[i] = Math.floor(value / 10);
      rest = value % 10;
    }
    DIGITS[count++] = 48 + rest;
  }
  putDigits(column, row, count, isNegative);
  return next;
}

/**
 * The view through which floats are read, kept from record to record since they share a fetch buffer.
 * The last buffer used anywhere stays alive through it, and only that one.
 */
export const VIEW: { buffer: Uint8Array; view: DataView } = {
  buffer: new Uint8Array(0),
  view: new DataView(new ArrayBuffer(0)),
};

/** Points `VIEW` at a buffer. */
export function openView(buffer: Uint8Array): DataView {
  VIEW.buffer = buffer;
  VIEW.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return VIEW.view;
}
