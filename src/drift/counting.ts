/**
 * What drift counts of a micro-batch beside the bins of its numbers (float-counter.ts): one column into the slots of its rows.
 * No allocation, no closure, no string.
 */
import type { BytesColumn } from '../core/bytes-column.ts';
import { boundedQuantaOf } from './bin-lookup.ts';
import { ABOVE_DOMAIN, BELOW_DOMAIN, INFINITE, MARKS, MISSING } from './cells.ts';
import type { FloatFeature, RowSlots } from './float-counter.ts';
import type { PaneSlab } from './pane-slab.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What is not within the domain: no value, infinity, or an outlier, which belongs to the first or the last bin. */
export function countOutside(slab: PaneSlab, slot: number, x: number, { lookup, feature, start }: FloatFeature): void {
  const mark = slot * slab.marksPerSlot + feature * MARKS.length;
  if (x !== x) {
    slab.marks[mark + MISSING]!++;
    return;
  }
  if (x - x !== 0) {
    slab.marks[mark + INFINITE]!++;
    return;
  }
  const isBelow = x < lookup.low;
  const side = slot * slab.layout.features.length + feature;
  if (lookup.low > lookup.high) {
    // The reference had no value, so there is no domain to be outside of.
  } else if (isBelow) {
    slab.marks[mark + BELOW_DOMAIN]!++;
    if (x < slab.lowest[side]!) slab.lowest[side] = x;
  } else {
    slab.marks[mark + ABOVE_DOMAIN]!++;
    if (x > slab.highest[side]!) slab.highest[side] = x;
  }
  const cell = start + (isBelow ? 0 : lookup.lastBin);
  const address = slab.addressOf(slot);
  slab.words[(address >>> 2) + cell]!++;
  slab.doubles[((address + slab.sumsBehind) >>> 3) + cell]! += boundedQuantaOf(x, lookup.origin, lookup.perQuantum);
}

/** Counts a string column. Null and the empty string are missing. */
export function countWords(slab: PaneSlab, at: RowSlots, words: BytesColumn, vocabulary: Vocabulary, feature: number, start: number): void {
  const { rows, slots, count } = at;
  const { marks, marksPerSlot, words: counts } = slab;
  const { arena, start: from, length } = words;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const slot = slots[i]!;
    const size = length[row]!;
    if (size <= 0) marks[slot * marksPerSlot + feature * MARKS.length + MISSING]!++;
    else counts[(slab.addressOf(slot) >>> 2) + start + vocabulary.indexOf(arena, from[row]!, size)]!++;
  }
}

/**
 * Counts the columns whose bit is set. A list has one bit: each of its elements is counted.
 * @param bits a bit a column: `Rows.degraded` or `Rows.wrongTypes`
 * @param words 32-bit words a row
 * @param mark what a bit stands for
 * @param featuresOf features of each column, by its index
 */
export function countFlags(
  slab: PaneSlab,
  at: RowSlots,
  bits: Uint32Array,
  words: number,
  mark: number,
  featuresOf: readonly (readonly number[])[],
): void {
  const { rows, slots, count } = at;
  const { marks, marksPerSlot } = slab;
  for (let i = 0; i < count; i++) {
    for (let word = 0; word < words; word++) {
      let left = bits[rows[i]! * words + word]!;
      while (left !== 0) {
        const bit = 31 - Math.clz32(left & -left);
        const features = featuresOf[word * 32 + bit]!;
        const base = slots[i]! * marksPerSlot + mark;
        for (let k = 0; k < features.length; k++) marks[base + features[k]! * MARKS.length]!++;
        left &= left - 1;
      }
    }
  }
}

/** Counts what the online store said of a group, for each of its columns: mark `firstMark + state` of every state but `hit`. */
export function countGroup(
  slab: PaneSlab,
  at: RowSlots,
  states: Uint8Array,
  hit: number,
  firstMark: number,
  members: readonly number[],
): void {
  const { rows, slots, count } = at;
  const { marks, marksPerSlot } = slab;
  for (let i = 0; i < count; i++) {
    const state = states[rows[i]!]!;
    if (state === hit) continue;
    const base = slots[i]! * marksPerSlot + firstMark + state;
    for (let k = 0; k < members.length; k++) marks[base + members[k]! * MARKS.length]!++;
  }
}
