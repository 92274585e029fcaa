import type { PaneGrid } from '../core/window-size.ts';
import type { Segment } from './accumulator.ts';
import {
  ABOVE_DOMAIN,
  BELOW_DOMAIN,
  INFINITE,
  isNumeric,
  MARKS,
  MISSING,
  SKEW_COMPARED,
  SKEW_MISMATCHED,
  STAND_INS,
  STORE_MISS,
  TYPE_MISMATCHES,
} from './cells.ts';
import type { PaneSlab } from './pane-slab.ts';
import { driftProfileType } from './schemas.ts';

/** Counts of one feature in one pane, sparse. */
export interface FeatureDelta {
  missing: number;
  infinite: number;
  belowDomain: number;
  aboveDomain: number;
  standIns: number;
  storeMiss: number;
  storeStale: number;
  storeUnavailable: number;
  lowest: number | null;
  highest: number | null;
  /** Cells with a count, ascending. */
  cells: number[];
  /** One count a cell of `cells`. */
  counts: number[];
  /** One sum a cell of `cells`; empty for categories. */
  sums: number[];
  typeMismatches: number;
  skewCompared: number;
  skewMismatched: number;
}

/** Scored rows of one stretch of event time. */
export interface PaneDelta {
  start: number;
  durationMs: number;
  events: number;
  features: FeatureDelta[];
  /** Dead letters that had a value of a wrong type; they are not among the events. */
  rejected: number;
}

/** One record of the profiles topic: `schemas/drift-profile.avsc`. Times are milliseconds since the epoch. */
export interface ProfileDelta {
  model: string;
  modelVersion: string;
  referenceId: string;
  workerId: string;
  /** One uninterrupted ownership of the input partition by one worker. */
  segmentId: string;
  /** Generation of the consumer group under which it began; −1: unknown. */
  generation: number;
  /** Wall time of the worker when it began. */
  openedAt: number;
  /** Position at which it began. */
  startOffset: number;
  /** True when the earlier position was not in the log any more: what lies here was never counted, whatever its offsets. */
  isElsewhere: boolean;
  /** No later owner begins before this, unless somebody moves the group by hand. */
  committedOffset: number;
  inputTopic: string;
  inputPartition: number;
  fromOffset: number;
  toOffset: number;
  /** Deltas of many panes are cut into records that share their offsets. */
  part: number;
  parts: number;
  atEnd: boolean;
  maxEventTime: number;
  emittedAt: number;
  deadLetters: number;
  skipped: number;
  untimed: number;
  panes: PaneDelta[];
}

/** Names the input partition that something is of. */
export function inputKey({ inputTopic, inputPartition }: Pick<ProfileDelta, 'inputTopic' | 'inputPartition'>): string {
  return `${inputTopic}/${inputPartition}`;
}

/** The input partition of a name that `inputKey` gave. */
export function inputOf(name: string): { topic: string; partition: number } {
  const end = name.lastIndexOf('/');
  return { topic: name.slice(0, end), partition: Number(name.slice(end + 1)) };
}

/** What a delta says of its worker and model. */
export type DeltaOrigin = Pick<ProfileDelta, 'model' | 'modelVersion' | 'referenceId' | 'workerId'>;

