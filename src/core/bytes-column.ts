/**
 * A column of byte strings: one growing arena and, for each row, where its bytes start and how many there are.
 * Texts and entity keys live in these, so that no string is made per record.
 */
export class BytesColumn {
  /** Bytes of all rows, in no particular order. Replaced when it grows. */
  arena: Buffer;
  /** First byte of each row in the arena. */
  readonly start: Int32Array;
  /** Number of bytes of each row; −1 is null (no value). */
  readonly length: Int32Array;
  private used = 0;

  /** @param capacity rows; @param bytesPerRow first guess of the arena's size */
  constructor(capacity: number, bytesPerRow = 16) {
    this.arena = Buffer.allocUnsafeSlow(Math.max(64, capacity * bytesPerRow));
    this.start = new Int32Array(capacity);
    this.length = new Int32Array(capacity).fill(-1);
  }

  /** Forgets all values and makes the first `rows` rows null. */
  clear(rows: number): void {
    this.used = 0;
    this.length.fill(-1, 0, rows);
  }

  /** Copies `size` bytes of `from` into row `row`. */
  set(row: number, from: Uint8Array, offset: number, size: number): void {
    const at = this.reserve(size);
    const arena = this.arena;
    // A loop beats copy() below about 32 bytes, and entity keys are short.
    if (size < 32) for (let i = 0; i < size; i++) arena[at + i] = from[offset + i]!;
    else arena.set(from.subarray(offset, offset + size), at);
    this.start[row] = at;
    this.length[row] = size;
  }

  /** Puts a string into row `row` as UTF-8. For rare values and tests, not for the hot path. */
  setText(row: number, text: string): void {
    const size = Buffer.byteLength(text);
    const at = this.reserve(size);
    this.arena.write(text, at, size, 'utf8');
    this.start[row] = at;
    this.length[row] = size;
  }

  /** Makes row `row` share the bytes of another row of this column. */
  alias(row: number, other: number): void {
    this.start[row] = this.start[other]!;
    this.length[row] = this.length[other]!;
  }

  setNull(row: number): void {
    this.length[row] = -1;
  }

  isNull(row: number): boolean {
    return this.length[row]! < 0;
  }

  /** The row as a string, or undefined when null. Makes a string: not for every record. */
  text(row: number): string | undefined {
    const size = this.length[row]!;
    if (size < 0) return undefined;
    const at = this.start[row]!;
    return this.arena.toString('utf8', at, at + size);
  }

  /** Reserves `size` bytes and returns where they start; write them through `arena` after this call. */
  reserve(size: number): number {
    const at = this.used;
    const end = at + size;
    if (end > this.arena.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.arena.length * 2));
      grown.set(this.arena.subarray(0, at));
      this.arena = grown;
    }
    this.used = end;
    return at;
  }
}
