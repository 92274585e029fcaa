/**
 * Avro's primitive encodings (specification, "Binary Encoding"), written in place. Each function returns the position
 * after what it wrote; the caller has made room: 10 bytes for a long.
 */
import { writeVarint32 } from '../core/bytes.ts';

/** Longest encoding of a long or int. */
export const MAX_VARINT_BYTES = 10;

/** Writes a long given as a double; exact for safe integers. */
export function writeLong(buffer: Buffer, at: number, value: number): number {
  // Zigzag of n is 2n or −2n − 1. What fits 32 bits then goes by integer arithmetic.
  if (value >= -0x4000_0000 && value < 0x4000_0000) return writeVarint32(buffer, at, ((value << 1) ^ (value >> 31)) >>> 0);
  // Doubled, a safe integer has one bit more than a double holds, so the lowest group (six bits and the sign) is taken
  // before; the next four groups are the low 28 bits of the rest. Divisions of doubles are dear: there are two.
  const isNegative = value < 0;
  const magnitude = isNegative ? -value - 1 : value;
  const rest = Math.floor(magnitude / 64);
  buffer[at++] = ((magnitude - rest * 64) << 1) | (isNegative ? 1 : 0) | 0x80;
  const high = Math.floor(rest / 0x1000_0000);
  const low = rest - high * 0x1000_0000;
  if (high === 0) return writeVarint32(buffer, at, low);
  buffer[at++] = (low & 0x7f) | 0x80;
  buffer[at++] = ((low >>> 7) & 0x7f) | 0x80;
  buffer[at++] = ((low >>> 14) & 0x7f) | 0x80;
  buffer[at++] = (low >>> 21) | 0x80;
  return writeVarint32(buffer, at, high);
}

/** Number of decimal digits of a non-negative safe integer. */
export function digitCount(value: number): number {
  let digits = 1;
  for (let power = 10; digits < 16 && value >= power; power *= 10) digits++;
  return digits;
}

/** Writes a non-negative safe integer as `digits` ASCII digits. */
export function writeDigits(buffer: Buffer, at: number, value: number, digits: number): number {
  let i = at + digits - 1;
  // Nine digits at a time fit integer arithmetic.
  const high = Math.floor(value / 1e9);
  let rest = value - high * 1e9;
  if (high > 0) {
    for (let d = 0; d < 9; d++) {
      const next = (rest / 10) | 0;
      buffer[i--] = 0x30 + (rest - next * 10);
      rest = next;
    }
    rest = high; // at most 9,007,199
  }
  for (; i >= at; i--) {
    const next = (rest / 10) | 0;
    buffer[i] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}

/** An Avro string: length and UTF-8. For texts that are written again and again. */
export function encodeString(text: string): Buffer {
  const size = Buffer.byteLength(text);
  const encoded = Buffer.alloc(MAX_VARINT_BYTES + size);
  const at = writeLong(encoded, 0, size);
  encoded.write(text, at);
  return encoded.subarray(0, at + size);
}
