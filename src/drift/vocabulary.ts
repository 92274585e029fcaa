/**
 * Finds the index of a word from its UTF-8 bytes, without making a string. Built once from a reference vocabulary;
 * an open-addressing table keyed by FNV-1a, at most half full.
 */
export class Vocabulary {
  /** Number of words; also the index of every word that is not among them. */
  readonly size: number;
  private readonly mask: number;
  /** Index + 1 of the word in each slot; 0 is empty. */
  private readonly slots: Uint16Array;
  private readonly hashes: Int32Array;
  private readonly starts: Int32Array;
  private readonly bytes: Buffer;

  constructor(words: readonly string[]) {
    this.size = words.length;
    let capacity = 4;
    while (capacity < words.length * 2) capacity *= 2;
    this.mask = capacity - 1;
    this.slots = new Uint16Array(capacity);
    this.hashes = new Int32Array(words.length);
    this.starts = new Int32Array(words.length + 1);
    this.bytes = Buffer.from(words.join(''), 'utf8');
    let at = 0;
    for (const [index, word] of words.entries()) {
      const size = Buffer.byteLength(word);
      const hash = hashOf(this.bytes, at, size);
      let slot = hash & this.mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask;
      this.slots[slot] = index + 1;
      this.hashes[index] = hash;
      this.starts[index] = at;
      at += size;
    }
    this.starts[words.length] = at;
  }

  /** Index of the word in `arena[start, start + size)`, or `size` of this vocabulary when it is not a word of it. */
  indexOf(arena: Uint8Array, start: number, size: number): number {
    const hash = hashOf(arena, start, size);
    const { slots, mask, hashes, starts, bytes } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return this.size;
      if (hashes[index] !== hash) continue;
      const at = starts[index]!;
      if (starts[index + 1]! - at !== size) continue;
      let i = 0;
      while (i < size && bytes[at + i] === arena[start + i]) i++;
      if (i === size) return index;
    }
  }
}

function hashOf(bytes: Uint8Array, start: number, size: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start, end = start + size; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  // FNV's low bits are weak for short words.
  return hash ^ (hash >>> 15);
}