/** Reads a segment's panes out of the slab. */
export function profileDeltaFrom(
  segment: Readonly<Segment>,
  slab: PaneSlab,
  {
    grid,
    emittedAt,
    committedOffset,
    origin,
  }: { readonly grid: PaneGrid; readonly emittedAt: number; readonly committedOffset: number; readonly origin: DeltaOrigin },
): ProfileDelta {
  const panes = [...segment.panes]
    .sort(([a], [b]) => a - b)
    .map(
      ([start, slot]): PaneDelta => ({
        start,
        durationMs: grid.endOf(start) - start,
        events: slab.events[slot]!,
        features: featuresOf(slab, slot),
        rejected: slab.rejected[slot]!,
      }),
    );
  return {
    ...origin,
    segmentId: `${origin.workerId}/${segment.origin.epoch}/${segment.origin.beganAtMs}`,
    generation: segment.origin.generation,
    openedAt: segment.origin.beganAtMs,
    startOffset: segment.origin.startOffset,
    isElsewhere: segment.origin.isElsewhere,
    committedOffset,
    inputTopic: segment.topic,
    inputPartition: segment.partition,
    fromOffset: segment.fromOffset,
    toOffset: segment.toOffset,
    part: 0,
    parts: 1,
    atEnd: segment.atEnd,
    maxEventTime: Math.floor(segment.maxEventTimeMs),
    emittedAt,
    deadLetters: segment.deadLetters,
    skipped: segment.skipped,
    untimed: segment.untimed,
    panes,
  };
}

function featuresOf(slab: PaneSlab, slot: number): FeatureDelta[] {
  const slotCounts = slab.countsOf(slot);
  const slotSums = slab.sumsOf(slot);
  return slab.layout.features.map(({ reference, start, count }, feature): FeatureDelta => {
    const cells: number[] = [];
    const counts: number[] = [];
    const sums: number[] = [];
    const numeric = isNumeric(reference);
    for (let cell = 0; cell < count; cell++) {
      const n = slotCounts[start + cell]!;
      if (n === 0) continue;
      cells.push(cell);
      counts.push(n);
      if (numeric) sums.push(slotSums[start + cell]!);
    }
    const mark = (index: number): number => slab.marks[slot * slab.marksPerSlot + feature * MARKS.length + index]!;
    const side = slot * slab.layout.features.length + feature;
    return {
      missing: mark(MISSING),
      infinite: mark(INFINITE),
      belowDomain: mark(BELOW_DOMAIN),
      aboveDomain: mark(ABOVE_DOMAIN),
      standIns: mark(STAND_INS),
      storeMiss: mark(STORE_MISS),
      storeStale: mark(STORE_MISS + 1),
      storeUnavailable: mark(STORE_MISS + 2),
      lowest: Number.isFinite(slab.lowest[side]!) ? slab.lowest[side]! : null,
      highest: Number.isFinite(slab.highest[side]!) ? slab.highest[side]! : null,
      cells,
      counts,
      sums,
      typeMismatches: mark(TYPE_MISMATCHES),
      skewCompared: mark(SKEW_COMPARED),
      skewMismatched: mark(SKEW_MISMATCHED),
    };
  });
}

/** Records of the profiles topic stay below about this many bytes; brokers refuse batches above 1,048,588. */
const MAX_RECORD_BYTES = 256_000;

/** Cuts a delta whose panes would make too large a record. What belongs to no pane goes with the first part. */
export function cutProfileDelta(delta: ProfileDelta, maxBytes: number = MAX_RECORD_BYTES): ProfileDelta[] {
  const groups: PaneDelta[][] = [[]];
  let filled = 0;
  for (const pane of delta.panes) {
    const size = sizeOf(pane);
    if (filled + size > maxBytes && filled > 0) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(pane);
    filled += size;
  }
  const rest = { deadLetters: 0, skipped: 0, untimed: 0 };
  return groups.map((panes, part) => ({ ...delta, ...(part > 0 ? rest : {}), part, parts: groups.length, panes }));
}

/** About the bytes of a pane: cells take 1 to 2, counts 1 to 3, sums up to 5. */
function sizeOf(pane: PaneDelta): number {
  return pane.features.reduce((sum, { cells, sums }) => sum + 24 + 4 * cells.length + 5 * sums.length, 16);
}

/** The framing bytes and the Avro body of a delta. */
export function encodeProfileDelta(prefix: Buffer, delta: ProfileDelta): Buffer {
  return Buffer.concat([prefix, driftProfileType.toBuffer(delta)]);
}
