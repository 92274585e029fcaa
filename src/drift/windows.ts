import type { CellLayout } from './cells.ts';
import { type DecisionOptions, decideWindow, type WindowDecision } from './decision.ts';
import { type FeatureMeasures, measureFeature } from './feature-statistics.ts';
import type { PaneDelta } from './profile-delta.ts';
import type { DriftRecommendation } from './statistics-record.ts';
import { Window } from './window.ts';

/** Windows in memory at most, each some 16 bytes a bin. Late deltas revise these; the oldest is let go first. */
export const MAX_WINDOWS = 128;

/** A window on its way to be published. */
export interface OpenWindow {
  /** What is settled. */
  readonly window: Window;
  /** All that counts now: `window` itself when nothing of it may still be retracted. */
  view: Window;
  /** Counts, or a neighbour's verdict, changed since it was published. */
  isChanged: boolean;
  /** −1: never published. */
  revision: number;
  publishedAtMs: number;
  wasFinal: boolean;
  decision: WindowDecision | undefined;
  /** What it waits for before it is published. */
  holds: { readonly untilMs: number; isOver(): boolean }[];
  /** Features measured for the next decision. */
  readonly measures: FeatureMeasures[];
}

/** A pane that counts, and may turn out not to. */
export interface PendingPane {
  readonly pane: PaneDelta;
  /** Input partition it is of. */
  readonly partition: string;
}

/** Options of `Windows`. */
export interface WindowsOptions extends DecisionOptions {
  /** Panes that count and may still be retracted. */
  readonly pending: () => Iterable<PendingPane>;
  readonly cells: CellLayout;
  readonly windowMs: number;
  readonly originMs: number;
}

/** The windows in memory, their verdicts, and what follows from neighbouring verdicts. */
export class Windows {
  private readonly options: WindowsOptions;
  private readonly byStart = new Map<number, OpenWindow>();
  /** Which features (the score last) were in drift, by window start; outlives the window itself. */
  private readonly drifting = new Map<number, readonly boolean[]>();
  /** Windows before this were let go. */
  private forgottenBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: WindowsOptions) {
    this.options = options;
  }

  get size(): number {
    return this.byStart.size;
  }

  /** Start of the window that holds a time. */
  startOf(timeMs: number): number {
    const { windowMs, originMs } = this.options;
    return Math.floor((timeMs - originMs) / windowMs) * windowMs + originMs;
  }

  /** The window that holds a time; undefined when it was let go already. */
  at(timeMs: number): OpenWindow | undefined {
    const start = this.startOf(timeMs);
    const known = this.byStart.get(start);
    if (known) return known;
    if (start < this.forgottenBeforeMs) return undefined;
    const window = new Window(this.options.cells, start, start + this.options.windowMs);
    const opened: OpenWindow = {
      window,
      view: window,
      isChanged: false,
      revision: -1,
      publishedAtMs: Number.NEGATIVE_INFINITY,
      wasFinal: false,
      decision: undefined,
      holds: [],
      measures: [],
    };
    this.byStart.set(start, opened);
    return opened;
  }

  /** All windows in order of time. */
  inOrder(): OpenWindow[] {
    return [...this.byStart.values()].sort((a, b) => a.window.startMs - b.window.startMs);
  }

  /** Windows to be let go: the oldest above the bound. */
  surplus(): OpenWindow[] {
    return this.byStart.size > MAX_WINDOWS ? this.inOrder().slice(0, -MAX_WINDOWS) : [];
  }

  /** Lets a window go; later counts for it are refused. */
  forget({ window }: OpenWindow): void {
    this.byStart.delete(window.startMs);
    this.forgottenBeforeMs = Math.max(this.forgottenBeforeMs, window.endMs);
    const old = window.startMs - 2 * this.options.windowMs;
    for (const start of this.drifting.keys()) if (start < old) this.drifting.delete(start);
  }

  /** Counts are about to change: what was found out about the window no longer holds. */
  touch(open: OpenWindow): void {
    open.isChanged = true;
    open.decision = undefined;
    open.measures.length = 0;
  }

  /** Measures the next feature for the decision on a window. @returns false when there is none left, so that `decide` takes no time */
  measureNext(open: OpenWindow): boolean {
    const { decision, measures } = open;
    if (decision || measures.length === open.window.layout.features.length) return false;
    if (measures.length === 0) open.view = this.viewOf(open);
    measures.push(measureFeature(open.view, measures.length, this.options.minSamples));
    return true;
  }

  /** The verdict on a window as it is now. A changed verdict makes the next two windows worth publishing again. */
  decide(open: OpenWindow): WindowDecision {
    if (open.decision) return open.decision;
    while (this.measureNext(open));
    const decision = decideWindow(open.view, open.measures, this.options);
    open.decision = decision;
    const { startMs } = open.window;
    const now = [...decision.features, decision.prediction].map(({ status }) => status === 'DRIFT');
    const before = this.drifting.get(startMs);
    this.drifting.set(startMs, now);
    if (now.some((is, index) => is !== (before?.[index] ?? false))) {
      for (const later of [1, 2]) {
        const next = this.byStart.get(startMs + later * this.options.windowMs);
        if (next && next.revision >= 0) next.isChanged = true;
      }
    }
    return decision;
  }

  /** Counts of a window with those that may still be retracted. */
  private viewOf({ window }: OpenWindow): Window {
    let view: Window | undefined;
    for (const { pane, partition } of this.options.pending()) {
      if (this.startOf(pane.start) !== window.startMs) continue;
      view ??= window.copy();
      view.add(pane, partition);
    }
    return view ?? window;
  }

  /** retrain_model: one feature, or the score, is in drift in at least two of the three windows up to this one. */
  recommend(open: OpenWindow): DriftRecommendation {
    const { startMs } = open.window;
    const recent = [0, 1, 2].map((back) => this.drifting.get(startMs - back * this.options.windowMs) ?? []);
    const isSustained = this.options.cells.features.some((_, index) => recent.filter((flags) => flags[index]).length >= 2);
    return isSustained ? 'retrain_model' : 'continue_monitoring';
  }
}
