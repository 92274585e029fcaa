import type { BytesColumn } from '../core/bytes-column.ts';

/** Values kept; categorical columns have far fewer, and a column of unique values must not grow the heap. */
const MAX_VALUES = 4096;
const SLOTS = MAX_VALUES * 2;
/** Longer texts are no categories: they become strings without being kept. */
const MAX_BYTES = 256;

/**
 * Turns UTF-8 bytes into JavaScript strings without making a new string when the same bytes have come before.
 * An open-addressing table over an arena; it forgets everything when full, so its memory is bounded.
 */
export class Interner {
  private readonly texts = new Array<string | undefined>(SLOTS).fill(undefined);
  private readonly hashes = new Int32Array(SLOTS);
  private readonly starts = new Int32Array(SLOTS);
  private readonly lengths = new Int32Array(SLOTS);
  private arena = Buffer.allocUnsafeSlow(4096);
  private used = 0;
  private count = 0;

  /** Values held now. */
  get size(): number {
    return this.count;
  }

  /** The text of a row; the empty string for null, which is how models are told of a missing string. */
  text(column: BytesColumn, row: number): string {
    const length = column.length[row]!;
    return length <= 0 ? '' : this.get(column.arena, column.start[row]!, length);
  }

  /** The string of `length` bytes of UTF-8. */
  get(bytes: Buffer, start: number, length: number): string {
    if (length > MAX_BYTES) return bytes.toString('utf8', start, start + length);
    // FNV-1a, 32 bits.
    let hash = 0x811c9dc5;
    for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const text = this.texts[slot];
      if (text === undefined) return this.insert(slot, hash, bytes, start, length);
      if (this.hashes[slot] === hash && this.lengths[slot] === length && this.equals(slot, bytes, start)) return text;
    }
  }

  private equals(slot: number, bytes: Buffer, start: number): boolean {
    const own = this.starts[slot]!;
    const length = this.lengths[slot]!;
    for (let i = 0; i < length; i++) if (this.arena[own + i] !== bytes[start + i]) return false;
    return true;
  }

  private insert(slot: number, hash: number, bytes: Buffer, start: number, length: number): string {
    let at = slot;
    if (this.count === MAX_VALUES) {
      this.texts.fill(undefined);
      this.count = 0;
      this.used = 0;
      at = hash & (SLOTS - 1);
    }
    if (this.used + length > this.arena.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.used + length, this.arena.length * 2));
      grown.set(this.arena.subarray(0, this.used));
      this.arena = grown;
    }
    this.arena.set(bytes.subarray(start, start + length), this.used);
    const text = bytes.toString('utf8', start, start + length);
    this.texts[at] = text;
    this.hashes[at] = hash;
    this.starts[at] = this.used;
    this.lengths[at] = length;
    this.used += length;
    this.count++;
    return text;
  }
}
