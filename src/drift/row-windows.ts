import { type BookState, openedWindow, type OpenWindow, restoreWindow, type WindowState } from './open-window.ts';
import type { PastState } from './past-windows.ts';
import { Window } from './window.ts';
import { MAX_WINDOWS, Windows, type WindowsOptions } from './windows.ts';

/** Options of `RowWindows`. */
export interface RowWindowsOptions extends Omit<WindowsOptions, 'alpha'> {
  /** Rows from which on a window ends. */
  readonly rows: number;
  readonly paneMs: number;
  /** Level of each single test on a window of a length. */
  readonly alphaOver: (lengthMs: number) => number;
}

/**
 * Windows by a number of rows: panes, in order of event time, are added up until so many rows are in, so a window ends at the end of a pane
 * and has at least that many. Only panes that are complete are added: the watermark has passed their end by `latenessMs`. So where windows
 * lie follows from the log alone. A window begins where the last one ended; rows that come later belong to the window that holds their
 * time, which is then published again.
 */
export class RowWindows extends Windows {
  private readonly rowOptions: RowWindowsOptions;
  /** Panes that are not complete, by start. */
  private readonly waiting = new Map<number, OpenWindow>();
  /** The window that has not got its rows yet. */
  private growing: OpenWindow | undefined;
  /** Panes before this are in a window. */
  private frontierMs = Number.NEGATIVE_INFINITY;
  /** Starts of windows in order, as far as they are needed to tell which was before which. */
  private starts: number[] = [];

  constructor(options: RowWindowsOptions) {
    super({ ...options, alpha: Number.NaN });
    this.rowOptions = options;
  }

  /** By the length that the window has come to: false alarms are then as seldom in time as with windows of that length. */
  override alphaOf({ window }: OpenWindow): number {
    return this.rowOptions.alphaOver(window.endMs - window.startMs);
  }

  /** The window that holds a time, or the pane that is to be in one; undefined when it was let go already, or is before the first. */
  override at(timeMs: number): OpenWindow | undefined {
    const { paneMs, cells } = this.rowOptions;
    const start = Math.floor(timeMs / paneMs) * paneMs;
    if (start < this.frontierMs) {
      const open = this.ordered.findLast(({ window }) => window.startMs <= start);
      return open && start < open.window.endMs ? open : undefined;
    }
    let pane = this.waiting.get(start);
    if (!pane) this.waiting.set(start, (pane = openedWindow(new Window(cells, start, start + paneMs))));
    return pane;
  }

  override all(): readonly OpenWindow[] {
    return [...this.ordered, ...this.waiting.values()];
  }

  /** Panes that are not in a window yet. */
  panes(): Iterable<OpenWindow> {
    return this.waiting.values();
  }

  /**
   * Adds panes that are complete to windows.
   * @param completeMs panes that end by then are. Beyond 512 others the oldest is taken for complete
   * @returns starts of the panes that were added
   */
  advance(completeMs: number): number[] {
    const added: number[] = [];
    for (const [start, pane] of [...this.waiting].sort(([a], [b]) => a - b)) {
      if (pane.window.endMs > completeMs && this.waiting.size <= MAX_WINDOWS) break;
      this.waiting.delete(start);
      this.append(pane);
      added.push(start);
    }
    return added;
  }

  override forget(open: OpenWindow): number[] {
    const dropped = super.forget(open);
    const next = this.placeOf(this.ordered[0]?.window.startMs ?? this.frontierMs);
    this.starts = this.starts.slice(Math.max(0, next - this.back));
    return dropped;
  }

  override save(): BookState {
    const { frontierMs, starts } = this;
    return { ...super.save(), rows: { frontierMs: Number.isFinite(frontierMs) ? frontierMs : null, starts: [...starts] } };
  }

  override restore(
    state: BookState,
    windows: readonly WindowState[],
    past: readonly PastState[] = [],
    panes: readonly WindowState[] = [],
  ): void {
    super.restore(state, windows, past);
    this.growing = this.ordered.find(({ isGrowing }) => isGrowing);
    this.frontierMs = state.rows?.frontierMs ?? Number.NEGATIVE_INFINITY;
    this.starts = [...(state.rows?.starts ?? [])];
    for (const pane of panes) restoreWindow(this.at(pane.start)!, pane);
  }

  protected override reopen({ start, end }: WindowState): OpenWindow {
    return this.begin(new Window(this.options.cells, start, end!));
  }

  protected override previousOf(startMs: number): number | undefined {
    const { previous } = this.options;
    if (!previous || ('windows' in previous && previous.windows === 0)) return undefined;
    return this.starts[this.placeOf(startMs) - ('agoMs' in previous ? 1 : previous.windows)] ?? Number.NEGATIVE_INFINITY;
  }

  protected override before(startMs: number): number {
    return this.starts[this.placeOf(startMs) - 1] ?? Number.NEGATIVE_INFINITY;
  }

  /** So many windows before the oldest are still asked for. */
  private get back(): number {
    const { previous } = this.options;
    return previous && 'windows' in previous ? Math.max(1, previous.windows) : 1;
  }

  /** Place of a window among the starts; that of the next one when it has not begun. */
  private placeOf(startMs: number): number {
    const place = this.starts.findIndex((start) => start >= startMs);
    return place < 0 ? this.starts.length : place;
  }

  private append({ window: pane, holds }: OpenWindow): void {
    let open = this.growing;
    if (!open) {
      const startMs = Number.isFinite(this.frontierMs) ? this.frontierMs : pane.startMs;
      open = this.growing = this.begin(new Window(this.options.cells, startMs, pane.endMs));
      open.isGrowing = true;
      this.starts.push(startMs);
    }
    open.window.absorb(pane);
    open.window.endMs = this.frontierMs = pane.endMs;
    open.holds.push(...holds);
    this.touch(open);
    if (this.eventsOf(open) < this.rowOptions.rows) return;
    open.isGrowing = false;
    this.growing = undefined;
  }

  /** Rows of a window with those that may still be retracted. */
  private eventsOf({ window }: OpenWindow): number {
    let { events } = window;
    for (const { pane } of this.options.pending()) if (pane.start >= window.startMs && pane.start < window.endMs) events += pane.events;
    return events;
  }
}
