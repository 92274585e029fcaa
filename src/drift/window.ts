import { type CellLayout, MARKS } from './cells.ts';
import type { PaneDelta } from './profile-delta.ts';

/**
 * Counts of one window, added up from panes. Everything is an integer or a minimum or maximum, so the result does not
 * depend on how rows were split over workers, partitions and flushes, nor on the order of arrival.
 */
export class Window {
  readonly startMs: number;
  readonly endMs: number;
  readonly layout: CellLayout;
  events = 0;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** `marks[feature * MARKS.length + mark]`. */
  readonly marks: Float64Array;
  /** Smallest value below the domain of each feature, +∞ when none. */
  readonly lowest: Float64Array;
  /** Largest value above the domain, −∞ when none. */
  readonly highest: Float64Array;
  /** Input partitions with rows here. */
  readonly partitions = new Set<string>();

  constructor(layout: CellLayout, startMs: number, endMs: number) {
    const features = layout.features.length;
    this.layout = layout;
    this.startMs = startMs;
    this.endMs = endMs;
    this.counts = new Float64Array(layout.cells);
    this.sums = new Float64Array(layout.cells);
    this.marks = new Float64Array(features * MARKS.length);
    this.lowest = new Float64Array(features).fill(Number.POSITIVE_INFINITY);
    this.highest = new Float64Array(features).fill(Number.NEGATIVE_INFINITY);
  }

  /** One with the same counts, apart from this. */
  copy(): Window {
    const copy = new Window(this.layout, this.startMs, this.endMs);
    copy.events = this.events;
    for (const column of ['counts', 'sums', 'marks', 'lowest', 'highest'] as const) copy[column].set(this[column]);
    for (const partition of this.partitions) copy.partitions.add(partition);
    return copy;
  }

  /** Adds a pane that was checked (`checkProfileDelta`). */
  add(pane: PaneDelta, partition: string): void {
    this.events += pane.events;
    if (pane.events > 0) this.partitions.add(partition);
    for (let index = 0; index < pane.features.length; index++) {
      const feature = pane.features[index]!;
      const { start } = this.layout.features[index]!;
      const { cells, counts, sums } = feature;
      for (let i = 0; i < cells.length; i++) {
        this.counts[start + cells[i]!]! += counts[i]!;
        if (i < sums.length) this.sums[start + cells[i]!]! += sums[i]!;
      }
      for (let mark = 0; mark < MARKS.length; mark++) this.marks[index * MARKS.length + mark]! += feature[MARKS[mark]!];
      if (feature.lowest !== null) this.lowest[index] = Math.min(this.lowest[index]!, feature.lowest);
      if (feature.highest !== null) this.highest[index] = Math.max(this.highest[index]!, feature.highest);
    }
  }
}
