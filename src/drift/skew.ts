/**
 * Training-serving skew: how often a column and the value of its `compareWith` differ, row by row. One pass a pair over both columns, and
 * no work where no column says `compareWith`.
 */
import type { BytesColumn } from '../core/bytes-column.ts';
import type { Comparison, RowLayout } from '../core/layout.ts';
import type { Rows } from '../core/rows.ts';
import { MARKS, SKEW_COMPARED, SKEW_MISMATCHED } from './cells.ts';
import type { RowSlots } from './float-counter.ts';
import type { PaneSlab } from './pane-slab.ts';

/** Numbers are the same up to this share of the larger one: both are float32, and one may have gone through text or a sum in another order. */
export const SKEW_TOLERANCE = 1e-6;

/** Counts the pairs of a layout. */
export class SkewCounter {
  private readonly slab: PaneSlab;
  private readonly layout: RowLayout;
  private readonly pairs: readonly (Comparison & { readonly feature: number })[];

  constructor(slab: PaneSlab, layout: RowLayout) {
    this.slab = slab;
    this.layout = layout;
    this.pairs = layout.comparisons.flatMap((pair) => {
      const feature = layout.monitored.findIndex(({ column }) => column === pair.column);
      return feature < 0 ? [] : [{ ...pair, feature }];
    });
  }

  /** Counts the rows that `at` names. Rows in which either side has no value, or the column holds a stand-in, are not compared. */
  count(rows: Rows, at: RowSlots): void {
    for (const pair of this.pairs) {
      if (pair.column.kind === 'float') this.countFloats(rows, at, pair);
      else this.countTexts(rows, at, pair);
    }
  }

  private countFloats(rows: Rows, at: RowSlots, { column, other, feature }: Comparison & { readonly feature: number }): void {
    const { floatWidths, degradedWords } = this.layout;
    const ours = rows.floats[column.lane]!;
    const theirs = rows.floats[other.lane]!;
    const width = floatWidths[column.lane]!;
    const otherWidth = floatWidths[other.lane]!;
    const word = column.index >>> 5;
    const bit = 1 << (column.index & 31);
    const { marks, marksPerSlot } = this.slab;
    const first = feature * MARKS.length;
    for (let i = 0; i < at.count; i++) {
      const row = at.rows[i]!;
      const a = ours[row * width + column.slot]!;
      const b = theirs[row * otherWidth + other.slot]!;
      if (a !== a || b !== b || (rows.degraded[row * degradedWords + word]! & bit) !== 0) continue;
      const mark = at.slots[i]! * marksPerSlot + first;
      marks[mark + SKEW_COMPARED]!++;
      if (a !== b && isFar(a, b)) marks[mark + SKEW_MISMATCHED]!++;
    }
  }

  private countTexts(rows: Rows, at: RowSlots, { column, other, feature }: Comparison & { readonly feature: number }): void {
    const { degradedWords } = this.layout;
    const ours = rows.texts[column.lane]!;
    const theirs = rows.texts[other.lane]!;
    const word = column.index >>> 5;
    const bit = 1 << (column.index & 31);
    const { marks, marksPerSlot } = this.slab;
    const first = feature * MARKS.length;
    for (let i = 0; i < at.count; i++) {
      const row = at.rows[i]!;
      // As missing values are counted: null and the empty string are none.
      if (ours.length[row]! <= 0 || theirs.length[row]! <= 0 || (rows.degraded[row * degradedWords + word]! & bit) !== 0) continue;
      const mark = at.slots[i]! * marksPerSlot + first;
      marks[mark + SKEW_COMPARED]!++;
      if (!isSameText(ours, theirs, row)) marks[mark + SKEW_MISMATCHED]!++;
    }
  }
}

/** One infinity differs from everything else, by infinity. */
function isFar(a: number, b: number): boolean {
  const distance = Math.abs(a - b);
  return distance === Number.POSITIVE_INFINITY || distance > SKEW_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

function isSameText(a: BytesColumn, b: BytesColumn, row: number): boolean {
  const size = a.length[row]!;
  if (size !== b.length[row]!) return false;
  const from = a.start[row]!;
  const otherFrom = b.start[row]!;
  for (let i = 0; i < size; i++) if (a.arena[from + i] !== b.arena[otherFrom + i]) return false;
  return true;
}
