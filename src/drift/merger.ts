import { WeirError } from '../core/errors.ts';
import { OutputRecords } from '../core/outputs.ts';
import { compareSizes, isSumOfPanes, type WindowSize } from '../core/window-size.ts';
import { cellLayoutOf } from './cells.ts';
import { DeltaInbox } from './delta-inbox.ts';
import { MergedLog, MOST_HOLD_MS } from './merged-log.ts';
import type { Merger, MergerOptions, PublishScope } from './merger-types.ts';
import { profileKey } from './observer.ts';
import { PerformanceMerging } from './performance/performance-merging.ts';
import { retrainRequestFrom } from './retrain-request.ts';
import { StatisticsOutbox, statisticsOf } from './statistics-outbox.ts';
import type { DriftStatistics } from './statistics-record.ts';
import type { OpenWindow, Windows } from './windows.ts';

export type { DriftSnapshot, LogPosition, Merger, MergerCounts, MergerOptions, PublishScope } from './merger-types.ts';

/** A final window that late rows change is published again at most this often. */
const REVISION_INTERVAL_MS = 10_000;

/** A window and its book. */
interface Place {
  readonly windows: Windows;
  readonly open: OpenWindow;
}

/**
 * The second half of drift. The result depends only on what was scored, not on how deltas split it, who crashed when, or how the deltas of
 * different input partitions are mixed. Which windows are final, when, and what is said of them follows from the records of the profiles
 * topic and their timestamps alone: reading it again gives the same final statistics, byte for byte.
 * @throws WeirError `config_invalid` when the pane does not divide the windows
 */
