import type { WindowSize } from '../core/window-size.ts';
import type { CellLayout } from './cells.ts';
import { compareFeature, type ComparedCounts, type ComparedSide } from './comparison.ts';
import { type DecisionOptions, decideWindow, verdictsOf, type WindowDecision } from './decision.ts';
import { measureFeature } from './feature-statistics.ts';
import { Hysteresis } from './hysteresis.ts';
import { type BookState, isUnpublished, openedWindow, type OpenWindow, restoreWindow, unmeasure, type WindowState } from './open-window.ts';
import { OverDispersion } from './over-dispersion.ts';
import { type PastState, PastWindows } from './past-windows.ts';
import type { PaneDelta } from './profile-delta.ts';
import { type PreviousRule, previousStart } from '../core/reference-kinds.ts';
import { type PaneSource, Window } from './window.ts';

export { type BookState, type Hold, type OpenWindow, saveWindow, type WindowState } from './open-window.ts';

/** Windows of a size in memory at most, each some 16 bytes a bin. When there are more, the oldest is closed and let go. */
export const MAX_WINDOWS = 512;

/** A pane that counts, and may turn out not to. */
export interface PendingPane {
  readonly pane: PaneDelta;
  /** The delta that it is of. */
  readonly source: PaneSource;
}

/** Options of `Windows`. */
export interface WindowsOptions extends DecisionOptions {
  /** Panes that count and may still be retracted. */
  readonly pending: () => Iterable<PendingPane>;
  readonly cells: CellLayout;
  readonly size: WindowSize;
  /** The least over-dispersion that is reckoned with. */
  readonly overDispersion: number;
  /** Which earlier windows they are compared with; absent: none. */
  readonly previous?: PreviousRule;
  /** Counts of a healthy window; absent: there is none. */
  readonly pinned?: ComparedCounts & { readonly pinnedId: string };
}

