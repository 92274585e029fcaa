/**
 * Training-serving skew: how often a column and the value of its `compareWith` differ, row by row. One pass a pair over both columns, and
 * no work where no column says `compareWith`.
 */
import type { BytesColumn } from '../core/bytes-column.ts';
import { blockRowsOf, type Comparison, type RowLayout } from '../core/layout.ts';
import type { Rows } from '../core/rows.ts';
import { MARKS, SKEW_COMPARED, SKEW_MISMATCHED } from './cells.ts';
import type { RowSlots } from './float-counter.ts';
import type { PaneSlab } from './pane-slab.ts';

/** Numbers are the same up to this share of the larger one: both are float32, and one may have gone through text or a sum in another order. */
export const SKEW_TOLERANCE = 1e-6;

interface Pair extends Comparison {
  readonly feature: number;
}

/** Counts the pairs of a layout. */
export class SkewCounter {
  private readonly slab: PaneSlab;
  private readonly layout: RowLayout;
  private readonly pairs: readonly Pair[];
  /** Rows are taken in blocks: what one pair has brought into the cache is there for the next. */
  private readonly blockRows: number;

  constructor(slab: PaneSlab, layout: RowLayout) {
    this.slab = slab;
    this.layout = layout;
    this.pairs = layout.comparisons.flatMap((pair) => {
      const feature = layout.monitored.findIndex(({ column }) => column === pair.column);
      return feature < 0 ? [] : [{ ...pair, feature }];
    });
    this.blockRows = blockRowsOf(layout.floatWidths.reduce((sum, width) => sum + width, 1));
  }

  /** Counts the rows that `at` names. Rows in which either side has no value, or the column holds a stand-in, are not compared. */
  count(rows: Rows, at: RowSlots): void {
    for (let from = 0; from < at.count; from += this.blockRows) {
      const to = Math.min(at.count, from + this.blockRows);
      for (const pair of this.pairs) {
        if (pair.column.kind === 'float') this.countFloats(rows, at, from, to, pair);
        else this.countTexts(rows, at, from, to, pair);
      }
    }
  }

  private countFloats(rows: Rows, at: RowSlots, from: number, to: number, { column, other, feature }: Pair): void {
    const { floatWidths, degradedWords } = this.layout;
    const { degraded } = rows;
    const ours = rows.floats[column.lane]!;
    const theirs = rows.floats[other.lane]!;
    const width = floatWidths[column.lane]!;
    const otherWidth = floatWidths[other.lane]!;
    const word = column.index >>> 5;
    const bit = 1 << (column.index & 31);
    let slot = at.slots[from]!;
    let compared = 0;
    let mismatched = 0;
    for (let i = from; i < to; i++) {
      // Neighbours are nearly always of one pane.
      if (at.slots[i] !== slot) {
        this.add(slot, feature, compared, mismatched);
        slot = at.slots[i]!;
        compared = mismatched = 0;
      }
      const row = at.rows[i]!;
      const a = ours[row * width + column.slot]!;
      const b = theirs[row * otherWidth + other.slot]!;
      if (a !== a || b !== b || (degraded[row * degradedWords + word]! & bit) !== 0) continue;
      compared++;
      if (a !== b && isFar(a, b)) mismatched++;
    }
    this.add(slot, feature, compared, mismatched);
  }

  private countTexts(rows: Rows, at: RowSlots, from: number, to: number, { column, other, feature }: Pair): void {
    const { degradedWords } = this.layout;
    const ours = rows.texts[column.lane]!;
    const theirs = rows.texts[other.lane]!;
    const word = column.index >>> 5;
    const bit = 1 << (column.index & 31);
    for (let i = from; i < to; i++) {
      const row = at.rows[i]!;
      // As missing values are counted: null and the empty string are none.
      if (ours.length[row]! <= 0 || theirs.length[row]! <= 0 || (rows.degraded[row * degradedWords + word]! & bit) !== 0) continue;
      this.add(at.slots[i]!, feature, 1, isSameText(ours, theirs, row) ? 0 : 1);
    }
  }

  private add(slot: number, feature: number, compared: number, mismatched: number): void {
    const { marks, marksPerSlot } = this.slab;
    const first = slot * marksPerSlot + feature * MARKS.length;
    marks[first + SKEW_COMPARED]! += compared;
    marks[first + SKEW_MISMATCHED]! += mismatched;
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
