import type { WindowSize } from '../core/window-size.ts';
import type { CellLayout } from './cells.ts';
import { type DecisionOptions, decideWindow, verdictsOf, type WindowDecision } from './decision.ts';
import { type FeatureMeasures, measureFeature } from './feature-statistics.ts';
import { Hysteresis, type HysteresisState } from './hysteresis.ts';
import { OverDispersion, type OverDispersionState } from './over-dispersion.ts';
import type { PaneDelta } from './profile-delta.ts';
import { type OffsetRange, type PaneSource, Window } from './window.ts';
import { countsOf, putCounts, type WindowCounts } from './window-counts.ts';

/** Windows of a size in memory at most, each some 16 bytes a bin. When there are more, the oldest is closed and let go. */
export const MAX_WINDOWS = 512;

/** Records of a window are to be counted again: it waits until an input partition is counted up to a position, or for some time. */
export interface Hold {
  readonly untilMs: number;
  readonly inputTopic: string;
  readonly inputPartition: number;
  readonly position: number;
}

/** A window as plain values. */
export interface WindowState {
  readonly start: number;
  readonly finals: number;
  readonly isChanged: boolean;
  /** When it was published as final last, by the log; null while it is open. */
  readonly publishedAtMs: number | null;
  readonly holds: readonly Hold[];
  readonly counts: WindowCounts;
  /** Where the rows are, by input partition. */
  readonly ranges: readonly (readonly [string, OffsetRange])[];
}

/** What a book knows beside its windows, as plain values. */
export interface BookState {
  readonly alerts: HysteresisState;
  readonly overDispersion: OverDispersionState;
  /** null: none was let go. */
  readonly forgottenBeforeMs: number | null;
}

/** A window on its way to be published. */
export interface OpenWindow {
  /** What is settled. */
  readonly window: Window;
  /** All that counts now: `window` itself when nothing of it may still be retracted. */
  view: Window;
  /** Counts, or a neighbour's verdict, changed since it was published. */
  isChanged: boolean;
  /** How often it was published as final. */
  finals: number;
  /** When it was published last: of the clock while it is open, of the log once it is final. */
  publishedAtMs: number;
  decision: WindowDecision | undefined;
  /** What it waits for before it is published. */
  holds: Hold[];
  /** Changed since it was saved. */
  isUnsaved: boolean;
  /** Features measured for the next decision. */
  readonly measures: FeatureMeasures[];
}

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
}

