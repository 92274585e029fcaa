import type { ComparedSide } from './comparison.ts';
import type { WindowDecision } from './decision.ts';
import type { FeatureMeasures } from './feature-statistics.ts';
import type { HysteresisState } from './hysteresis.ts';
import type { OverDispersionState } from './over-dispersion.ts';
import type { OffsetRange, Window } from './window.ts';
import { countsOf, putCounts, type WindowCounts } from './window-counts.ts';

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
  /** Of a window by a number of rows: its end, and whether it may become later. */
  readonly end?: number;
  readonly isGrowing?: boolean;
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
  /** Which comparison has led to the alerts; absent: that with the reference profile. Alerts of another one are of no use. */
  readonly decidedBy?: string;
  /** Of windows by a number of rows. */
  readonly rows?: RowsState;
}

/** Where windows by a number of rows lie, as plain values. */
export interface RowsState {
  /** Panes before this are in a window; null: none is. */
  readonly frontierMs: number | null;
  /** Starts of windows, as far as they are needed to tell which was before which. */
  readonly starts: readonly number[];
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
  /** Of a window by a number of rows: it has not got them yet. */
  isGrowing: boolean;
  /** Changed since it was saved. */
  isUnsaved: boolean;
  /** Features measured for the next decision. */
  readonly measures: FeatureMeasures[];
  /** The same against what windows are compared with beside the reference; known once measuring has begun. */
  sides: readonly ComparedSide[];
}

/** A window without rows. */
export function openedWindow(window: Window): OpenWindow {
  return {
    window,
    view: window,
    isChanged: false,
    finals: 0,
    publishedAtMs: Number.NEGATIVE_INFINITY,
    decision: undefined,
    holds: [],
    isGrowing: false,
    isUnsaved: true,
    measures: [],
    sides: [],
  };
}

/** True when what is said of a window now is still to be published. */
export function isUnpublished({ finals, isChanged }: OpenWindow): boolean {
  return finals === 0 || isChanged;
}

/** What was found out about a window no longer holds. */
export function unmeasure(open: OpenWindow): void {
  open.decision = undefined;
  open.sides = [];
  open.measures.length = 0;
}

/** A window as plain values: only what is settled, for what is not is in the ledger. @param isByRows where it lies follows from no size */
export function saveWindow({ window, finals, isChanged, publishedAtMs, holds, isGrowing }: OpenWindow, isByRows = false): WindowState {
  const shown = { start: window.startMs, finals, isChanged, publishedAtMs: finals > 0 ? publishedAtMs : null, holds };
  const times = isByRows ? { end: window.endMs, isGrowing } : {};
  return { ...shown, ...times, counts: countsOf(window), ranges: [...window.partitions] };
}

/** Puts into an empty window what `saveWindow` gave. */
export function restoreWindow(open: OpenWindow, { finals, isChanged, publishedAtMs, holds, counts, ranges, isGrowing }: WindowState): void {
  putCounts(open.window, counts, ranges);
  Object.assign(open, { finals, isChanged, holds: [...holds], isUnsaved: false, isGrowing: isGrowing ?? false });
  open.publishedAtMs = publishedAtMs ?? Number.NEGATIVE_INFINITY;
}
