import { type CellLayout, MARKS } from './cells.ts';
import type { ComparedCounts } from './comparison.ts';
import type { Window } from './window.ts';

/** Counts of a window that was let go, as plain values: sparse, over the cells of all features. */
export interface PastState {
  readonly start: number;
  readonly cells: readonly number[];
  readonly counts: readonly number[];
  /** All marks of the first feature, then of the next. An older weir had fewer, the first ones of today's. */
  readonly marks: readonly number[];
  /** Absent: an older weir did not count them. */
  readonly rejected?: number;
}

interface Past extends ComparedCounts {
  isUnsaved: boolean;
}

/**
 * Counts of windows of one size that were let go, for as long as a later window may be compared with them: 8 bytes a cell for each. What
 * is kept follows from the log, since windows are let go as it says.
 */
export class PastWindows {
  private readonly cells: CellLayout;
  private readonly byStart = new Map<number, Past>();

  constructor(cells: CellLayout) {
    this.cells = cells;
  }

  /** Counts of the window that began at a time; undefined when they are not kept. */
  at(startMs: number): ComparedCounts | undefined {
    return this.byStart.get(startMs);
  }

  /** Keeps the counts of a final window that is let go. */
  add({ startMs, counts, marks, rejected }: Window): void {
    this.byStart.set(startMs, { counts, marks, rejected, isUnsaved: true });
  }

  /** Drops what began before a time. @returns the starts of what was dropped */
  dropBefore(startMs: number): number[] {
    const old = [...this.byStart.keys()].filter((start) => start < startMs);
    for (const start of old) this.byStart.delete(start);
    return old;
  }

  /** What was added since the last call. */
  *unsaved(): Generator<PastState> {
    for (const [start, past] of this.byStart) {
      if (!past.isUnsaved) continue;
      past.isUnsaved = false;
      const cells = Array.from(past.counts.keys()).filter((cell) => past.counts[cell]! > 0);
      const { marks, rejected } = past;
      yield { start, cells, counts: cells.map((cell) => past.counts[cell]!), marks: [...marks], rejected };
    }
  }

  /** Goes on from what `unsaved` gave. What a newer weir has saved, with more marks, is left out. */
  restore(states: readonly PastState[]): void {
    const { features, cells: all } = this.cells;
    for (const { start, cells, counts: values, marks: saved, rejected = 0 } of states) {
      const perFeature = saved.length / features.length;
      if (!Number.isInteger(perFeature) || perFeature > MARKS.length) continue;
      const counts = new Float64Array(all);
      for (const [i, cell] of cells.entries()) counts[cell] = values[i]!;
      const marks = new Float64Array(features.length * MARKS.length);
      for (const [at, value] of saved.entries()) marks[Math.floor(at / perFeature) * MARKS.length + (at % perFeature)] = value;
      this.byStart.set(start, { counts, marks, rejected, isUnsaved: false });
    }
  }
}
