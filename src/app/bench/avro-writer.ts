import { MAX_VARINT_BYTES, writeLong } from '../../avro/primitives.ts';

/** Appends values in Avro's binary encoding to one buffer that grows. */
export class AvroWriter {
  /** Holds what was written, from its beginning to `length`. Replaced when it grows. */
  buffer: Buffer = Buffer.allocUnsafeSlow(1 << 16);
  /** Bytes written. */
  length = 0;

  /** An int or a long. @param value safe integer */
  long(value: number): void {
    this.reserve(MAX_VARINT_BYTES);
    this.length = writeLong(this.buffer, this.length, value);
  }

  /** A long beyond 2^53. */
  bigLong(value: bigint): void {
    this.reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    for (; rest > 127n; rest >>= 7n) this.buffer[this.length++] = Number(rest & 127n) | 128;
    this.buffer[this.length++] = Number(rest);
  }

  float(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeFloatLE(value, this.length);
  }

  double(value: number): void {
    this.reserve(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  boolean(value: boolean): void {
    this.reserve(1);
    this.buffer[this.length++] = value ? 1 : 0;
  }

  string(text: string): void {
    const size = Buffer.byteLength(text);
    this.long(size);
    this.reserve(size);
    this.length += this.buffer.write(text, this.length);
  }

  /** Bytes as they are, without a length: a fixed, a frame. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + size));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
