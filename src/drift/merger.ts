import { WeirError } from '../core/errors.ts';
import { OutputRecords } from '../core/outputs.ts';
import type { TopicPartition } from '../core/records.ts';
import { isSumOfPanes } from '../core/window-size.ts';
import { cellLayoutOf } from './cells.ts';
import { DeltaInbox } from './delta-inbox.ts';
import { DeltaLedger, type LedgerEntry } from './delta-ledger.ts';
import type { Merger, MergerOptions, PublishScope, Tally } from './merger-types.ts';
import { profileKey } from './observer.ts';
import { inputKey, type PaneDelta, type ProfileDelta } from './profile-delta.ts';
import {
  deleteState,
  getState,
  type MergerState,
  mergerKey,
  putState,
  referenceKey,
  STATE_FORMAT,
  windowKey,
  windowStates,
} from './merger-state.ts';
import { StatisticsOutbox, statisticsOf } from './statistics-outbox.ts';
import type { DriftStatistics } from './statistics-record.ts';
import { alphaPerTest } from './tests/multiple.ts';
import { FleetWatermark } from './watermark.ts';
import { type OpenWindow, saveWindow, Windows } from './windows.ts';

export type { DriftSnapshot, LogPosition, Merger, MergerCounts, MergerOptions, PublishScope } from './merger-types.ts';

const DAY_MS = 86_400_000;

