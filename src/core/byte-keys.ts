import { BytesColumn } from './bytes-column.ts';
import type { EntityKeys } from './ports.ts';
import { STATUS_OK } from './rows.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Finds the distinct byte strings of a column: an open-addressing hash table on typed arrays (FNV-1a, linear probing),
 * so no string and no object is made per row. Reused from batch to batch; grows with the largest batch seen.
 * Keys chosen to collide cost at most rows² / 2 comparisons of one integer, which the size of a batch bounds.
 */
export class DistinctKeys implements EntityKeys {
  /** Number of distinct keys of the last `assign`. */
  count = 0;
  /** Row i holds distinct key i, in order of first appearance; never null. */
  column: BytesColumn;
  /** Distinct key of each row; −1 for rows that are null or left out. */
  keyOfRow: Int32Array;
  /** Hash of each distinct key: spares most byte comparisons. */
  private hashes: Int32Array;
  /** Distinct key + 1 by hash slot; 0 is free. Twice the capacity at least, so a probe always ends. */
  private slots: Int32Array;

  /** @param capacity rows it can take before it has to grow */
  constructor(capacity: number) {
    this.column = new BytesColumn(capacity);
    this.keyOfRow = new Int32Array(capacity);
    this.hashes = new Int32Array(capacity);
    this.slots = new Int32Array(slotsFor(capacity));
  }

  /**
   * Numbers the distinct keys of rows 0 … `rows` − 1. Keys are copied, so `from` may change afterwards.
   * @param status row states; rows that are not `STATUS_OK` are left out (−1)
   */
  assign(from: BytesColumn, rows: number, status?: Uint8Array): void {
    if (rows > this.keyOfRow.length) this.grow(rows);
    const { keyOfRow, hashes, slots, column } = this;
    const { arena, start, length } = from;
    const mask = slotsFor(rows) - 1;
    slots.fill(0, 0, mask + 1);
    column.clear(0);
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const size = length[row]!;
      if (size < 0 || (status !== undefined && status[row] !== STATUS_OK)) {
        keyOfRow[row] = -1;
        continue;
      }
      const at = start[row]!;
      let hash = FNV_OFFSET;
      for (let i = at; i < at + size; i++) hash = Math.imul(hash ^ arena[i]!, FNV_PRIME);
      // The low bits of FNV-1a depend on few input bits; folding the high half in spreads short decimal keys better.
      let slot = (hash ^ (hash >>> 15)) & mask;
      let key = -1;
      for (;;) {
        const taken = slots[slot]! - 1;
        if (taken < 0) break;
        if (hashes[taken] === (hash | 0) && sameBytes(column, taken, arena, at, size)) {
          key = taken;
          break;
        }
        slot = (slot + 1) & mask;
      }
      if (key < 0) {
        key = count++;
        hashes[key] = hash;
        slots[slot] = key + 1;
        column.set(key, arena, at, size);
      }
      keyOfRow[row] = key;
    }
    this.count = count;
  }

  private grow(rows: number): void {
    const capacity = Math.max(rows, this.keyOfRow.length * 2);
    this.column = new BytesColumn(capacity);
    this.keyOfRow = new Int32Array(capacity);
    this.hashes = new Int32Array(capacity);
    this.slots = new Int32Array(slotsFor(capacity));
  }
}

/** Slots for `rows` keys: a power of two, at most half full. */
function slotsFor(rows: number): number {
  return 2 << (32 - Math.clz32(Math.max(1, rows - 1)));
}

function sameBytes(column: BytesColumn, key: number, other: Uint8Array, at: number, size: number): boolean {
  if (column.length[key] !== size) return false;
  const { arena } = column;
  const from = column.start[key]!;
  for (let i = 0; i < size; i++) if (arena[from + i] !== other[at + i]) return false;
  return true;
}
