import { paneGridOf, type WindowSize } from '../core/window-size.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import { OutputRecords } from '../core/outputs.ts';
import type { DriftObserver, Sink } from '../core/ports.ts';
import type { TopicPartition } from '../core/records.ts';
import type { Rows, Scores } from '../core/rows.ts';
import { Accumulator, type Segment } from './accumulator.ts';
import { cellLayoutOf } from './cells.ts';
import { cutProfileDelta, encodeProfileDelta, profileDeltaFrom } from './profile-delta.ts';
import { checkReferenceProfile, type ReferenceProfile } from './reference-profile.ts';

/** Event times further in the future than this are not usable. */
export const MAX_AHEAD_MS = 86_400_000;
/** Above this many panes a flush is due at once, so that memory does not grow with the spread of event times. */
export const MAX_PANES = 256;

/** Options of `createDriftObserver`. */
export interface DriftObserverOptions {
  readonly layout: RowLayout;
  readonly model: { readonly name: string; readonly version: string };
  readonly reference: ReferenceProfile;
  readonly profilesTopic: string;
  /** Framing bytes before every Avro body (`createOutputFraming` over `driftProfileSchema`). */
  readonly prefix: Buffer;
  /** Length of a pane; must divide the merger's windows. */
  readonly paneMs: number;
  /** Sizes of the merger's windows, for panes as long as they allow (`paneGridOf`). Default: all panes have `paneMs`. */
  readonly windows?: readonly WindowSize[];
  readonly flushIntervalMs: number;
  readonly clock: Clock;
  /** Unique among the workers, and new for every start of one. */
  readonly workerId: string;
}

/** Key of all profiles records of a model version: they share a partition, so one merger sees them all in order. */
export function profileKey(model: { readonly name: string; readonly version: string }): string {
  return `${model.name}|${model.version}`;
}

/**
 * The worker's half of drift: counts rows, and gives out what was counted as records for the profiles topic. Deltas
 * must go into the same emission as (or one right after) the batches they count; each scored row is in exactly one.
 * @throws WeirError `reference_invalid` when the profile is not of this model and layout; `config_invalid`
 */
export function createDriftObserver(options: DriftObserverOptions): DriftObserver {
  const { layout, model, reference, clock, paneMs, prefix } = options;
  checkReferenceProfile(reference, layout, model);
  if (!(Number.isInteger(paneMs) && paneMs > 0))
    throw new WeirError('config_invalid', `drift.pane must be a whole number of milliseconds, not ${paneMs}.`);
  const panes = paneGridOf(options.windows ?? [], paneMs);
  const accumulator = new Accumulator({
    layout,
    cells: cellLayoutOf(reference),
    panes,
    latestUsableMs: () => clock.wallMs() + MAX_AHEAD_MS,
  });
  const key = Buffer.from(profileKey(model));
  const origin = { model: model.name, modelVersion: model.version, referenceId: reference.referenceId, workerId: options.workerId };
  let flushedAtMs = clock.monotonicMs();

  return {
    observe(rows: Rows, scores: Scores, source): void {
      accumulator.observe(rows, scores, source);
    },

    advance(position, source): void {
      accumulator.advance(position, source);
    },

    takeDeltas(force: boolean, sink): OutputRecords | undefined {
      const nowMs = clock.monotonicMs();
      const isDue = force || nowMs - flushedAtMs >= options.flushIntervalMs || accumulator.panes > MAX_PANES;
      if (!isDue) return undefined;
      flushedAtMs = nowMs;
      if (!accumulator.hasCounts) return undefined;
      const records = new OutputRecords(options.profilesTopic);
      const timestampMs = clock.wallMs();
      accumulator.take((segment) => {
        const delta = profileDeltaFrom(segment, accumulator.slab, {
          grid: panes,
          emittedAt: timestampMs,
          committedOffset: committedOf(segment, sink),
          origin,
        });
        for (const part of cutProfileDelta(delta)) records.push({ timestampMs, key, value: encodeProfileDelta(prefix, part) });
      });
      return records;
    },

    revoke(partitions: readonly TopicPartition[]): void {
      accumulator.revoke(partitions);
    },
  };
}

/** Nobody begins before it: the assignment began where the group had committed, and commits only move on. */
function committedOf({ topic, partition, origin, toOffset }: Readonly<Segment>, sink: Pick<Sink, 'committedWith'>): number {
  return Math.max(origin.startOffset, sink.committedWith({ topic, partition, epoch: origin.epoch, nextOffset: toOffset }));
}