/** The windows of one size in memory, their verdicts, and what follows from neighbouring verdicts. */
export class Windows {
  protected readonly options: WindowsOptions;
  protected readonly byStart = new Map<number, OpenWindow>();
  protected readonly ordered: OpenWindow[] = [];
  /** Outlive the windows themselves. */
  private readonly hysteresis = new Hysteresis();
  private readonly dispersion: OverDispersion;
  /** Counts of windows that were let go. */
  readonly past: PastWindows;
  /** Windows before this were let go. */
  private forgottenBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: WindowsOptions) {
    this.options = options;
    this.dispersion = new OverDispersion({ ...options, minimum: options.overDispersion });
    this.past = new PastWindows(options.cells);
  }

  /** Of what size they are. */
  get size(): WindowSize {
    return this.options.size;
  }

  /** Level of each single test on a window. */
  alphaOf(_open: OpenWindow): number {
    return this.options.alpha;
  }

  /** The window that holds a time; undefined when it was let go already. */
  at(timeMs: number): OpenWindow | undefined {
    const { cells, size } = this.options;
    const start = size.startOf(timeMs);
    const known = this.byStart.get(start);
    if (known) return known;
    if (start < this.forgottenBeforeMs) return undefined;
    return this.begin(new Window(cells, start, size.endOf(start)));
  }

  /** Takes a window in that is not there yet. */
  protected begin(window: Window): OpenWindow {
    const start = window.startMs;
    const opened = openedWindow(window);
    this.byStart.set(start, opened);
    const place = this.ordered.findLastIndex((other) => other.window.startMs < start) + 1;
    this.ordered.splice(place, 0, opened);
    return opened;
  }

  /** All windows in order of time. */
  inOrder(): readonly OpenWindow[] {
    return this.ordered;
  }

  /** Windows to be let go: the oldest above the bound. */
  surplus(): OpenWindow[] {
    return this.ordered.length > MAX_WINDOWS ? this.ordered.slice(0, -MAX_WINDOWS) : [];
  }

  /** What it knows beside the windows, as plain values. */
  save(): BookState {
    const { hysteresis, dispersion, forgottenBeforeMs } = this;
    return {
      alerts: hysteresis.save(),
      overDispersion: dispersion.save(),
      forgottenBeforeMs: Number.isFinite(forgottenBeforeMs) ? forgottenBeforeMs : null,
      decidedBy: this.decidedBy,
    };
  }

  /** Goes on from what `save` and `saveWindow` gave; there must be no windows yet. */
  restore(state: BookState, windows: readonly WindowState[], past: readonly PastState[] = []): void {
    const { alerts, overDispersion, forgottenBeforeMs, decidedBy = 'training' } = state;
    if (decidedBy === this.decidedBy) this.hysteresis.restore(alerts);
    this.dispersion.restore(overDispersion);
    this.past.restore(past);
    for (const saved of windows) restoreWindow(this.reopen(saved), saved);
    // Last: windows before it may still be open.
    this.forgottenBeforeMs = forgottenBeforeMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Makes room for a window that was saved. */
  protected reopen({ start }: WindowState): OpenWindow {
    return this.at(start)!;
  }

  /** Windows, and what is not yet in one. */
  all(): readonly OpenWindow[] {
    return this.ordered;
  }

  /**
   * Lets a window go; later counts for it are refused.
   * @returns starts of windows whose counts no later one will be compared with any more
   */
  forget(open: OpenWindow): number[] {
    const { window } = open;
    this.byStart.delete(window.startMs);
    this.ordered.splice(this.ordered.indexOf(open), 1);
    this.forgottenBeforeMs = Math.max(this.forgottenBeforeMs, window.endMs);
    const view = this.viewOf(open);
    this.dispersion.letGo(view);
    const oldestMs = this.ordered[0]?.window.startMs ?? Number.POSITIVE_INFINITY;
    this.hysteresis.forgetBefore(oldestMs);
    const neededFromMs = this.previousOf(Math.min(oldestMs, this.forgottenBeforeMs)) ?? Number.POSITIVE_INFINITY;
    if (window.startMs >= neededFromMs) this.past.add(view);
    return this.past.dropBefore(neededFromMs);
  }

  /** Counts are about to change: what was found out about the window no longer holds. */
  touch(open: OpenWindow): void {
    open.isChanged = true;
    open.isUnsaved = true;
    unmeasure(open);
    const { startMs } = open.window;
    for (let i = this.ordered.length - 1; i >= 0 && this.ordered[i]!.window.startMs > startMs; i--) {
      const later = this.ordered[i]!;
      if (isUnpublished(later) && this.previousOf(later.window.startMs) === startMs) unmeasure(later);
    }
  }

  /**
   * Measures the next feature for the decision on a window, against one of the things that it is compared with.
   * @returns false when there is none left, so that `decide` takes no time
   */
  measureNext(open: OpenWindow): boolean {
    if (open.decision) return false;
    const { minSamples, cells } = this.options;
    const { measures } = open;
    const features = cells.features.length;
    if (measures.length === 0) {
      open.view = this.viewOf(open);
      open.sides = this.sidesOf(open);
    }
    if (measures.length < features) {
      const index = measures.length;
      measures.push(measureFeature(open.view, index, minSamples, this.dispersion.at(open.window.startMs, index)));
      return true;
    }
    const side = open.sides.find((other) => other.measures.length < features);
    if (!side) return false;
    const index = side.measures.length;
    side.measures.push(compareFeature(open.view, index, side, measures[index]!, minSamples));
    return true;
  }

  /** The verdict on a window as it is now. */
  decide(open: OpenWindow): WindowDecision {
    if (open.decision) return open.decision;
    while (this.measureNext(open));
    return (open.decision = decideWindow(open.view, open.measures, { ...this.options, alpha: this.alphaOf(open) }, open.sides));
  }

  /**
   * Remembers what follows from a window that is published as final. Verdicts on open windows are shown, but nothing follows from them: when
   * they are made depends on the clock. Windows whose alerts change by it are worth publishing again.
   */
  conclude(open: OpenWindow): void {
    const { thresholds, cells } = this.options;
    const features = cells.features.length;
    const { startMs } = open.window;
    const later = this.ordered.filter(({ window, publishedAtMs }) => window.startMs > startMs && publishedAtMs > Number.NEGATIVE_INFINITY);
    const outlooks = later.map(({ window }) => this.hysteresis.outlook(window.startMs, features));
    this.hysteresis.conclude(startMs, verdictsOf(this.decide(open), thresholds));
    for (const [i, other] of later.entries()) {
      if (this.hysteresis.outlook(other.window.startMs, features) !== outlooks[i]) other.isChanged = other.isUnsaved = true;
    }
    const startBeforeMs = this.before(startMs);
    const before = this.byStart.get(startBeforeMs);
    this.dispersion.learn(open.view, before && before.finals > 0 ? this.viewOf(before) : undefined, startBeforeMs);
    // Windows that are still to be published are judged by what is known then.
    for (const other of this.ordered) if (other !== open && isUnpublished(other)) unmeasure(other);
  }

  /** What a window is compared with beside the reference profile, as it is known now. */
  private sidesOf(open: OpenWindow): ComparedSide[] {
    const { pinned } = this.options;
    const sides: ComparedSide[] = [];
    const startMs = this.previousOf(open.window.startMs);
    if (startMs !== undefined) {
      const before = this.byStart.get(startMs);
      // What nothing has made final may look different to whoever reads the log again.
      const counts = before ? (before.finals > 0 ? this.viewOf(before) : undefined) : this.past.at(startMs);
      const which = Number.isFinite(startMs) ? `the window from ${new Date(startMs).toISOString()}` : 'there is no window before';
      const absence = counts ? '' : `${before ? 'not final yet' : 'no counts'}: ${which}`;
      sides.push({ kind: 'previous', with: counts, absence, measures: [] });
    }
    if (pinned) sides.push({ kind: 'pinned', with: pinned, absence: '', measures: [] });
    return sides;
  }

  /** Start of the window that the one from `startMs` is compared with; undefined: it is with none. */
  protected previousOf(startMs: number): number | undefined {
    const { previous, size } = this.options;
    return previous && Number.isFinite(startMs) ? previousStart(size, previous, startMs) : undefined;
  }

  /** Start of the window directly before the one from `startMs`. */
  protected before(startMs: number): number {
    return this.options.size.before(startMs);
  }

  /** Names the comparison that decides. */
  private get decidedBy(): string {
    const { decidedBy = 'training', pinned } = this.options;
    return decidedBy === 'pinned' ? `pinned ${pinned?.pinnedId}` : decidedBy;
  }

  /** Counts of a window with those that may still be retracted. */
  protected viewOf({ window }: OpenWindow): Window {
    let view: Window | undefined;
    for (const { pane, source } of this.options.pending()) {
      if (pane.start < window.startMs || pane.start >= window.endMs) continue;
      view ??= window.copy();
      view.add(pane, source);
    }
    return view ?? window;
  }

  /** Which alerts stand, the score's last: after all final windows before this one, and after it as it is now. */
  alerts(open: OpenWindow): boolean[] {
    return this.hysteresis.after(open.window.startMs, verdictsOf(this.decide(open), this.options.thresholds));
  }
}
