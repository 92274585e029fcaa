/** `lengths[i]` of a wanted header that the record does not have. */
export const HEADER_ABSENT = -2;

/**
 * Finds a few wanted headers of a record in one pass over its bytes, without an object per header. Layout as in a
 * Kafka v2 record (KIP-82): zigzag varint count, then per header key length, key, value length, value.
 */
export interface HeaderScanner {
  /** First byte of the value of each wanted header, in the order given at construction. */
  readonly starts: Int32Array;
  /** Bytes of each value; −1 for a null value, `HEADER_ABSENT` when the record lacks the header. */
  readonly lengths: Int32Array;
  /**
   * Scans the headers in `[start, start + length)`; of a repeated key the last one counts, as Kafka's `lastHeader` has it.
   * @returns false when the bytes are not headers; then all wanted headers are absent
   */
  scan(buffer: Uint8Array, start: number, length: number): boolean;
}

/** @param keys wanted header keys, ASCII */
export function createHeaderScanner(keys: readonly string[]): HeaderScanner {
  const wanted = keys.map((key) => Buffer.from(key));
  const starts = new Int32Array(keys.length);
  const lengths = new Int32Array(keys.length).fill(HEADER_ABSENT);
  const reader = new VarintReader();

  const scan = (buffer: Uint8Array, start: number, length: number): boolean => {
    lengths.fill(HEADER_ABSENT);
    if (length === 0) return true;
    const end = start + length;
    const count = reader.read(buffer, start, end);
    let at = reader.next;
    // A header takes at least two bytes, so a larger count cannot be true.
    if (at < 0 || count < 0 || count > length) return false;
    for (let i = 0; i < count; i++) {
      const keyLength = reader.read(buffer, at, end);
      const keyStart = reader.next;
      if (keyStart < 0 || keyLength < 0 || keyLength > end - keyStart) return false;
      const valueLength = reader.read(buffer, keyStart + keyLength, end);
      const valueStart = reader.next;
      if (valueStart < 0 || valueLength < -1 || valueLength > end - valueStart) return false;
      for (let w = 0; w < wanted.length; w++) {
        if (!equals(buffer, keyStart, keyLength, wanted[w]!)) continue;
        starts[w] = valueStart;
        lengths[w] = valueLength;
      }
      at = valueStart + Math.max(0, valueLength);
    }
    // Bytes left over would turn into headers when a dead letter appends to these.
    return at === end;
  };

  return {
    starts,
    lengths,
    scan(buffer, start, length) {
      const isValid = scan(buffer, start, length);
      if (!isValid) lengths.fill(HEADER_ABSENT);
      return isValid;
    },
  };
}

/** Reads zigzag varints of 32 bits. */
export class VarintReader {
  /** Position after the varint that was read last; −1 when it was truncated or too long. */
  next = -1;

  read(buffer: Uint8Array, start: number, end: number): number {
    let value = 0;
    let at = start;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) break;
      const byte = buffer[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.next = at;
        return (value >>> 1) ^ -(value & 1);
      }
    }
    this.next = -1;
    return 0;
  }
}

function equals(buffer: Uint8Array, start: number, length: number, wanted: Uint8Array): boolean {
  if (length !== wanted.length) return false;
  for (let i = length - 1; i >= 0; i--) if (buffer[start + i] !== wanted[i]) return false;
  return true;
}
