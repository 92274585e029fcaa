import { parseDuration } from './duration.ts';

/** A kind of window of event time: stretches that follow one another without a gap. Times are milliseconds since the epoch, UTC. */
export interface WindowSize {
  /** As it is written in a pipeline file and in records: `5m`, `1h`, `28d`, `month`, `50000 rows`. */
  readonly name: string;
  /** Length; of a month the longest, 31 days; of a number of rows ∞. */
  readonly longestMs: number;
  /** Rows from which on a window ends with the pane that it has come to; its times follow from the data alone. Absent: times are fixed. */
  readonly rows?: number;
  /** Start of the window that holds a time. */
  startOf(timeMs: number): number;
  /** End, exclusive, of the window that begins at a start. */
  endOf(startMs: number): number;
  /** Start of the window before the one that begins at a start. */
  before(startMs: number): number;
}

const DAY_MS = 86_400_000;
const UNITS = [
  ['d', DAY_MS],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** More rows are not meant. */
const MOST_ROWS = 1_000_000_000;

/**
 * Reads `month` (of the calendar, UTC), a duration, or a number of rows (`50000 rows`); windows of a duration begin at multiples of it
 * since the epoch. Two spellings of one size have one name: `60m` is `1h`.
 * @returns undefined when it is none of them
 */
export function windowSizeFrom(text: string): WindowSize | undefined {
  if (text === 'month') return MONTH;
  const rows = Number(/^(\d{1,10}) ?rows$/.exec(text)?.[1]);
  if (rows >= 1) return rows <= MOST_ROWS ? rowsSize(rows) : undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1) return undefined;
  const [unit, length] = UNITS.find(([, of]) => ms % of === 0)!;
  return {
    name: `${ms / length}${unit}`,
    longestMs: ms,
    startOf: (timeMs) => Math.floor(timeMs / ms) * ms,
    endOf: (startMs) => startMs + ms,
    before: (startMs) => startMs - ms,
  };
}

const MONTH: WindowSize = {
  name: 'month',
  longestMs: 31 * DAY_MS,
  startOf: (timeMs) => monthAt(timeMs, 0),
  endOf: (startMs) => monthAt(startMs, 1),
  before: (startMs) => monthAt(startMs, -1),
};

/** Where windows lie depends on the rows, so nothing of it can be said without them. */
function rowsSize(rows: number): WindowSize {
  return {
    name: `${rows} rows`,
    longestMs: Number.POSITIVE_INFINITY,
    rows,
    startOf: () => Number.NEGATIVE_INFINITY,
    endOf: () => Number.POSITIVE_INFINITY,
    before: () => Number.NEGATIVE_INFINITY,
  };
}

/** Orders sizes, the shortest first, numbers of rows last. */
export function compareSizes(a: WindowSize, b: WindowSize): number {
  return a.longestMs === b.longestMs ? (a.rows ?? 0) - (b.rows ?? 0) : a.longestMs - b.longestMs;
}

/** Start of the month that holds a time, or of one later. */
function monthAt(timeMs: number, later: number): number {
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
}

/** True when panes of `paneMs`, from the epoch on, never lie in two windows. */
export function isSumOfPanes(size: WindowSize, paneMs: number): boolean {
  if (size.rows !== undefined) return true;
  return (size.name === 'month' ? DAY_MS : size.longestMs) % paneMs === 0;
}

/** Pieces of event time in which workers count, so that each lies in one window of each size. */
export interface PaneGrid {
  /** Start of the pane that holds a time. */
  startOf(timeMs: number): number;
  /** End, exclusive, of the pane that begins at a start. */
  endOf(startMs: number): number;
}

/** Panes of one length, from the epoch on. */
export function fixedPanes(paneMs: number): PaneGrid {
  return { startOf: (timeMs) => Math.floor(timeMs / paneMs) * paneMs, endOf: (startMs) => startMs + paneMs };
}

/**
 * The longest panes of which windows of all sizes are sums: where the shortest size divides the others, its own windows. Longer ones are fewer, and
 * what is sent for each pane is about the same. Windows by a number of rows are cut at panes of `paneMs`, and so are sizes that do not divide each other.
 */
export function paneGridOf(sizes: readonly WindowSize[], paneMs: number): PaneGrid {
  const [shortest, ...others] = sizes.toSorted(compareSizes);
  if (!shortest || sizes.some(({ rows }) => rows !== undefined)) return fixedPanes(paneMs);
  const isCommon = others.length === 0 || (shortest !== MONTH && others.every((size) => isSumOfPanes(size, shortest.longestMs)));
  return isCommon ? shortest : fixedPanes(paneMs);
}
