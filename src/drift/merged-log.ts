import type { TopicPartition } from '../core/records.ts';
import type { WindowSize } from '../core/window-size.ts';
import { type CellLayout, cellLayoutOf } from './cells.ts';
import { DeltaLedger, type LedgerEntry } from './delta-ledger.ts';
import type { LogPosition, MergerOptions, Tally } from './merger-types.ts';
import {
  getState,
  type MergerState,
  mergerKey,
  paneKey,
  paneStates,
  pastKey,
  pastStates,
  performanceWindowKey,
  performanceWindowStates,
  piecesOf,
  putState,
  referenceKey,
  STATE_FORMAT,
  type StateValues,
  windowKey,
  windowStates,
} from './merger-state.ts';
import { PerformanceBook } from './performance/performance-book.ts';
import { layoutName } from './performance/performance-delta.ts';
import { pinnedCounts } from './pinned-profile.ts';
import type { PaneDelta, ProfileDelta } from './profile-delta.ts';
import { RowWindows } from './row-windows.ts';
import { alphaPerTest } from './tests/multiple.ts';
import { FleetWatermark } from './watermark.ts';
import { type OpenWindow, type PendingPane, saveWindow, Windows } from './windows.ts';

const DAY_MS = 86_400_000;

/** A window whose records are to be counted again waits for no longer: they may never come, as when a group was moved by hand. */
export const MOST_HOLD_MS = 300_000;

/**
 * What a merger has read of the profiles topic: which deltas count, what they add up to in each size of window, and how far event time has
 * come. A function of the records and their timestamps alone.
 */
export class MergedLog {
  /** One for each size, the shortest first: it lets go of rows first, and so decides what is late. */
  readonly books: readonly Windows[];
  /** Undefined when there are no labels. */
  readonly performance: PerformanceBook | undefined;
  readonly ledger = new DeltaLedger();
  readonly watermark: FleetWatermark;
  readonly sources = new Map<string, TopicPartition>();
  /** End of the window that led to the last request to train again; undefined: there was none. */
  lastRetrainWindowEnd: number | undefined;
  tally: Tally = { events: 0, deadLetters: 0, skipped: 0, untimed: 0, lateDropped: 0 };
  /** Time of the log, by the timestamps of its records. */
  logMs = Number.NEGATIVE_INFINITY;
  /** When the last delta came, by the log. */
  lastDeltaLogMs = 0;
  private readonly options: MergerOptions;
  /** Panes of windows that had been let go. */
  private readonly late = new WeakSet<object>();
  /** Keys of ours in the state topic, pieces among them. */
  private saved = new Set<string>();
  /** Those of no use any more. */
  private outdated: string[] = [];
  /** The profile itself is in the state topic, for those who read counts. */
  private isReferenceSaved = false;

  /** @param sizes the shortest first; @param cells of the reference */
  constructor(options: MergerOptions, sizes: readonly WindowSize[], cells: CellLayout = cellLayoutOf(options.reference)) {
    this.options = options;
    const { ledger } = this;
    const pinned = options.pinned && pinnedCounts(options.pinned, cells);
    const alphaOver = (lengthMs: number): number => alphaPerTest(lengthMs, options.expectedRunTimeDays * DAY_MS, cells.features.length);
    this.books = sizes.map((size) => {
      const common = {
        ...{ cells, size, thresholds: options.thresholds, minSamples: options.minSamples },
        overDispersion: options.overDispersion ?? 1,
        decidedBy: options.decidedBy ?? 'training',
        ...(options.previous && { previous: options.previous }),
        ...(pinned && { pinned }),
        *pending(): Generator<PendingPane> {
          for (const entry of ledger.pending()) for (const pane of entry.panes) yield { pane, source: entry };
        },
      };
      const { rows } = size;
      if (rows !== undefined) return new RowWindows({ ...common, rows, paneMs: options.paneMs, alphaOver });
      return new Windows({ ...common, alpha: alphaOver(size.longestMs) });
    });
    this.performance = options.performance && new PerformanceBook({ ...options.performance, sizes });
    this.watermark = new FleetWatermark({ ...options, nowMs: () => this.logMs });
  }