/** A window whose records are to be counted again waits for no longer: they may never come, as when a group was moved by hand. */
const MOST_HOLD_MS = 300_000;

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
  // The shortest first: it lets go of rows first, and so decides what is late.
  const sizes = options.windows.toSorted((a, b) => a.longestMs - b.longestMs);
  const cells = cellLayoutOf(reference);
  const key = Buffer.from(profileKey(model));
  const outbox = new StatisticsOutbox(options);
  let books: readonly Windows[];
  let watermark: FleetWatermark;
  let inbox: DeltaInbox;
  let ledger: DeltaLedger;
  let counts: Tally;
  /** Panes of windows that had been let go. */
  let late: WeakSet<object>;
  let sources: Map<string, TopicPartition>;
  /** Time of the log, by the timestamps of its records. */
  let logMs: number;
  /** When the last delta came: of the log, and by the clock. */
  let lastDelta: { logMs: number; atMs: number };
  let closings: Place[];
  /** Keys of state that is of no use any more. */
  let outdated: string[];
  /** The profile itself is in the state topic, for those who read counts. */
  let isReferenceSaved: boolean;
  reset();

  function reset(): void {
    ledger = new DeltaLedger();
    books = sizes.map(
      (size) =>
        new Windows({
          cells,
          size,
          alpha: alphaPerTest(size.longestMs, options.expectedRunTimeDays * DAY_MS, cells.features.length),
          thresholds: options.thresholds,
          minSamples: options.minSamples,
          *pending() {
            for (const entry of ledger.pending()) for (const pane of entry.panes) yield { pane, partition: inputKey(entry) };
          },
        }),
    );
    watermark = new FleetWatermark({
      nowMs: () => logMs,
      outOfOrderMs: options.outOfOrderMs,
      idleMs: options.idleMs,
      closeAfterMs,
      ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
    });
    inbox = new DeltaInbox({
      key,
      model,
      referenceId: reference.referenceId,
      prefix: options.profilesPrefix,
      cells,
      isWithinWindows: (startMs, endMs) => sizes.every((size) => endMs <= size.endOf(size.startOf(startMs))),
      logger,
    });
    late = new WeakSet();
    counts = { events: 0, deadLetters: 0, skipped: 0, untimed: 0, lateDropped: 0 };
    sources = new Map();
    logMs = Number.NEGATIVE_INFINITY;
    lastDelta = { logMs: 0, atMs: clock.monotonicMs() };
    closings = [];
    outdated = [];
    isReferenceSaved = false;
    outbox.take();
  }

  function take(delta: ProfileDelta): void {
    const { added, settled, retracted } = ledger.accept(delta);
    const recountedAt = Math.max(...retracted.map(({ toOffset }) => toOffset));
    for (const entry of retracted) takeBack(entry, recountedAt);
    if (added) {
      watermark.advance(added);
      count(added);
    }
    for (const entry of settled) {
      for (const pane of entry.panes) for (const windows of books) settle(windows.at(pane.start), pane, inputKey(entry));
    }
  }

  function settle(open: OpenWindow | undefined, pane: PaneDelta, partition: string): void {
    if (!open) return;
    open.window.add(pane, partition);
    open.isUnsaved = true;
  }

  function count(entry: LedgerEntry): void {
    countRest(entry, 1);
    for (const pane of entry.panes) {
      const opened = books.map((windows) => touched(windows, pane.start));
      if (!opened[0]) late.add(pane);
      counts[opened[0] ? 'events' : 'lateDropped'] += pane.events;
    }
  }

  /**
   * What counted does not any more. Its windows wait until its records are counted again: meanwhile they would show too little.
   * @param recountedAt position at which all that was taken back with it is counted again
   */
  function takeBack(entry: LedgerEntry, recountedAt: number): void {
    const { inputTopic, inputPartition, panes } = entry;
    watermark.takeBack(entry, ledger.maxEventTimeOf(entry));
    countRest(entry, -1);
    const untilMs = logMs + MOST_HOLD_MS;
    for (const pane of panes) {
      for (const windows of books) {
        touched(windows, pane.start)?.holds.push({ untilMs, inputTopic, inputPartition, position: recountedAt });
      }
      counts[late.has(pane) ? 'lateDropped' : 'events'] -= pane.events;
    }
  }

  /** The window of a time whose counts are about to change; undefined when it was let go. */
  function touched(windows: Windows, timeMs: number): OpenWindow | undefined {
    const open = windows.at(timeMs);
    if (open) windows.touch(open);
    return open;
  }

  function countRest({ deadLetters, skipped, untimed }: LedgerEntry, sign: 1 | -1): void {
    counts.deadLetters += sign * deadLetters;
    counts.skipped += sign * skipped;
    counts.untimed += sign * untimed;
  }

  /** True while records of a window are to be counted again. */
  function isHeld(open: OpenWindow): boolean {
    if (open.holds.length > 0) open.holds = open.holds.filter((hold) => logMs < hold.untilMs && ledger.reachedOf(hold) < hold.position);
    return open.holds.length > 0;
  }

  /** Finds what the log has made final, or changed after that, and lets go of what nothing changes any more. */
  function close(): void {
    const reachedMs = watermark.valueMs();
    for (const windows of books) {
      const surplus = windows.surplus();
      for (const open of [...windows.inOrder()]) {
        const { endMs } = open.window;
        const isLeaving = surplus.includes(open);
        const isDone = open.finals > 0 && !open.isChanged;
        if (isDone && (isLeaving || reachedMs >= endMs + options.latenessMs + options.reviseMs)) forget(windows, open);
        else if (isLeaving || (!isHeld(open) && isClosable(open, reachedMs))) closings.push({ windows, open });
      }
    }
  }

  function forget(windows: Windows, open: OpenWindow): void {
    windows.forget(open);
    outdated.push(windowKey(key.toString(), windows.size.name, open.window.startMs));
  }

  function isClosable({ window, finals, isChanged, publishedAtMs }: OpenWindow, reachedMs: number): boolean {
    if (finals === 0) return reachedMs >= window.endMs + options.latenessMs;
    return isChanged && logMs - publishedAtMs >= REVISION_INTERVAL_MS;
  }

  /** Open windows to be shown as they are. */
  function* interims(scope: PublishScope): Generator<Place> {
    if (scope === 'final') return;
    const nowMs = clock.monotonicMs();
    const isQuiet = nowMs - lastDelta.atMs >= (options.quietMs ?? 2_000);
    for (const windows of books) {
      for (const open of windows.inOrder()) {
        if (open.finals > 0 || !open.isChanged || isHeld(open)) continue;
        if (scope === 'all' || isQuiet || nowMs - open.publishedAtMs >= (options.interimMs ?? 10_000)) yield { windows, open };
      }
    }
  }

  function describe({ windows, open }: Place, final: boolean): DriftStatistics {
    return statisticsOf(windows, open, final, options, { coverage: watermark.coverage(open.window.endMs), ledger: ledger.counts });
  }

  return {
    apply(records, from = 0) {
      for (let i = from; i < records.count; i++) {
        logMs = Math.max(logMs, records.timestamps[i]!);
        sources.set(`${records.topic}/${records.partition}`, { topic: records.topic, partition: records.partition });
        const delta = inbox.read(records, i);
        if (delta) {
          lastDelta = { logMs, atMs: clock.monotonicMs() };
          take(delta);
        }
        close();
        if (closings.length > 0) return i + 1;
      }
      return records.count;
    },

    measure(sliceMs, scope) {
      const endMs = clock.monotonicMs() + sliceMs;
      for (const { windows, open } of [...closings, ...interims(scope)]) {
        while (windows.measureNext(open)) if (clock.monotonicMs() >= endMs) return false;
      }
      return true;
    },

    due(scope) {
      for (const place of closings.splice(0)) {
        const { open } = place;
        outbox.add(describe(place, true), open.view, logMs);
        place.windows.conclude(open);
        open.finals++;
        open.isChanged = false;
        open.publishedAtMs = logMs;
        open.isUnsaved = true;
      }
      for (const place of interims(scope)) {
        outbox.add(describe(place, false), place.open.view, clock.wallMs());
        place.open.isChanged = false;
        place.open.publishedAtMs = clock.monotonicMs();
      }
      return outbox.take();
    },

    save({ partition, position }) {
      if (ledger.isMidDelta) return undefined;
      const owner = key.toString();
      const values = new Map<string, string | null>();
      for (const name of outdated.splice(0)) deleteState(values, name);
      for (const windows of books) {
        for (const open of windows.inOrder()) {
          if (open.isUnsaved) putState(values, windowKey(owner, windows.size.name, open.window.startMs), saveWindow(open));
          open.isUnsaved = false;
        }
      }
      putState(values, mergerKey(owner), {
        format: STATE_FORMAT,
        ...{ referenceId: reference.referenceId, paneMs, partition, position, logMs, lastDeltaLogMs: lastDelta.logMs, tally: counts },
        ...{ ledger: ledger.save(), watermark: watermark.save() },
        books: Object.fromEntries(books.map((windows) => [windows.size.name, windows.save()])),
      });
      if (!isReferenceSaved) putState(values, referenceKey(reference.referenceId), reference);
      isReferenceSaved = true;
      const records = new OutputRecords(options.stateTopic);
      for (const [name, text] of values) {
        records.push({ timestampMs: clock.wallMs(), key: Buffer.from(name), value: text === null ? null : Buffer.from(text) });
      }
      return records;
    },

    restore(values, { partition, position }) {
      reset();
      const owner = key.toString();
      isReferenceSaved = values.has(referenceKey(reference.referenceId));
      const state = getState<MergerState>(values, mergerKey(owner));
      const isOurs =
        state?.format === STATE_FORMAT &&
        state.referenceId === reference.referenceId &&
        state.paneMs === paneMs &&
        state.partition === partition &&
        state.position === position;
      if (!isOurs) {
        // What is there would else be taken for a part of what is saved from now on.
        outdated = [...values.keys()].filter((name) => name.startsWith(`${owner}|`) && !name.includes('#'));
        return false;
      }
      ledger.restore(state.ledger);
      watermark.restore(state.watermark);
      counts = { ...state.tally };
      logMs = state.logMs;
      lastDelta = { logMs: state.lastDeltaLogMs, atMs: clock.monotonicMs() };
      for (const windows of books) {
        const { name } = windows.size;
        // A size that is new begins with what comes.
        if (state.books[name]) windows.restore(state.books[name], windowStates(values, owner, name));
      }
      for (const { panes } of ledger.pending()) for (const pane of panes) if (!books[0]!.at(pane.start)) late.add(pane);
      return true;
    },

    wantsTick() {
      const silentMs = logMs - lastDelta.logMs;
      // After that, time alone closes nothing any more.
      if (silentMs > Math.max(closeAfterMs, options.idleMs, MOST_HOLD_MS) + REVISION_INTERVAL_MS) return false;
      return books.some((windows) => windows.inOrder().some(({ finals, isChanged }) => finals === 0 || isChanged));
    },

    tick() {
      const records = new OutputRecords(options.profilesTopic);
      records.push({ timestampMs: clock.wallMs(), key, value: null });
      return records;
    },

    counts: () => ({ ...counts, ...ledger.counts, ...inbox.leftOut }),

    snapshot() {
      const all = books.flatMap((windows) => windows.inOrder().map((open) => describe({ windows, open }, open.finals > 0)));
      const reachedMs = watermark.valueMs();
      return {
        model: { name: model.name, version: model.version },
        referenceId: reference.referenceId,
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