export function createMerger(options: MergerOptions): Merger {
  const { model, reference, paneMs, closeAfterMs, clock, logger } = options;
  const unfit = options.windows.find((size) => !isSumOfPanes(size, paneMs));
  if (unfit) throw new WeirError('config_invalid', `drift.pane (${paneMs} ms) must divide drift.windows (${unfit.name}).`);
  const sizes = options.windows.toSorted(compareSizes);
  const cells = cellLayoutOf(reference);
  const owner = profileKey(model);
  const key = Buffer.from(owner);
  const outbox = new StatisticsOutbox(options);
  const performance = options.performance && new PerformanceMerging({ ...options, performance: options.performance }, sizes);
  let log: MergedLog;
  let inbox: DeltaInbox;
  /** When the last delta came, by the clock. */
  let heardAtMs: number;
  let closings: Place[];
  reset();

  function reset(): void {
    log = new MergedLog(options, sizes, cells);
    inbox = new DeltaInbox({
      ...{ key, model, cells, logger },
      referenceId: reference.referenceId,
      prefix: options.profilesPrefix,
      isWithinWindows: (startMs, endMs) => sizes.every((size) => endMs <= endAfter(size, startMs)),
    });
    heardAtMs = clock.monotonicMs();
    closings = [];
    outbox.take();
  }

  const isClosing = (): boolean => closings.length > 0 || log.performance?.isDue(log.logMs) === true;

  /** End of what a pane that begins at a time must lie in: the window of a size, or the pane that windows by a number of rows are cut at. */
  function endAfter(size: WindowSize, startMs: number): number {
    return size.rows === undefined ? size.endOf(size.startOf(startMs)) : (Math.floor(startMs / paneMs) + 1) * paneMs;
  }

  /** Finds what the log has made final, or changed after that, and lets go of what nothing changes any more. */
  function close(): void {
    const reachedMs = log.watermark.valueMs();
    for (const windows of log.books) {
      log.advance(windows, owner);
      const surplus = windows.surplus();
      for (const open of [...windows.inOrder()]) {
        const isLeaving = surplus.includes(open);
        const isDone = open.finals > 0 && !open.isChanged;
        const isOld = reachedMs >= open.window.endMs + options.latenessMs + options.reviseMs;
        if (isDone && (isLeaving || isOld)) log.forget(windows, open, owner);
        else if (isLeaving || (!log.isHeld(open) && isClosable(open, reachedMs))) closings.push({ windows, open });
      }
    }
  }

  function isClosable({ window, finals, isChanged, isGrowing, publishedAtMs }: OpenWindow, reachedMs: number): boolean {
    if (isGrowing) return false;
    if (finals === 0) return reachedMs >= window.endMs + options.latenessMs;
    return isChanged && log.logMs - publishedAtMs >= REVISION_INTERVAL_MS;
  }

  /** Open windows to be shown as they are. */
  function* interims(scope: PublishScope): Generator<Place> {
    if (scope === 'final') return;
    const nowMs = clock.monotonicMs();
    const isQuiet = nowMs - heardAtMs >= (options.quietMs ?? 2_000);
    for (const windows of log.books) {
      for (const open of windows.inOrder()) {
        if (open.finals > 0 || !open.isChanged || log.isHeld(open)) continue;
        if (scope === 'all' || isQuiet || nowMs - open.publishedAtMs >= (options.interimMs ?? 10_000)) yield { windows, open };
      }
    }
  }

  function describe({ windows, open }: Place, final: boolean): DriftStatistics {
    const circumstances = { coverage: log.watermark.coverage(open.window.endMs), ledger: log.ledger.counts };
    return statisticsOf(windows, open, final, options, circumstances);
  }

  return {
    apply(records, from = 0) {
      const { topic, partition } = records;
      if (isClosing()) return from;
      for (let i = from; i < records.count; i++) {
        log.logMs = Math.max(log.logMs, records.timestamps[i]!);
        log.sources.set(`${topic}/${partition}`, { topic, partition });
        const delta = performance?.take(records, i, log) ? undefined : inbox.read(records, i);
        if (delta) {
          heardAtMs = clock.monotonicMs();
          log.take(delta);
        }
        close();
        if (isClosing()) return i + 1;
      }
      return records.count;
    },

    get isClosing() {
      return isClosing();
    },

    measure(sliceMs, scope) {
      const endMs = clock.monotonicMs() + sliceMs;
      if (closings.length === 0 && performance?.measure(log, () => clock.monotonicMs() >= endMs) === false) return false;
      for (const { windows, open } of closings.length > 0 ? closings.slice(0, 1) : interims(scope)) {
        while (windows.measureNext(open)) if (clock.monotonicMs() >= endMs) return false;
      }
      return true;
    },

    due(scope) {
      const place = closings.shift();
      if (place) {
        const { windows, open } = place;
        const statistics = describe(place, true);
        outbox.add(statistics, open.view, log.logMs);
        const { retrain } = options;
        const request = retrain && retrainRequestFrom(statistics, open.view, retrain, log.lastRetrainWindowEnd);
        if (request) {
          outbox.request(request, log.logMs);
          log.lastRetrainWindowEnd = request.windowEnd;
        }
        windows.conclude(open);
        open.finals++;
        open.publishedAtMs = log.logMs;
        open.isChanged = false;
        open.isUnsaved = true;
        return outbox.take();
      }
      performance?.publish(outbox, log);
      for (const interim of interims(scope)) {
        const { open } = interim;
        outbox.add(describe(interim, false), open.view, clock.wallMs());
        open.publishedAtMs = clock.monotonicMs();
        open.isChanged = false;
      }
      return outbox.take();
    },

    save(at) {
      if (isClosing()) return undefined;
      const records = new OutputRecords(options.stateTopic);
      for (const [name, text] of log.save(at, owner)) {
        records.push({ timestampMs: clock.wallMs(), key: Buffer.from(name), value: text === null ? null : Buffer.from(text) });
      }
      return records;
    },

    restore(values, at) {
      reset();
      return log.restore(values, at, owner);
    },

    wantsTick() {
      if (log.performance?.isWaiting) return true;
      const silentMs = log.logMs - log.lastDeltaLogMs;
      // After that, time alone closes nothing any more.
      if (silentMs > Math.max(closeAfterMs, options.idleMs, MOST_HOLD_MS) + REVISION_INTERVAL_MS) return false;
      return log.books.some((windows) => windows.all().some(({ finals, isChanged }) => finals === 0 || isChanged));
    },

    tick() {
      const records = new OutputRecords(options.profilesTopic);
      records.push({ timestampMs: clock.wallMs(), key, value: null });
      return records;
    },

    counts: () => ({ ...log.tally, ...log.ledger.counts, ...inbox.leftOut }),

    snapshot() {
      const reachedMs = log.watermark.valueMs();
      return {
        model: { name: model.name, version: model.version },
        referenceId: reference.referenceId,
        windows: log.books.flatMap((windows) => windows.inOrder().map((open) => describe({ windows, open }, open.finals > 0))),
        watermarkMs: Number.isFinite(reachedMs) ? reachedMs : undefined,
        partitionsSeen: log.watermark.seen,
        counts: this.counts(),
      };
    },

    revoke(partitions) {
      if (partitions.some(({ topic, partition }) => log.sources.has(`${topic}/${partition}`))) reset();
    },
  };
}