  /** Takes a delta. */
  take(delta: ProfileDelta): void {
    this.lastDeltaLogMs = this.logMs;
    const { added, settled, retracted } = this.ledger.accept(delta);
    const recountedAt = Math.max(...retracted.map(({ toOffset }) => toOffset));
    for (const entry of retracted) this.takeBack(entry, recountedAt);
    if (added) {
      this.watermark.advance(added);
      this.count(added);
    }
    for (const entry of settled) {
      for (const pane of entry.panes) for (const windows of this.books) settle(windows.at(pane.start), pane, entry);
    }
  }

  /** True while records of a window are to be counted again. */
  isHeld(open: OpenWindow): boolean {
    const { logMs, ledger } = this;
    if (open.holds.length > 0) open.holds = open.holds.filter((hold) => logMs < hold.untilMs && ledger.reachedOf(hold) < hold.position);
    return open.holds.length > 0;
  }

  /** Adds panes that are complete by now to windows by a number of rows. */
  advance(windows: Windows, owner: string): void {
    if (!(windows instanceof RowWindows)) return;
    for (const start of windows.advance(this.watermark.valueMs() - this.options.latenessMs)) {
      this.outdated.push(...piecesOf(this.saved, paneKey(owner, windows.size.name, start)));
    }
  }

  /** Lets a window go that nothing changes any more. */
  forget(windows: Windows, open: OpenWindow, owner: string): void {
    const { name } = windows.size;
    const outdated = [windowKey(owner, name, open.window.startMs), ...windows.forget(open).map((start) => pastKey(owner, name, start))];
    for (const key of outdated) this.outdated.push(...piecesOf(this.saved, key));
  }

  /** What has changed since it was saved last, by key. @param owner `model|version` */
  save({ partition, position }: LogPosition, owner: string): Map<string, string | null> {
    const { reference, paneMs } = this.options;
    const { ledger, books, performance, logMs, lastDeltaLogMs, tally } = this;
    const values = new Map<string, string | null>();
    for (const { window, state } of performance?.unsaved() ?? []) {
      const key = performanceWindowKey(owner, window.size.name, window.startMs, window.arm);
      if (state) putState(values, key, state);
      else this.outdated.push(...piecesOf(this.saved, key));
    }
    for (const name of this.outdated.splice(0)) {
      values.set(name, null);
      this.saved.delete(name);
    }
    for (const windows of books) {
      const isByRows = windows.size.rows !== undefined;
      const put = (open: OpenWindow, key: typeof windowKey): void => {
        if (open.isUnsaved) putState(values, key(owner, windows.size.name, open.window.startMs), saveWindow(open, isByRows));
        open.isUnsaved = false;
      };
      for (const open of windows.inOrder()) put(open, windowKey);
      if (windows instanceof RowWindows) for (const pane of windows.panes()) put(pane, paneKey);
      for (const past of windows.past.unsaved()) putState(values, pastKey(owner, windows.size.name, past.start), past);
    }
    putState(values, mergerKey(owner), {
      format: STATE_FORMAT,
      ...{ referenceId: reference.referenceId, paneMs, partition, position, logMs, lastDeltaLogMs, tally },
      lastRetrainWindowEnd: this.lastRetrainWindowEnd ?? null,
      ...{ ledger: ledger.save(), watermark: this.watermark.save() },
      books: Object.fromEntries(books.map((windows) => [windows.size.name, windows.save()])),
      ...(performance && { performance: performance.save() }),
    });
    if (!this.isReferenceSaved) putState(values, referenceKey(reference.referenceId), reference);
    this.isReferenceSaved = true;
    for (const [name, text] of values) if (text !== null && name.startsWith(`${owner}|`)) this.saved.add(name);
    return values;
  }

