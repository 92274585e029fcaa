import { isNumeric, MARKS } from './cells.ts';
import type { FeatureDelta } from './profile-delta.ts';
import type { OffsetRange, SavedFeature, Window } from './window.ts';

/** What a window has counted, sparse: what its statistics are computed from, together with the reference profile. */
export interface WindowCounts {
  /** Scored rows. */
  readonly events: number;
  /** Input partitions with rows, as `topic/partition`, in order. */
  readonly partitions: readonly string[];
  /** In the order of the reference profile; the score comes last. */
  readonly features: readonly FeatureDelta[];
  /** Dead letters that had a value of a wrong type. */
  readonly rejected: number;
}

/** What an older weir may have saved. */
export type SavedCounts = Pick<WindowCounts, 'events'> & { readonly features: readonly SavedFeature[]; readonly rejected?: number };

/** The counts of a window as plain values. */
export function countsOf(window: Window): WindowCounts {
  const { layout, counts, sums, marks, lowest, highest } = window;
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
  const features = layout.features.map(({ reference, start, count }, index): FeatureDelta => {
    const cells: number[] = [];
    for (let cell = 0; cell < count; cell++) if (counts[start + cell]! > 0) cells.push(cell);
    const named = MARKS.map((mark, at) => [mark, marks[index * MARKS.length + at]!]);
    return {
      ...(Object.fromEntries(named) as Record<(typeof MARKS)[number], number>),
      lowest: finite(lowest[index]!),
      highest: finite(highest[index]!),
      cells,
      counts: cells.map((cell) => counts[start + cell]!),
      sums: isNumeric(reference) ? cells.map((cell) => sums[start + cell]!) : [],
    };
  });
  return { events: window.events, partitions: [...window.partitions.keys()].sort(), features, rejected: window.rejected };
}

/**
 * Adds counts to an empty window: the opposite of `countsOf`. An older weir may have saved them.
 * @param ranges where the rows are, by input partition
 */
export function putCounts(
  window: Window,
  { events, features, rejected = 0 }: SavedCounts,
  ranges: Iterable<readonly [string, OffsetRange]>,
): void {
  const pane = { start: window.startMs, durationMs: window.endMs - window.startMs, events: 0, features, rejected: 0 };
  // Without rows of its own the pane names no input partition: the ranges do.
  window.add(pane, { inputTopic: '', inputPartition: 0, fromOffset: 0, toOffset: 0 });
  window.events = events;
  window.rejected = rejected;
  for (const [partition, range] of ranges) window.cover(partition, range);
}
