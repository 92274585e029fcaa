/**
 * Reads Avro primitives from bytes that may be anything. Every length is held against the bytes that remain, so the
 * work is bounded by the size of the record (avsc exhausts the heap on a five-byte array header).
 */
export class AvroReader {
  private readonly bytes: Buffer;
  private at: number;
  private readonly end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** True when every byte was read. */
  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  /** An int or long within ±2^53. @throws RangeError */
  long(): number {
    let low = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (low > 2 * Number.MAX_SAFE_INTEGER) break;
        const half = Math.floor(low / 2);
        return low % 2 === 0 ? half : -half - 1;
      }
      factor *= 128;
    }
    throw new RangeError('a number is too large');
  }

  /** A long that is not negative. @throws RangeError */
  count(): number {
    const value = this.long();
    if (value < 0) throw new RangeError('a count is negative');
    return value;
  }

  /** @throws RangeError */
  boolean(): boolean {
    const byte = this.byte();
    if (byte > 1) throw new RangeError('a boolean is neither 0 nor 1');
    return byte === 1;
  }

  /** `["null", "double"]`. @throws RangeError */
  nullableDouble(): number | null {
    const branch = this.long();
    if (branch === 0) return null;
    if (branch !== 1) throw new RangeError('a union branch is unknown');
    const at = this.take(8);
    return this.bytes.readDoubleLE(at);
  }

  /** @throws RangeError */
  string(): string {
    const size = this.count();
    const at = this.take(size);
    return this.bytes.toString('utf8', at, at + size);
  }

  /** An array whose items take at least one byte each. @throws RangeError */
  array<T>(item: () => T): T[] {
    const items: T[] = [];
    for (;;) {
      let count = this.long();
      if (count === 0) return items;
      if (count < 0) {
        count = -count;
        this.count();
      }
      if (count > this.end - this.at) throw new RangeError('an array is longer than its bytes');
      for (let i = 0; i < count; i++) items.push(item());
    }
  }

  private byte(): number {
    return this.bytes[this.take(1)]!;
  }

  private take(size: number): number {
    const at = this.at;
    if (size > this.end - at) throw new RangeError('the record ends too early');
    this.at = at + size;
    return at;
  }
}