  /** Begins from what was saved at a position; nothing may have been read yet. @returns false when there is nothing that fits */
  restore(values: StateValues, { partition, position, isElsewhere = false }: LogPosition, owner: string): boolean {
    const { reference, paneMs } = this.options;
    this.isReferenceSaved = values.has(referenceKey(reference.referenceId));
    const state = getState<MergerState>(values, mergerKey(owner));
    const isOurs =
      state?.format === STATE_FORMAT &&
      state.referenceId === reference.referenceId &&
      state.paneMs === paneMs &&
      state.partition === partition &&
      // What retention has taken in between is a gap, and the ledger tells it.
      (state.position === position || (isElsewhere && state.position <= position));
    this.saved = new Set([...values.keys()].filter((name) => name.startsWith(`${owner}|`)));
    // Windows of sizes that are no more, or all, would else be taken for a part of what is saved from now on.
    const live = this.books
      .filter(({ size }) => isOurs && state.books[size.name])
      .flatMap(({ size }) => ['window', 'past', 'pane'].map((kind) => `${owner}|${kind}|${size.name}|`));
    const { performance } = this;
    const known = isOurs && performance && state.performance?.layout === layoutName(performance.layout) ? state.performance : undefined;
    for (const size of Object.keys(known?.forgottenBeforeMs ?? {})) {
      if (this.books.some((windows) => windows.size.name === size)) live.push(`${owner}|performance|${size}|`);
    }
    this.outdated = [...this.saved].filter((name) => name !== mergerKey(owner) && !live.some((prefix) => name.startsWith(prefix)));
    if (!isOurs) return false;
    this.ledger.restore(state.ledger);
    this.watermark.restore(state.watermark);
    this.tally = { ...state.tally };
    this.lastRetrainWindowEnd = state.lastRetrainWindowEnd ?? undefined;
    this.logMs = state.logMs;
    this.lastDeltaLogMs = state.lastDeltaLogMs;
    for (const windows of this.books) {
      const { name } = windows.size;
      // A size that is new begins with what comes.
      if (!state.books[name]) continue;
      const [saved, past] = [windowStates(values, owner, name), pastStates(values, owner, name)];
      if (windows instanceof RowWindows) windows.restore(state.books[name], saved, past, paneStates(values, owner, name));
      else windows.restore(state.books[name], saved, past);
    }
    if (known) performance!.restore(known, (size) => performanceWindowStates(values, owner, size));
    for (const { panes } of this.ledger.pending()) for (const pane of panes) if (!this.books[0]!.at(pane.start)) this.late.add(pane);
    return true;
  }

  private count(entry: LedgerEntry): void {
    this.countRest(entry, 1);
    for (const pane of entry.panes) {
      const [open] = this.books.map((windows) => touched(windows, pane.start));
      if (!open) this.late.add(pane);
      this.tally[open ? 'events' : 'lateDropped'] += pane.events;
    }
  }

  /**
   * What counted does not any more. Its windows wait until its records are counted again: meanwhile they would show too little.
   * @param recountedAt position at which all that was taken back with it is counted again
   */
  private takeBack(entry: LedgerEntry, recountedAt: number): void {
    const { inputTopic, inputPartition, panes } = entry;
    this.watermark.takeBack(entry, this.ledger.maxEventTimeOf(entry));
    this.countRest(entry, -1);
    const untilMs = this.logMs + MOST_HOLD_MS;
    for (const pane of panes) {
      for (const windows of this.books) {
        touched(windows, pane.start)?.holds.push({ untilMs, inputTopic, inputPartition, position: recountedAt });
      }
      this.tally[this.late.has(pane) ? 'lateDropped' : 'events'] -= pane.events;
    }
  }

  private countRest({ deadLetters, skipped, untimed }: LedgerEntry, sign: 1 | -1): void {
    this.tally.deadLetters += sign * deadLetters;
    this.tally.skipped += sign * skipped;
    this.tally.untimed += sign * untimed;
  }
}

/** The window of a time whose counts are about to change; undefined when it was let go. */
function touched(windows: Windows, timeMs: number): OpenWindow | undefined {
  const open = windows.at(timeMs);
  if (open) windows.touch(open);
  return open;
}

function settle(open: OpenWindow | undefined, pane: PaneDelta, source: LedgerEntry): void {
  if (!open) return;
  open.window.add(pane, source);
  open.isUnsaved = true;
}
