import type { WindowSize } from '../../core/window-size.ts';
import { inputKey } from '../profile-delta.ts';
import { dataRangesOf, type OffsetRange, widen } from '../offset-ranges.ts';
import type { PerformanceLayout } from './layout.ts';
import { layoutName, type PerformanceDelta, type PerformancePane } from './performance-delta.ts';

/** Windows of a size in memory at most, each 8 bytes a cell. When there are more, the oldest is published and let go. */
export const MAX_PERFORMANCE_WINDOWS = 512;

/** A window that changes is published at most this often, by the log. */
export const PUBLISH_INTERVAL_MS = 10_000;

/**
 * A window in which nothing has happened is kept so long, by the log, although event time has passed it: of a topic that is scored again, or
 * after a partition has waited for a new owner, months of event time may go by in seconds.
 */
export const LINGER_MS = 3_600_000;

/** Sums of one window and arm. */
export interface PerformanceWindow {
  readonly size: WindowSize;
  readonly startMs: number;
  readonly endMs: number;
  readonly arm: string;
  /** See `PerformanceLayout`. */
  readonly cells: Float64Array;
  /** Input partitions with events of its predictions, by name, and the offsets between which all of them lie. */
  readonly inputs: Map<string, OffsetRange>;
  /** How often it was published. */
  revision: number;
  /** When it was published last, or else when it began to be counted; by the log. */
  publishedAtMs: number;
  /** It, or whether it is final, changed since it was published. */
  isChanged: boolean;
  /** It was published as final. */
  isFinal: boolean;
  /** It is let go once it is published. */
  isLeaving: boolean;
  /** Changed since it was saved. */
  isUnsaved: boolean;
}

/** A window as plain values. */
export interface PerformanceWindowState {
  readonly start: number;
  readonly arm: string;
  readonly revision: number;
  readonly publishedAtMs: number;
  readonly isChanged: boolean;
  readonly isFinal: boolean;
  /** Cells that are not 0, ascending, and what is in them. */
  readonly cells: readonly number[];
  readonly sums: readonly number[];
  readonly ranges: readonly (readonly [string, OffsetRange])[];
}

/** What a book knows beside its windows, as plain values. */
export interface PerformanceBookState {
  /** Name of the layout (`layoutName`): sums of another one are of no use. */
  readonly layout: string;
  /** null: nothing was read. */
  readonly latestMs: number | null;
  /** By name of the size: windows that began before were let go; null: none. */
  readonly forgottenBeforeMs: Readonly<Record<string, number | null>>;
}

/** Options of a `PerformanceBook`. */
export interface PerformanceBookOptions {
  readonly layout: PerformanceLayout;
  /** Sizes of windows, each published on its own; those by a number of rows are left out. */
  readonly sizes: readonly WindowSize[];
  /** A label counts when its time is at most so much away from that of its prediction. */
  readonly ttlMs: number;
  /** See `LINGER_MS`, the default. */
  readonly lingerMs?: number;
}

/** The windows of one size in memory. */
interface Shelf {
  readonly size: WindowSize;
  /** By start and arm. */
  readonly windows: Map<string, PerformanceWindow>;
  /** Windows that began before this were let go. */
  forgottenBeforeMs: number;
}

/**
 * The performance windows of a model version in memory. Deltas are plain additions, each read once; what is to be published, and when, follows from
 * the records of the log and their timestamps alone.
 */
export class PerformanceBook {
  readonly layout: PerformanceLayout;
  /** Panes of windows that had been let go. */
  late = 0;
  private readonly ttlMs: number;
  private readonly lingerMs: number;
  /** The longest size: a window is kept so long after its labels could come. */
  private readonly longestMs: number;
  private readonly shelves: readonly Shelf[];
  /** Windows with `isChanged`. */
  private readonly changed = new Set<PerformanceWindow>();
  /** Start of the newest pane: event time has come as far. */
  private latestMs = Number.NEGATIVE_INFINITY;
  private forgotten: PerformanceWindow[] = [];

