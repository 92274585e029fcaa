import { inputOf } from './profile-delta.ts';

/** A stretch of an input partition; `to` is the offset after the last. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** Rows of an input partition lie within these offsets, too. @param partition its name (`inputKey`) */
export function widen(ranges: Map<string, OffsetRange>, partition: string, { from, to }: OffsetRange): void {
  const known = ranges.get(partition);
  ranges.set(partition, known ? { from: Math.min(known.from, from), to: Math.max(known.to, to) } : { from, to });
}

/** Ranges in order, as records tell them. */
export function dataRangesOf(
  ranges: ReadonlyMap<string, OffsetRange>,
): { topic: string; partition: number; fromOffset: number; toOffset: number }[] {
  return [...ranges]
    .map(([name, { from, to }]) => ({ ...inputOf(name), fromOffset: from, toOffset: to }))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}
