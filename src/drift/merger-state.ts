import type { Tally } from './merger-types.ts';
import type { LedgerState } from './delta-ledger.ts';
import type { ReferenceProfile } from './reference-profile.ts';
import type { WatermarkState } from './watermark.ts';
import type { BookState, WindowState } from './windows.ts';

/** Grows when the meaning of a field changes; a state of another format is not read. */
export const STATE_FORMAT = 'weir-drift-state/2';

/** A text in the state topic is cut into pieces of at most so many characters, since brokers refuse large records. */
const PIECE_CHARS = 400_000;

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
}

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

/** Name of a reference profile in the state topic: counts are of no use without it. */
export function referenceKey(referenceId: string): string {
  return `reference|${referenceId}`;
}

/** Puts a value under a key, cut into pieces where it is long. */
export function putState(into: Map<string, string | null>, key: string, value: MergerState | WindowState | ReferenceProfile): void {
  const text = JSON.stringify(value);
  const pieces = Math.max(1, Math.ceil(text.length / PIECE_CHARS));
  for (let i = 0; i < pieces; i++) {
    const piece = text.slice(i * PIECE_CHARS, (i + 1) * PIECE_CHARS);
    into.set(i === 0 ? key : `${key}#${i}`, i === 0 ? `${pieces}\n${piece}` : piece);
  }
}

/** Takes away what `putState` put. Pieces beyond the first are of no meaning without it. */
export function deleteState(into: Map<string, string | null>, key: string): void {
  into.set(key, null);
}

/** What was put under a key; undefined when there is nothing, or nothing whole. */
export function getState<T extends MergerState | WindowState | ReferenceProfile>(from: StateValues, key: string): T | undefined {
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

/** The windows of a size among the values. */
export function windowStates(from: StateValues, owner: string, size: string): WindowState[] {
  const prefix = `${owner}|window|${size}|`;
  const keys = [...from.keys()].filter((key) => key.startsWith(prefix) && !key.includes('#', prefix.length));
  const found = keys.map((key) => getState<WindowState>(from, key));
  return found.filter((state) => state !== undefined).sort((a, b) => a.start - b.start);
}
