import type { ComparedSide } from './comparison.ts';
import type { WindowDecision } from './decision.ts';
import type { FeatureMeasures } from './feature-statistics.ts';
import type { HysteresisState } from './hysteresis.ts';
import type { OverDispersionState } from './over-dispersion.ts';
import type { OffsetRange, Window } from './window.ts';
import { countsOf, type WindowCounts } from './window-counts.ts';

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
  /** Which comparison has led to the alerts; absent: that with the reference profile. Alerts of another one are of no use. */
  readonly decidedBy?: string;
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

/** A window as plain values: only what is settled, for what is not is in the ledger. */
export function saveWindow({ window, finals, isChanged, publishedAtMs, holds }: OpenWindow): WindowState {
  const shown = { start: window.startMs, finals, isChanged, publishedAtMs: finals > 0 ? publishedAtMs : null, holds };
  return { ...shown, counts: countsOf(window), ranges: [...window.partitions] };
}
