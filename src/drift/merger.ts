import { WeirError } from '../core/errors.ts';
import { OutputRecords } from '../core/outputs.ts';
import type { TopicPartition } from '../core/records.ts';
import { cellLayoutOf } from './cells.ts';
import type { FeatureStatistics } from './decision.ts';
import { DeltaInbox } from './delta-inbox.ts';
import { DeltaLedger, type LedgerEntry } from './delta-ledger.ts';
import type { Merger, MergerOptions, Tally } from './merger-types.ts';
import { profileKey } from './observer.ts';
import { inputKey, type ProfileDelta } from './profile-delta.ts';
import { type DriftStatistics, encodeDriftStatistics, statisticsKey } from './statistics-record.ts';
import { alphaPerTest } from './tests/multiple.ts';
import { FleetWatermark } from './watermark.ts';
import { type OpenWindow, Windows } from './windows.ts';

export type { DriftSnapshot, Merger, MergerCounts, MergerOptions } from './merger-types.ts';

const DAY_MS = 86_400_000;

/** A window whose records are to be counted again waits for no longer: they may never come, as when a group was moved by hand. */
const MOST_HOLD_MS = 300_000;

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
  /** Panes of windows that had been let go. */
  let late: WeakSet<object>;
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
        for (const entry of ledger.pending()) for (const pane of entry.panes) yield { pane, partition: inputKey(entry) };
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
    late = new WeakSet();
    counts = { events: 0, deadLetters: 0, skipped: 0, untimed: 0, lateDropped: 0 };
    sources = new Map();
    heardAtMs = clock.monotonicMs();
    outbox = undefined;
  }

  function take(delta: ProfileDelta): void {
    const { added, settled, retracted } = ledger.accept(delta);
    for (const entry of retracted) takeBack(entry);
    if (added) {
      watermark.advance(added);
      count(added);
    }
    for (const entry of settled) for (const pane of entry.panes) windows.at(pane.start)?.window.add(pane, inputKey(entry));
    for (const open of windows.surplus()) {
      if (open.isChanged || !open.wasFinal) publish(open, true);
      windows.forget(open);
    }
  }

  function count(entry: LedgerEntry): void {
    countRest(entry, 1);
    for (const pane of entry.panes) {
      const open = windows.at(pane.start);
      if (open) windows.touch(open);
      else late.add(pane);
      counts[open ? 'events' : 'lateDropped'] += pane.events;
    }
  }

  /** What counted does not any more. Its windows wait until its records are counted again: meanwhile they would show too little. */
  function takeBack(entry: LedgerEntry): void {
    const { toOffset, panes } = entry;
    watermark.takeBack(entry, ledger.maxEventTimeOf(entry));
    countRest(entry, -1);
    const untilMs = clock.monotonicMs() + MOST_HOLD_MS;
    for (const pane of panes) {
      const open = windows.at(pane.start);
      if (open) {
        windows.touch(open);
        open.holds.push({ untilMs, isOver: () => ledger.reachedOf(entry) >= toOffset });
      }
      counts[late.has(pane) ? 'lateDropped' : 'events'] -= pane.events;
    }
  }

  function countRest({ deadLetters, skipped, untimed }: LedgerEntry, sign: 1 | -1): void {
    counts.deadLetters += sign * deadLetters;
    counts.skipped += sign * skipped;
    counts.untimed += sign * untimed;
  }

  /** True while records of a window are to be counted again. */
  function isHeld(open: OpenWindow, nowMs: number): boolean {
    if (open.holds.length > 0) open.holds = open.holds.filter(({ untilMs, isOver }) => nowMs < untilMs && !isOver());
    return open.holds.length > 0;
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
    if (isHeld(open, nowMs)) return false;
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
