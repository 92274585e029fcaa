import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { OutputRecords } from '../core/outputs.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch, TopicPartition } from '../core/records.ts';
import { cellLayoutOf } from './cells.ts';
import type { DriftThresholds, FeatureStatistics } from './decision.ts';
import { DeltaInbox, type LeftOut } from './delta-inbox.ts';
import { DeltaLedger, type LedgerCounts, type LedgerEntry } from './delta-ledger.ts';
import { profileKey } from './observer.ts';
import type { ProfileDelta } from './profile-delta.ts';
import type { ReferenceProfile } from './reference-profile.ts';
import { type DriftStatistics, encodeDriftStatistics, statisticsKey } from './statistics-record.ts';
import { alphaPerTest } from './tests/multiple.ts';
import { FleetWatermark } from './watermark.ts';
import { type OpenWindow, Windows } from './windows.ts';

/** Options of `createMerger`. */
export interface MergerOptions {
  readonly model: { readonly name: string; readonly version: string };
  readonly reference: ReferenceProfile;
  readonly statisticsTopic: string;
  /** Framing bytes that every value of the profiles topic begins with. */
  readonly profilesPrefix: Buffer;
  /** Framing bytes of the statistics topic. */
  readonly statisticsPrefix: Buffer;
  readonly windowMs: number;
  /** Must divide `windowMs`. */
  readonly paneMs: number;
  /** Windows begin at this time plus a multiple of `windowMs`. Default 0, the epoch. */
  readonly originMs?: number;
  readonly outOfOrderMs: number;
  readonly latenessMs: number;
  readonly thresholds: DriftThresholds;
  readonly expectedRunTimeDays: number;
  readonly minSamples: number;
  /** Number of input partitions, when known: no window closes before all were heard of or are idle. */
  readonly partitions?: number;
  /** A changed window that is still open is published at most this often. Default 10 s. */
  readonly interimMs?: number;
  /** After this long without a delta, changed windows are published at once. Default 2 s. */
  readonly quietMs?: number;
  /** See `WatermarkOptions.idleMs`. Default 60 s. */
  readonly idleMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the merger has added up. */
interface Tally {
  /** Scored rows in windows. */
  events: number;
  deadLetters: number;
  skipped: number;
  untimed: number;
  /** Scored rows of windows that were let go already. */
  lateDropped: number;
}

/** What the merger has read. */
export type MergerCounts = Tally & LedgerCounts & LeftOut;

/** State of drift for metrics. */
export interface DriftSnapshot {
  readonly model: { readonly name: string; readonly version: string };
  readonly referenceId: string;
  /** The newest window with enough data, else the newest; undefined before the first delta. */
  readonly latest: DriftStatistics | undefined;
  /** All windows in memory, in order of time. */
  readonly windows: readonly DriftStatistics[];
  /** Milliseconds since the epoch; undefined when nothing is known. */
  readonly watermarkMs: number | undefined;
  readonly partitionsSeen: number;
  readonly counts: Readonly<MergerCounts>;
}

/** Adds up profile deltas of one model version and publishes statistics. Pure: knows no Kafka. */
export interface Merger {
  /** Adds the deltas of a batch of the profiles topic. Bad records are counted and logged, never thrown. */
  apply(records: RecordBatch): void;
  /**
   * When something is due, does what takes time of `due` and of the `snapshot` after it beforehand, in slices: the exact tests of a feature
   * take up to milliseconds.
   * @param sliceMs how long one call may take; @param force as of `due`
   * @returns false when there is more to do
   */
  measure(sliceMs: number, force?: boolean): boolean;
  /** Statistics that are due, compactable by key; undefined when none are. @param force all windows that changed */
  due(force?: boolean): OutputRecords | undefined;
  snapshot(): DriftSnapshot;
  /** What was read since the start, or since the last `revoke` that forgot it. */
  counts(): Readonly<MergerCounts>;
  /** Partitions of the profiles topic that were lost: forgets the state if it came from them. Whoever takes them reads them from their beginning. */
  revoke(partitions: readonly TopicPartition[]): void;
}

const DAY_MS = 86_400_000;

/**
 * The second half of drift. The result depends only on what was scored, not on how deltas split it, who crashed when, or how the deltas of
 * different input partitions are mixed.
 * @throws WeirError `config_invalid` when the pane does not divide the window
 */
export function createMerger(options: MergerOptions): Merger {
  const { model, reference, windowMs, paneMs, clock, logger } = options;
  const originMs = options.originMs ?? 0;
  if (windowMs % paneMs !== 0 || originMs % paneMs !== 0) {
    throw new WeirError('config_invalid', `drift.pane (${paneMs} ms) must divide drift.window (${windowMs} ms) and its origin.`);
  }
  const cells = cellLayoutOf(reference);
  const alpha = alphaPerTest(windowMs, options.expectedRunTimeDays * DAY_MS, cells.features.length);
  const key = Buffer.from(profileKey(model));
  let windows: Windows;
  let watermark: FleetWatermark;
  let inbox: DeltaInbox;
  let ledger: DeltaLedger;
  let counts: Tally;
  let sources: Map<string, TopicPartition>;
  let heardAtMs: number;
  let outbox: OutputRecords | undefined;
  reset();

  function reset(): void {
    ledger = new DeltaLedger();
    windows = new Windows({
      cells,
      windowMs,
      originMs,
      alpha,
      thresholds: options.thresholds,
      minSamples: options.minSamples,
      *pending() {
        for (const entry of ledger.pending()) for (const pane of entry.panes) yield { pane, partition: partitionOf(entry) };
      },
    });
    watermark = new FleetWatermark({
      clock,
      outOfOrderMs: options.outOfOrderMs,
      idleMs: options.idleMs ?? 60_000,
      ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
    });
    inbox = new DeltaInbox({
      key,
      model,
      referenceId: reference.referenceId,
      prefix: options.profilesPrefix,
      cells,
      windowStartOf: (timeMs) => windows.startOf(timeMs),
      logger,
    });
    counts = { events: 0, deadLetters: 0, skipped: 0, untimed: 0, lateDropped: 0 };
    sources = new Map();
    heardAtMs = clock.monotonicMs();
    outbox = undefined;
  }

  function take(delta: ProfileDelta): void {
    watermark.advance(delta);
    const { added, settled, retracted } = ledger.accept(delta);
    for (const entry of retracted) count(entry, -1);
    if (added) count(added, 1);
    for (const entry of settled) for (const pane of entry.panes) windows.at(pane.start)?.window.add(pane, partitionOf(entry));
    for (const open of windows.surplus()) {
      if (open.isChanged || !open.wasFinal) publish(open, true);
      windows.forget(open);
    }
  }

  /** An entry counts from now on (1), or no longer (-1). */
  function count({ deadLetters, skipped, untimed, panes }: LedgerEntry, sign: 1 | -1): void {
    counts.deadLetters += sign * deadLetters;
    counts.skipped += sign * skipped;
    counts.untimed += sign * untimed;
    for (const pane of panes) {
      const open = windows.at(pane.start);
      if (open) windows.touch(open);
      counts[open ? 'events' : 'lateDropped'] += sign * pane.events;
    }
  }

  function statisticsOf(open: OpenWindow, final: boolean): DriftStatistics {
    const decision = windows.decide(open);
    const { view: window } = open;
    const { duplicatesDropped, retracted, gaps, gapOffsets } = ledger.counts;
    return {
      model: model.name,
      modelVersion: model.version,
      referenceId: reference.referenceId,
      windowStart: window.startMs,
      windowEnd: window.endMs,
      revision: open.revision,
      final,
      publishedAt: clock.wallMs(),
      events: window.events,
      partitionsSeen: window.partitions.size,
      partitionsExpected: options.partitions ?? null,
      alpha,
      status: decision.status,
      overallDrift: decision.overallDrift,
      driftedFeatures: decision.drifted.length,
      driftedFeatureNames: [...decision.drifted],
      driftShare: decision.features.length > 0 ? decision.drifted.length / decision.features.length : 0,
      recommendation: windows.recommend(open),
      features: decision.features as FeatureStatistics[],
      prediction: decision.prediction,
      deadLetters: counts.deadLetters,
      coverage: watermark.coverage(window.endMs),
      gaps,
      gapOffsets,
      duplicatesDropped: duplicatesDropped + retracted,
    };
  }

  function publish(open: OpenWindow, final: boolean): void {
    open.revision++;
    open.isChanged = false;
    open.wasFinal = final;
    open.publishedAtMs = clock.monotonicMs();
    const statistics = statisticsOf(open, final);
    outbox ??= new OutputRecords(options.statisticsTopic);
    outbox.push({
      timestampMs: statistics.publishedAt,
      key: Buffer.from(statisticsKey(statistics)),
      value: encodeDriftStatistics(options.statisticsPrefix, statistics),
    });
  }

  function isFinal({ wasFinal, window }: OpenWindow): boolean {
    return wasFinal || watermark.valueMs() >= window.endMs + options.latenessMs;
  }

  function isDue(open: OpenWindow, nowMs: number, force: boolean): boolean {
    const isNewlyFinal = !open.wasFinal && isFinal(open);
    if (!open.isChanged && !isNewlyFinal) return false;
    const isQuiet = nowMs - heardAtMs >= (options.quietMs ?? 2000);
    return force || isQuiet || isNewlyFinal || nowMs - open.publishedAtMs >= (options.interimMs ?? 10_000);
  }

  return {
    apply(records) {
      for (let i = 0; i < records.count; i++) {
        const delta = inbox.read(records, i);
        if (!delta) continue;
        heardAtMs = clock.monotonicMs();
        sources.set(`${records.topic}/${records.partition}`, { topic: records.topic, partition: records.partition });
        take(delta);
      }
    },

    measure(sliceMs, force = false) {
      const nowMs = clock.monotonicMs();
      if (!windows.inOrder().some((open) => isDue(open, nowMs, force))) return true;
      const endMs = nowMs + sliceMs;
      for (const open of windows.inOrder()) while (windows.measureNext(open)) if (clock.monotonicMs() >= endMs) return false;
      return true;
    },

    due(force = false) {
      const nowMs = clock.monotonicMs();
      for (const open of windows.inOrder()) if (isDue(open, nowMs, force)) publish(open, isFinal(open));
      const records = outbox;
      outbox = undefined;
      return records;
    },

    counts: () => ({ ...counts, ...ledger.counts, ...inbox.leftOut }),

    snapshot() {
      const all = windows.inOrder().map((open) => statisticsOf(open, open.wasFinal));
      const reachedMs = watermark.valueMs();
      return {
        model: { name: model.name, version: model.version },
        referenceId: reference.referenceId,
        latest: all.findLast(({ status }) => status !== 'INSUFFICIENT_DATA') ?? all.at(-1),
        windows: all,
        watermarkMs: Number.isFinite(reachedMs) ? reachedMs : undefined,
        partitionsSeen: watermark.seen,
        counts: { ...counts, ...ledger.counts, ...inbox.leftOut },
      };
    },

    revoke(partitions) {
      if (partitions.some(({ topic, partition }) => sources.has(`${topic}/${partition}`))) reset();
    },
  };
}

function partitionOf({ inputTopic, inputPartition }: LedgerEntry): string {
  return `${inputTopic}/${inputPartition}`;
}