/** The windows of one size in memory, their verdicts, and what follows from neighbouring verdicts. */
export class Windows {
  private readonly options: WindowsOptions;
  private readonly byStart = new Map<number, OpenWindow>();
  private readonly ordered: OpenWindow[] = [];
  /** Outlive the windows themselves. */
  private readonly hysteresis = new Hysteresis();
  private readonly dispersion: OverDispersion;
  /** Windows before this were let go. */
  private forgottenBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: WindowsOptions) {
    this.options = options;
    this.dispersion = new OverDispersion({ ...options, minimum: options.overDispersion });
  }

  /** Of what size they are. */
  get size(): WindowSize {
    return this.options.size;
  }

  /** Level of each single test. */
  get alpha(): number {
    return this.options.alpha;
  }

  /** The window that holds a time; undefined when it was let go already. */
  at(timeMs: number): OpenWindow | undefined {
    const { cells, size } = this.options;
    const start = size.startOf(timeMs);
    const known = this.byStart.get(start);
    if (known) return known;
    if (start < this.forgottenBeforeMs) return undefined;
    const window = new Window(cells, start, size.endOf(start));
    const opened: OpenWindow = {
      window,
      view: window,
      isChanged: false,
      finals: 0,
      publishedAtMs: Number.NEGATIVE_INFINITY,
      decision: undefined,
      holds: [],
      isUnsaved: true,
      measures: [],
    };
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
    };
  }

  /** Goes on from what `save` and `saveWindow` gave; there must be no windows yet. */
  restore({ alerts, overDispersion, forgottenBeforeMs }: BookState, windows: readonly WindowState[]): void {
    this.hysteresis.restore(alerts);
    this.dispersion.restore(overDispersion);
    for (const { start, finals, isChanged, publishedAtMs, holds, counts, ranges } of windows) {
      const open = this.at(start)!;
      putCounts(open.window, counts, ranges);
      Object.assign(open, { finals, isChanged, holds: [...holds], isUnsaved: false });
      open.publishedAtMs = publishedAtMs ?? Number.NEGATIVE_INFINITY;
    }
    // Last: windows before it may still be open.
    this.forgottenBeforeMs = forgottenBeforeMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Lets a window go; later counts for it are refused. */
  forget(open: OpenWindow): void {
    const { window } = open;
    this.byStart.delete(window.startMs);
    this.ordered.splice(this.ordered.indexOf(open), 1);
    this.forgottenBeforeMs = Math.max(this.forgottenBeforeMs, window.endMs);
    this.dispersion.letGo(this.viewOf(open));
    this.hysteresis.forgetBefore(this.ordered[0]?.window.startMs ?? Number.POSITIVE_INFINITY);
  }

  /** Counts are about to change: what was found out about the window no longer holds. */
  touch(open: OpenWindow): void {
    open.isChanged = true;
    open.isUnsaved = true;
    unmeasure(open);
  }

  /** Measures the next feature for the decision on a window. @returns false when there is none left, so that `decide` takes no time */
  measureNext(open: OpenWindow): boolean {
    const { decision, measures } = open;
    if (decision || measures.length === open.window.layout.features.length) return false;
    if (measures.length === 0) open.view = this.viewOf(open);
    const index = measures.length;
    measures.push(measureFeature(open.view, index, this.options.minSamples, this.dispersion.at(open.window.startMs, index)));
    return true;
  }

  /** The verdict on a window as it is now. */
  decide(open: OpenWindow): WindowDecision {
    if (open.decision) return open.decision;
    while (this.measureNext(open));
    return (open.decision = decideWindow(open.view, open.measures, this.options));
  }

  /**
   * Remembers what follows from a window that is published as final. Verdicts on open windows are shown, but nothing follows from them: when
   * they are made depends on the clock. Windows whose alerts change by it are worth publishing again.
   */
  conclude(open: OpenWindow): void {
    const { size, thresholds, cells } = this.options;
    const features = cells.features.length;
    const { startMs } = open.window;
    const later = this.ordered.filter(({ window, publishedAtMs }) => window.startMs > startMs && publishedAtMs > Number.NEGATIVE_INFINITY);
    const outlooks = later.map(({ window }) => this.hysteresis.outlook(window.startMs, features));
    this.hysteresis.conclude(startMs, verdictsOf(this.decide(open), thresholds));
    for (const [i, other] of later.entries()) {
      if (this.hysteresis.outlook(other.window.startMs, features) !== outlooks[i]) other.isChanged = other.isUnsaved = true;
    }
    const startBeforeMs = size.before(startMs);
    const before = this.byStart.get(startBeforeMs);
    this.dispersion.learn(open.view, before && before.finals > 0 ? this.viewOf(before) : undefined, startBeforeMs);
    // Windows that are still to be published are judged by what is known then.
    for (const other of this.ordered) if (other !== open && (other.finals === 0 || other.isChanged)) unmeasure(other);
  }

  /** Counts of a window with those that may still be retracted. */
  private viewOf({ window }: OpenWindow): Window {
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

/** What was found out about a window no longer holds. */
function unmeasure(open: OpenWindow): void {
  open.decision = undefined;
  open.measures.length = 0;
}

/** A window as plain values: only what is settled, for what is not is in the ledger. */
export function saveWindow({ window, finals, isChanged, publishedAtMs, holds }: OpenWindow): WindowState {
  const shown = { start: window.startMs, finals, isChanged, publishedAtMs: finals > 0 ? publishedAtMs : null, holds };
  return { ...shown, counts: countsOf(window), ranges: [...window.partitions] };
}