  constructor({ layout, sizes, ttlMs, lingerMs = LINGER_MS }: PerformanceBookOptions) {
    this.layout = layout;
    this.ttlMs = ttlMs;
    this.lingerMs = lingerMs;
    // Where a window by rows ends is told by the rows of drift, which labels come long after.
    const timed = sizes.filter(({ rows }) => rows === undefined);
    this.longestMs = Math.max(...timed.map((size) => size.longestMs));
    this.shelves = timed.map((size) => ({ size, windows: new Map(), forgottenBeforeMs: Number.NEGATIVE_INFINITY }));
  }

  /**
   * Adds a delta that was checked (`checkPerformanceDelta`).
   * @param logMs time of the log
   */
  take({ panes }: PerformanceDelta, logMs: number): void {
    let { latestMs } = this;
    for (const pane of panes) {
      latestMs = Math.max(latestMs, pane.start);
      let isLate = false;
      for (const shelf of this.shelves) {
        const window = this.at(shelf, pane, logMs);
        if (window) this.add(window, pane);
        else isLate = true;
      }
      if (isLate) this.late++;
    }
    const isLater = latestMs > this.latestMs;
    this.latestMs = latestMs;
    for (const shelf of this.shelves) this.close(shelf, isLater, logMs);
  }

  /** True when a window is to be published. */
  isDue(logMs: number): boolean {
    for (const window of this.changed) if (isDueAt(window, logMs)) return true;
    return false;
  }

  /** Windows that are to be published, by size, start and arm: an order that follows from the log, too. */
  due(logMs: number): PerformanceWindow[] {
    return [...this.changed].filter((window) => isDueAt(window, logMs)).sort((a, b) => this.compare(a, b));
  }

  /** True when something waits for the time of the log alone. */
  get isWaiting(): boolean {
    return this.changed.size > 0;
  }

  /** True when no label of the window is waited for. */
  isOver({ endMs, isLeaving }: PerformanceWindow): boolean {
    return isLeaving || this.latestMs >= endMs + this.ttlMs;
  }

  /** A window is out. @param logMs time of the log */
  published(window: PerformanceWindow, logMs: number): void {
    window.isFinal = this.isOver(window);
    window.isChanged = false;
    window.isUnsaved = true;
    window.publishedAtMs = logMs;
    window.revision++;
    this.changed.delete(window);
    if (window.isLeaving) this.forget(this.shelves.find(({ size }) => size === window.size)!, window);
  }

  /** Windows that changed since the last call, or were let go: these have no state any more. */
  *unsaved(): Generator<{ readonly window: PerformanceWindow; readonly state: PerformanceWindowState | null }> {
    for (const window of this.forgotten.splice(0)) yield { window, state: null };
    for (const { windows } of this.shelves) {
      for (const window of windows.values()) {
        if (window.isUnsaved) yield { window, state: stateOf(window) };
        window.isUnsaved = false;
      }
    }
  }

  /** What it knows beside the windows, as plain values. */
  save(): PerformanceBookState {
    const plain = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return {
      layout: layoutName(this.layout),
      latestMs: plain(this.latestMs),
      forgottenBeforeMs: Object.fromEntries(this.shelves.map((shelf) => [shelf.size.name, plain(shelf.forgottenBeforeMs)])),
    };
  }

  /**
   * Goes on from what `save` and `unsaved` gave; there must be no windows yet.
   * @param windowsOf those of a size, by its name; a size that is new begins with what comes
   */
  restore(state: PerformanceBookState, windowsOf: (size: string) => readonly PerformanceWindowState[]): void {
    this.latestMs = state.latestMs ?? Number.NEGATIVE_INFINITY;
    for (const shelf of this.shelves) {
      const { name } = shelf.size;
      if (!(name in state.forgottenBeforeMs)) continue;
      shelf.forgottenBeforeMs = state.forgottenBeforeMs[name] ?? Number.NEGATIVE_INFINITY;
      for (const { start, arm, revision, publishedAtMs, isChanged, isFinal, cells, sums, ranges } of windowsOf(name)) {
        const window = this.open(shelf, start, arm, publishedAtMs);
        for (let i = 0; i < cells.length; i++) window.cells[cells[i]!] = sums[i]!;
        for (const [input, range] of ranges) window.inputs.set(input, range);
        Object.assign(window, { revision, isChanged, isFinal, isUnsaved: false });
        if (isChanged) this.changed.add(window);
      }
    }
  }

