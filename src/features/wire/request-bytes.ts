import { copyBytes, viewOf } from '../../core/bytes.ts';
import type { EntityKeys } from '../../core/ports.ts';

const DOLLAR = 0x24;
const CR = 0x0d;
const LF = 0x0a;
/** `$`, up to ten digits, two line ends. */
const FRAME_BYTES = 15;
const FIRST_BYTES = 65_536;

/** Commands as they go over the wire (RESP arrays of bulk strings), one behind the other. Used again from batch to batch. */
export class RequestBytes {
  /** Holds all commands. Replaced when it grows. */
  buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private view = viewOf(this.buffer);
  private used = 0;

  clear(): void {
    this.used = 0;
  }

  /** What was written. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  /** Appends bytes as they are. @returns where they start */
  put(bytes: DataView): number {
    const at = this.room(bytes.byteLength);
    copyBytes(this.view, at, bytes, 0, bytes.byteLength);
    this.used = at + bytes.byteLength;
    return at;
  }

  /** Bytes written. */
  get length(): number {
    return this.used;
  }

  /** Appends bytes `start` … `end` of another request. */
  copy(from: RequestBytes, start: number, end: number): void {
    const at = this.room(end - start);
    from.buffer.copy(this.buffer, at, start, end);
    this.used = at + end - start;
  }

  /** Appends bytes `start` … `end` of this request once more. */
  repeat(start: number, end: number): void {
    const at = this.room(end - start);
    this.buffer.copyWithin(at, start, end);
    this.used = at + end - start;
  }

  /** Appends prefix and entity as one bulk string. */
  putKey(prefix: DataView, { column }: EntityKeys, arena: DataView, entity: number): void {
    const size = column.length[entity]!;
    const length = prefix.byteLength + size;
    let at = this.room(length + FRAME_BYTES);
    const { buffer, view } = this;
    buffer[at++] = DOLLAR;
    at = writeDecimal(buffer, at, length);
    buffer[at++] = CR;
    buffer[at++] = LF;
    at = copyBytes(view, at, prefix, 0, prefix.byteLength);
    at = copyBytes(view, at, arena, column.start[entity]!, size);
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.used = at;
  }

  private room(size: number): number {
    const end = this.used + size;
    if (end > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, this.used);
      this.buffer = grown;
      this.view = viewOf(grown);
    }
    return this.used;
  }
}

/** An argument as it goes over the wire: `$<length>\r\n<bytes>\r\n`. */
export function bulkString(text: string): Buffer {
  return Buffer.from(`$${Buffer.byteLength(text)}\r\n${text}\r\n`);
}

function writeDecimal(into: Buffer, at: number, value: number): number {
  if (value < 10) {
    into[at] = 0x30 + value;
    return at + 1;
  }
  if (value < 100) {
    const tens = (value / 10) | 0;
    into[at] = 0x30 + tens;
    into[at + 1] = 0x30 + value - tens * 10;
    return at + 2;
  }
  return at + into.write(String(value), at, 'latin1');
}
