/**
 * The kernels of drift: one column of a micro-batch into the slots of its rows. No allocation, no closure, no string.
 */
import type { BytesColumn } from '../core/bytes-column.ts';
import { type BinLookup, boundedQuantaOf, LINEAR_SHIFT, orderedBits } from './bin-lookup.ts';
import { ABOVE_DOMAIN, BELOW_DOMAIN, INFINITE, MARKS, MISSING, STAND_INS } from './cells.ts';
import type { PaneSlab } from './pane-slab.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Rows that count, and the slot of each. */
export interface RowSlots {
  readonly rows: Int32Array;
  readonly slots: Int32Array;
  readonly count: number;
}

/** A part of them. */
export interface RowSlotsBlock extends RowSlots {
  readonly from: number;
  readonly to: number;
}

/**
 * Counts column `column` of a row-major matrix of `width` columns, for a block of rows.
 * @param feature index of the feature; @param start its first cell
 */
export function countFloats(
  slab: PaneSlab,
  at: RowSlotsBlock,
  values: Float32Array,
  width: number,
  column: number,
  lookup: BinLookup,
  feature: number,
  start: number,
): void {
  if (lookup.scale === 'bits') countByBits(slab, at, values, width, column, lookup, feature, start);
  else countLinear(slab, at, values, width, column, lookup, feature, start);
}

function countLinear(
  slab: PaneSlab,
  at: RowSlotsBlock,
  values: Float32Array,
  width: number,
  column: number,
  lookup: BinLookup,
  feature: number,
  start: number,
): void {
  const { rows, slots, from, to } = at;
  const { counts, sums, cells } = slab;
  const { low, high, origin, perQuantum, edges, grid } = lookup;
  for (let i = from; i < to; i++) {
    const x = values[rows[i]! * width + column]!;
    const slot = slots[i]!;
    if (!(x >= low && x <= high)) {
      countOutside(slab, slot, x, lookup, feature, start);
      continue;
    }
    const quanta = ((x - origin) * perQuantum + 0.5) | 0;
    let bin = grid[quanta >>> LINEAR_SHIFT]!;
    while (x >= edges[bin]!) bin++;
    const cell = slot * cells + start + bin;
    counts[cell]!++;
    sums[cell]! += quanta;
  }
}

/** The same with a grid over the bits of the float. */
function countByBits(
  slab: PaneSlab,
  at: RowSlotsBlock,
  values: Float32Array,
  width: number,
  column: number,
  lookup: BinLookup,
  feature: number,
  start: number,
): void {
  const { rows, slots, from, to } = at;
  const { counts, sums, cells } = slab;
  const { low, high, origin, perQuantum, edges, grid, keyLow, keyShift } = lookup;
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = from; i < to; i++) {
    const place = rows[i]! * width + column;
    const x = values[place]!;
    const slot = slots[i]!;
    if (!(x >= low && x <= high)) {
      countOutside(slab, slot, x, lookup, feature, start);
      continue;
    }
    const quanta = ((x - origin) * perQuantum + 0.5) | 0;
    let bin = grid[((orderedBits(bits[place]!) - keyLow) | 0) >>> keyShift]!;
    while (x >= edges[bin]!) bin++;
    const cell = slot * cells + start + bin;
    counts[cell]!++;
    sums[cell]! += quanta;
  }
}

/** What is not within the domain: no value, infinity, or an outlier, which belongs to the first or the last bin. */
function countOutside(slab: PaneSlab, slot: number, x: number, lookup: BinLookup, feature: number, start: number): void {
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
  const cell = slot * slab.cells + start + (isBelow ? 0 : lookup.lastBin);
  slab.counts[cell]!++;
  slab.sums[cell]! += boundedQuantaOf(x, lookup.origin, lookup.perQuantum);
}

/** Counts a string column. Null and the empty string are missing. */
export function countWords(slab: PaneSlab, at: RowSlots, words: BytesColumn, vocabulary: Vocabulary, feature: number, start: number): void {
  const { rows, slots, count } = at;
  const { counts, marks, cells, marksPerSlot } = slab;
  const { arena, start: from, length } = words;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const slot = slots[i]!;
    const size = length[row]!;
    if (size <= 0) marks[slot * marksPerSlot + feature * MARKS.length + MISSING]!++;
    else counts[slot * cells + start + vocabulary.indexOf(arena, from[row]!, size)]!++;
  }
}

/**
 * Counts the columns whose bit says that they hold a stand-in. A list has one bit: each of its elements is counted.
 * @param featuresOf features of each column, by its index
 */
export function countStandIns(
  slab: PaneSlab,
  at: RowSlots,
  degraded: Uint32Array,
  words: number,
  featuresOf: readonly (readonly number[])[],
): void {
  const { rows, slots, count } = at;
  const { marks, marksPerSlot } = slab;
  for (let i = 0; i < count; i++) {
    for (let word = 0; word < words; word++) {
      let bits = degraded[rows[i]! * words + word]!;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        const features = featuresOf[word * 32 + bit]!;
        const base = slots[i]! * marksPerSlot + STAND_INS;
        for (let k = 0; k < features.length; k++) marks[base + features[k]! * MARKS.length]!++;
        bits &= bits - 1;
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
