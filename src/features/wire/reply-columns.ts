/**
 * Replies of Redis (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/) as columns over one buffer: where each
 * value lies, no object, string or Buffer for any of them.
 */

/** A value that is null. */
export const NULL_VALUE = -1;
/** The reply is an error; its text is the one value that it has. */
export const ERROR_REPLY = -1;

const CR = 0x0d;
const LF = 0x0a;
const BULK = 0x24;
const ARRAY = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const FIRST_BYTES = 65_536;

/** The replies to the commands of one batch. Used again from batch to batch. */
export class ReplyColumns {
  /** Holds all values. Replaced when it grows. */
  buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Number of whole replies. */
  replies = 0;
  /** First value of each reply. */
  first = new Int32Array(64);
  /** Number of values of each reply; `ERROR_REPLY`: one, the text of an error. A reply that is no array has one value. */
  size = new Int32Array(64);
  /** Position of each value. */
  start = new Int32Array(1_024);
  /** Bytes of each value; `NULL_VALUE`: null. */
  length = new Int32Array(1_024);
  private expected = 0;
  private filled = 0;
  private values = 0;
  /** The next byte to read, always at the beginning of a reply or of a value. */
  private at = 0;
  /** Values still to come of the array that is being read; −1: between replies. */
  private left = -1;

  /** Forgets what was read and waits for so many replies. */
  expect(replies: number): void {
    this.expected = replies;
    this.replies = 0;
    this.filled = 0;
    this.values = 0;
    this.at = 0;
    this.left = -1;
    if (replies > this.first.length) {
      const size = 2 ** Math.ceil(Math.log2(replies));
      this.first = new Int32Array(size);
      this.size = new Int32Array(size);
    }
  }

  /** True when all replies are here. */
  get isWhole(): boolean {
    return this.replies === this.expected;
  }

  /** Bytes that came after the last reply that was waited for. */
  get surplus(): number {
    return this.isWhole ? this.filled - this.at : 0;
  }

  /** Where the next bytes may be put, at least `least` of them; `took` says how many were. */
  room(least = FIRST_BYTES): Buffer {
    if (this.buffer.length - this.filled < least) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.filled + least));
      this.buffer.copy(grown, 0, 0, this.filled);
      this.buffer = grown;
    }
    return this.buffer.subarray(this.filled);
  }

  /**
   * Reads what came.
   * @returns true when all replies are here
   * @throws RangeError when the bytes are not RESP2
   */
  took(bytes: number): boolean {
    this.filled += bytes;
    while (this.replies < this.expected) {
      if (this.left < 0 && !this.beginReply()) return false;
      while (this.left > 0) if (!this.readValue()) return false;
      this.left = -1;
      this.replies++;
    }
    return true;
  }

  /**
   * Puts together what several connections have answered: reply i becomes reply `replyOf[i]` of `parts[partOf[i]]`. The bytes are copied.
   * @param parts whole, and left as they are
   */
  gather(parts: readonly ReplyColumns[], partOf: Int32Array, replyOf: Int32Array, count: number): void {
    this.expect(count);
    const bases = parts.map((part) => {
      const base = this.filled;
      part.buffer.copy(this.room(part.filled), 0, 0, part.filled);
      this.filled += part.filled;
      return base;
    });
    for (let reply = 0; reply < count; reply++) {
      const part = parts[partOf[reply]!]!;
      const base = bases[partOf[reply]!]!;
      const from = replyOf[reply]!;
      const size = part.size[from]!;
      const values = size === ERROR_REPLY ? 1 : size;
      this.first[reply] = this.values;
      this.size[reply] = size;
      while (this.values + values > this.start.length) this.growValues();
      for (let value = part.first[from]!, end = value + values; value < end; value++, this.values++) {
        this.start[this.values] = base + part.start[value]!;
        this.length[this.values] = part.length[value]!;
      }
    }
    this.replies = count;
    this.at = this.filled;
  }

  /** Reads the head of a reply. False: it is not all here. */
  private beginReply(): boolean {
    const { buffer, at, filled } = this;
    if (at >= filled) return false;
    const reply = this.replies;
    if (buffer[at] === ARRAY) {
      const end = lineEnd(buffer, at, filled);
      if (end < 0) return false;
      const count = integer(buffer, at + 1, end);
      this.first[reply] = this.values;
      // A null array (of an aborted transaction) has no values.
      this.size[reply] = Math.max(0, count);
      this.left = Math.max(0, count);
      this.at = end + 2;
      return true;
    }
    this.first[reply] = this.values;
    this.size[reply] = buffer[at] === MINUS ? ERROR_REPLY : 1;
    this.left = 1;
    return true;
  }

  /** Reads one value. False: it is not all here. */
  private readValue(): boolean {
    const { buffer, at, filled } = this;
    if (at >= filled) return false;
    const kind = buffer[at]!;
    const end = lineEnd(buffer, at, filled);
    if (end < 0) return false;
    let start = at + 1;
    let length = end - start;
    let next = end + 2;
    if (kind === BULK) {
      length = integer(buffer, start, end);
      start = next;
      if (length >= 0) {
        next = start + length + 2;
        if (next > filled) return false;
        if (buffer[next - 2] !== CR || buffer[next - 1] !== LF)
          throw new RangeError(`a value of ${length} bytes does not end where it should`);
      } else length = NULL_VALUE;
    } else if (kind !== COLON && kind !== PLUS && kind !== MINUS) {
      throw new RangeError(`a value begins with byte ${kind}`);
    }
    if (this.values === this.start.length) this.growValues();
    this.start[this.values] = start;
    this.length[this.values] = length;
    this.values++;
    this.left--;
    this.at = next;
    return true;
  }

  private growValues(): void {
    const grow = (from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(from.length * 2);
      grown.set(from);
      return grown;
    };
    this.start = grow(this.start);
    this.length = grow(this.length);
  }
}

/** Position of the CR LF that ends the line at `at`; −1: it is not here yet. */
function lineEnd(buffer: Buffer, at: number, filled: number): number {
  for (let i = at + 1; i < filled - 1; i++) if (buffer[i] === CR && buffer[i + 1] === LF) return i;
  return -1;
}

/** A length or count. */
function integer(buffer: Buffer, start: number, end: number): number {
  const isNegative = buffer[start] === MINUS;
  let value = 0;
  const from = isNegative ? start + 1 : start;
  if (end <= from || end - from > 10) throw new RangeError('a length is no number');
  for (let i = from; i < end; i++) {
    const digit = buffer[i]! - 0x30;
    if (digit < 0 || digit > 9) throw new RangeError('a length is no number');
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}