  /** The window of a pane; undefined when it was let go already. */
  private at(shelf: Shelf, { start: timeMs, arm }: PerformancePane, logMs: number): PerformanceWindow | undefined {
    const start = shelf.size.startOf(timeMs);
    const known = shelf.windows.get(`${start}|${arm}`);
    if (known) return known;
    return start < shelf.forgottenBeforeMs ? undefined : this.open(shelf, start, arm, logMs);
  }

  private open({ size, windows }: Shelf, startMs: number, arm: string, publishedAtMs: number): PerformanceWindow {
    const window: PerformanceWindow = {
      ...{ size, startMs, endMs: size.endOf(startMs), arm },
      cells: new Float64Array(this.layout.size),
      inputs: new Map(),
      revision: 0,
      publishedAtMs,
      ...{ isChanged: false, isFinal: false, isLeaving: false, isUnsaved: true },
    };
    windows.set(`${startMs}|${arm}`, window);
    return window;
  }

  private add(window: PerformanceWindow, { cells, sums, inputs }: PerformancePane): void {
    for (let i = 0; i < cells.length; i++) window.cells[cells[i]!]! += sums[i]!;
    for (const { topic, partition, fromOffset, toOffset } of inputs) {
      widen(window.inputs, inputKey({ inputTopic: topic, inputPartition: partition }), { from: fromOffset, to: toOffset });
    }
    this.change(window);
  }

  private change(window: PerformanceWindow): void {
    window.isChanged = true;
    window.isUnsaved = true;
    this.changed.add(window);
  }

  /** Finds what has become final, and what is to be let go. @param isLater event time has come further */
  private close(shelf: Shelf, isLater: boolean, logMs: number): void {
    const { windows } = shelf;
    if (isLater) {
      for (const window of windows.values()) {
        if (!window.isFinal && this.isOver(window)) this.change(window);
        const isPast = this.latestMs >= window.endMs + this.ttlMs + this.longestMs;
        if (isPast && logMs - window.publishedAtMs >= this.lingerMs) this.leave(shelf, window);
      }
    }
    if (windows.size <= MAX_PERFORMANCE_WINDOWS) return;
    const oldest = [...windows.values()].sort((a, b) => this.compare(a, b)).slice(0, windows.size - MAX_PERFORMANCE_WINDOWS);
    for (const window of oldest) this.leave(shelf, window);
  }

  /** Lets a window go, or has it published first. */
  private leave(shelf: Shelf, window: PerformanceWindow): void {
    window.isLeaving = true;
    if (!window.isFinal) this.change(window);
    if (!window.isChanged) this.forget(shelf, window);
  }

  private forget(shelf: Shelf, window: PerformanceWindow): void {
    shelf.windows.delete(`${window.startMs}|${window.arm}`);
    shelf.forgottenBeforeMs = Math.max(shelf.forgottenBeforeMs, window.endMs);
    this.forgotten.push(window);
  }

  private compare(a: PerformanceWindow, b: PerformanceWindow): number {
    const order = this.shelves.findIndex(({ size }) => size === a.size) - this.shelves.findIndex(({ size }) => size === b.size);
    return order || a.startMs - b.startMs || (a.arm < b.arm ? -1 : 1);
  }
}

function isDueAt({ isLeaving, publishedAtMs }: PerformanceWindow, logMs: number): boolean {
  return isLeaving || logMs - publishedAtMs >= PUBLISH_INTERVAL_MS;
}

/** Where the events of a window's predictions are, in order: stretches of the input that hold all of them, and perhaps others. */
export function performanceDataOf({ inputs }: PerformanceWindow): ReturnType<typeof dataRangesOf> {
  return dataRangesOf(inputs);
}

function stateOf({ startMs, arm, revision, publishedAtMs, isChanged, isFinal, cells, inputs }: PerformanceWindow): PerformanceWindowState {
  const used = Array.from(cells.keys()).filter((cell) => cells[cell] !== 0);
  const sums = used.map((cell) => cells[cell]!);
  return { start: startMs, arm, revision, publishedAtMs, isChanged, isFinal, cells: used, sums, ranges: [...inputs] };
}
