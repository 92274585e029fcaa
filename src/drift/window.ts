import { type CellLayout, MARKS } from './cells.ts';
import { dataRangesOf, type OffsetRange, widen } from './offset-ranges.ts';
import { type FeatureDelta, inputKey, type PaneDelta, type ProfileDelta } from './profile-delta.ts';

export type { OffsetRange } from './offset-ranges.ts';

/** What a pane is a part of. */
export type PaneSource = Pick<ProfileDelta, 'inputTopic' | 'inputPartition' | 'fromOffset' | 'toOffset'>;

type Later = 'typeMismatches' | 'skewCompared' | 'skewMismatched';

/** Counts of a feature, which an older weir may have saved: it did not count all that this one counts. */
export type SavedFeature = Omit<FeatureDelta, Later> & Partial<Pick<FeatureDelta, Later>>;

/** A pane, which an older weir may have saved. */
export type SavedPane = Omit<PaneDelta, 'features' | 'rejected'> &
  Partial<Pick<PaneDelta, 'rejected'>> & { readonly features: readonly SavedFeature[] };

/**
 * Counts of one window, added up from panes. Everything is an integer or a minimum or maximum, so the result does not
 * depend on how rows were split over workers, partitions and flushes, nor on the order of arrival.
 */
export class Window {
  readonly startMs: number;
  /** Exclusive; later for a window by a number of rows that grows. */
  endMs: number;
  readonly layout: CellLayout;
  events = 0;
  /** Dead letters that had a value of a wrong type; not among the events. */
  rejected = 0;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** `marks[feature * MARKS.length + mark]`. */
  readonly marks: Float64Array;
  /** Smallest value below the domain of each feature, +∞ when none. */
  readonly lowest: Float64Array;
  /** Largest value above the domain, −∞ when none. */
  readonly highest: Float64Array;
  /** Input partitions with rows here, by name, and the offsets between which all of them lie. */
  readonly partitions = new Map<string, OffsetRange>();

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
    copy.rejected = this.rejected;
    for (const column of ['counts', 'sums', 'marks', 'lowest', 'highest'] as const) copy[column].set(this[column]);
    for (const [partition, range] of this.partitions) copy.partitions.set(partition, range);
    return copy;
  }

  /**
   * Adds a pane that was checked (`checkProfileDelta`).
   * @param source the delta that it is of
   */
  add(pane: SavedPane, source: PaneSource): void {
    const { events, rejected = 0 } = pane;
    this.events += events;
    this.rejected += rejected;
    if (events + rejected > 0) this.cover(inputKey(source), { from: source.fromOffset, to: source.toOffset });
    for (let index = 0; index < pane.features.length; index++) {
      const feature = pane.features[index]!;
      const { start } = this.layout.features[index]!;
      const { cells, counts, sums } = feature;
      for (let i = 0; i < cells.length; i++) {
        this.counts[start + cells[i]!]! += counts[i]!;
        if (i < sums.length) this.sums[start + cells[i]!]! += sums[i]!;
      }
      for (let mark = 0; mark < MARKS.length; mark++) this.marks[index * MARKS.length + mark]! += feature[MARKS[mark]!] ?? 0;
      if (feature.lowest !== null) this.lowest[index] = Math.min(this.lowest[index]!, feature.lowest) + 0; // JSON, as which it may be saved, has no −0.
      if (feature.highest !== null) this.highest[index] = Math.max(this.highest[index]!, feature.highest) + 0;
    }
  }

  /** Adds the counts of another window, of the same layout. */
  absorb(other: Window): void {
    this.events += other.events;
    this.rejected += other.rejected;
    for (const column of ['counts', 'sums', 'marks'] as const) {
      const [into, from] = [this[column], other[column]];
      for (let i = 0; i < from.length; i++) into[i]! += from[i]!;
    }
    for (let index = 0; index < this.lowest.length; index++) {
      this.lowest[index] = Math.min(this.lowest[index]!, other.lowest[index]!);
      this.highest[index] = Math.max(this.highest[index]!, other.highest[index]!);
    }
    for (const [partition, range] of other.partitions) this.cover(partition, range);
  }

  /** Rows of an input partition lie within these offsets. */
  cover(partition: string, range: OffsetRange): void {
    widen(this.partitions, partition, range);
  }

  /** Where the rows are, in order: stretches of the input that hold all of them, and perhaps others. */
  dataRanges(): ReturnType<typeof dataRangesOf> {
    return dataRangesOf(this.partitions);
  }
}
