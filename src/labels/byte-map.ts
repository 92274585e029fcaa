const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Hash of a byte string (FNV-1a), the same in all tables. */
export function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = FNV_OFFSET;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
  return hash;
}

/** Numbers byte strings 0, 1, 2 … in the order in which they come. Open addressing over typed arrays; nothing is ever taken out. */
export class ByteMap {
  count = 0;
  private arena = Buffer.allocUnsafeSlow(1 << 14);
  private used = 0;
  private starts = new Int32Array(512);
  private hashes = new Int32Array(512);
  /** Number + 1 by slot; 0: free. Never more than half full, so that a probe ends. */
  private slots = new Int32Array(1024);
  /** A bit for each slot of a table eight times as large, set where a key is: small enough for a cache, and nearly all that is not there is not in it. */
  private filter = new Int32Array(256);

  /** Number of a key; −1: it is not there. @param hash `hashOf` the key */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const { slots, hashes, filter } = this;
    const bit = (hash ^ (hash >>> 13)) & (filter.length * 32 - 1);
    if ((filter[bit >>> 5]! & (1 << (bit & 31))) === 0) return -1;
    const mask = slots.length - 1;
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const at = slots[slot]! - 1;
      if (at < 0) return -1;
      if (hashes[at] === hash && this.isSame(at, bytes, start, length)) return at;
    }
  }

  /** Number of a key, which is new if it equals `count` as it was before. */
  put(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const known = this.find(hash, bytes, start, length);
    if (known >= 0) return known;
    if (this.count + 1 >= this.starts.length) this.grow();
    this.keep(bytes, start, length);
    const number = this.count++;
    this.hashes[number] = hash;
    this.starts[this.count] = this.used;
    this.place(number);
    return number;
  }

  private keep(bytes: Uint8Array, start: number, length: number): void {
    if (this.used + length > this.arena.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.used + length, this.arena.length * 2));
      larger.set(this.arena.subarray(0, this.used));
      this.arena = larger;
    }
    for (let i = 0; i < length; i++) this.arena[this.used + i] = bytes[start + i]!;
    this.used += length;
  }

  private place(number: number): void {
    const mask = this.slots.length - 1;
    const hash = this.hashes[number]!;
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = number + 1;
    const bit = (hash ^ (hash >>> 13)) & (this.filter.length * 32 - 1);
    this.filter[bit >>> 5]! |= 1 << (bit & 31);
  }

  private isSame(number: number, bytes: Uint8Array, start: number, length: number): boolean {
    const from = this.starts[number]!;
    if (this.starts[number + 1]! - from !== length) return false;
    for (let i = 0; i < length; i++) if (this.arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  private grow(): void {
    const size = this.starts.length * 2;
    this.starts = grown(this.starts, size);
    this.hashes = grown(this.hashes, size);
    this.slots = new Int32Array(size * 2);
    this.filter = new Int32Array(size / 2);
    for (let number = 0; number < this.count; number++) this.place(number);
  }
}

/** A longer copy. */
export function grown<T extends Int32Array | Float64Array | Uint8Array>(column: T, size: number): T {
  const larger = new (column.constructor as new (size: number) => T)(size);
  larger.set(column);
  return larger;
}
