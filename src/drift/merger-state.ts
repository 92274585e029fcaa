import type { Tally } from './merger-types.ts';
import type { LedgerState } from './delta-ledger.ts';
import type { PerformanceBookState, PerformanceWindowState } from './performance/performance-book.ts';
import type { ReferenceProfile } from './reference-profile.ts';
import type { PastState } from './past-windows.ts';
import type { WatermarkState } from './watermark.ts';
import type { BookState, WindowState } from './windows.ts';

/** Grows when the meaning of a field changes; a state of another format is not read. */
export const STATE_FORMAT = 'weir-drift-state/2';

/** A value in the state topic is cut into pieces of at most so many bytes, since brokers refuse large records. */
const PIECE_BYTES = 400_000;

/** What a merger knows beside its windows, at one position of the profiles topic. */
export interface MergerState {
  readonly format: typeof STATE_FORMAT;
  /** Windows of other sizes, or counted with another reference, are of no use. */
  readonly referenceId: string;
  readonly paneMs: number;
  /** Partition of the profiles topic, and the position up to which it was read. */
  readonly partition: number;
  readonly position: number;
  readonly logMs: number;
  readonly lastDeltaLogMs: number;
  readonly tally: Tally;
  /** End of the window that led to the last request to train again; null: there was none. */
  readonly lastRetrainWindowEnd: number | null;
  readonly ledger: LedgerState;
  readonly watermark: WatermarkState;
  /** By name of the size. */
  readonly books: Readonly<Record<string, BookState>>;
  /** Absent: there were no labels. */
  readonly performance?: PerformanceBookState;
}

/** What is under a key. */
type State = MergerState | WindowState | PastState | PerformanceWindowState | ReferenceProfile;

/** A value of the state topic, by key; null deletes it. */
export type StateValues = ReadonlyMap<string, string | null>;

/** Name of the state of a merger among the keys. @param owner `model|version` */
export function mergerKey(owner: string): string {
  return `${owner}|merger`;
}

/** Name of the state of a window. */
export function windowKey(owner: string, size: string, start: number): string {
  return `${owner}|window|${size}|${start}`;
}

/** Name of the state of a performance window. */
export function performanceWindowKey(owner: string, size: string, start: number, arm: string): string {
  return `${owner}|performance|${size}|${start}|${encodeURIComponent(arm)}`;
}

/** Name of the counts of a window that was let go, which later ones are compared with. */
export function pastKey(owner: string, size: string, start: number): string {
  return `${owner}|past|${size}|${start}`;
}

/** Name of the counts of a pane that is in no window by a number of rows yet. */
export function paneKey(owner: string, size: string, start: number): string {
  return `${owner}|pane|${size}|${start}`;
}

/** Name of a reference profile in the state topic: counts are of no use without it. */
export function referenceKey(referenceId: string): string {
  return `reference|${referenceId}`;
}

/** Puts a value under a key, cut into pieces where it is long. */
export function putState(into: Map<string, string | null>, key: string, value: State): void {
  // Nothing but ASCII: a character is a byte, and no pair of surrogates can be cut in two.
  const text = JSON.stringify(value).replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const pieces = Math.max(1, Math.ceil(text.length / PIECE_BYTES));
  for (let i = 0; i < pieces; i++) {
    const piece = text.slice(i * PIECE_BYTES, (i + 1) * PIECE_BYTES);
    into.set(i === 0 ? key : `${key}#${i}`, i === 0 ? `${pieces}\n${piece}` : piece);
  }
}

/** The keys of all pieces of a value. @param saved all keys that there are */
export function piecesOf(saved: Iterable<string>, key: string): string[] {
  return [...saved].filter((name) => name === key || name.startsWith(`${key}#`));
}

/** What was put under a key; undefined when there is nothing, or nothing whole. */
export function getState<T extends State>(from: StateValues, key: string): T | undefined {
  const first = from.get(key);
  if (typeof first !== 'string') return undefined;
  const end = first.indexOf('\n');
  const pieces = Number(first.slice(0, end));
  const parts = [first.slice(end + 1)];
  for (let i = 1; i < pieces; i++) parts.push(from.get(`${key}#${i}`) ?? '');
  try {
    return JSON.parse(parts.join('')) as T;
  } catch {
    return undefined;
  }
}

/** The windows of a size among the values, in order of time. */
export function windowStates(from: StateValues, owner: string, size: string): WindowState[] {
  return statesUnder<WindowState>(from, `${owner}|window|${size}|`);
}

/** The performance windows of a size among the values. */
export function performanceWindowStates(from: StateValues, owner: string, size: string): PerformanceWindowState[] {
  return statesUnder<PerformanceWindowState>(from, `${owner}|performance|${size}|`);
}

/** The windows of a size that were let go and are kept to compare later ones with, in order of time. */
export function pastStates(from: StateValues, owner: string, size: string): PastState[] {
  return statesUnder<PastState>(from, `${owner}|past|${size}|`);
}

/** The panes that are in no window of a number of rows yet, in order of time. */
export function paneStates(from: StateValues, owner: string, size: string): WindowState[] {
  return statesUnder<WindowState>(from, `${owner}|pane|${size}|`);
}

function statesUnder<T extends WindowState | PastState | PerformanceWindowState>(from: StateValues, prefix: string): T[] {
  const keys = [...from.keys()].filter((key) => key.startsWith(prefix) && !key.includes('#', prefix.length));
  const found = keys.map((key) => getState<T>(from, key));
  return found.filter((state) => state !== undefined).sort((a, b) => a.start - b.start);
}
