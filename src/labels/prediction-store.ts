import { ByteMap, grown } from './byte-map.ts';

const GROWING = [
  'seat',
  'offset',
  'inputOffset',
  'timeMs',
  'score',
  'predicted',
  'arm',
  'truth',
  'labelledAtMs',
  'before',
  'newest',
] as const;

/** Predictions of a stretch of time, which are let go together. Columns; row i is the i-th that came. */
export class PredictionGeneration {
  readonly keys = new ByteMap();
  count = 0;
  /** Seat that read the prediction; see `LabelJoin`. */
  seat = new Int32Array(512);
  offset = new Float64Array(512);
  /** Offset of its event. */
  inputOffset = new Float64Array(512);
  /** Event time, ms since the epoch. */
  timeMs = new Float64Array(512);
  score = new Float64Array(512);
  /** Index of the predicted class. */
  predicted = new Int32Array(512);
  arm = new Uint8Array(512);
  /** What its label says; NaN: there is none. */
  truth = new Float64Array(512);
  labelledAtMs = new Float64Array(512);
  /** The row before with the same key; −1: there is none. */
  before = new Int32Array(512);
  /** Newest row of each key. */
  newest = new Int32Array(512);
  /** Where each seat's rows begin. */
  readonly firstOffsets = new Map<number, number>();
  earliestLogMs = Number.POSITIVE_INFINITY;
  latestLogMs = Number.NEGATIVE_INFINITY;

  /** Adds a row without a label and returns its index. */
  add(hash: number, key: Uint8Array, start: number, length: number): number {
    if (this.count === this.seat.length) this.grow();
    const known = this.keys.count;
    const number = this.keys.put(hash, key, start, length);
    const row = this.count++;
    this.before[row] = number < known ? this.newest[number]! : -1;
    this.newest[number] = row;
    this.truth[row] = Number.NaN;
    return row;
  }

  private grow(): void {
    const size = this.seat.length * 2;
    for (const name of GROWING) {
      (this as Record<(typeof GROWING)[number], Int32Array | Float64Array | Uint8Array>)[name] = grown(this[name], size);
    }
  }
}

/** Labels of a stretch of time, which are let go together. One row a key: the newest label of it. */
export class LabelGeneration {
  readonly keys = new ByteMap();
  /** Labels, also of those that are not kept. */
  count = 0;
  truth = new Float64Array(512);
  timeMs = new Float64Array(512);
  partition = new Int32Array(512);
  offset = new Float64Array(512);
  /** Where each partition's labels begin. */
  readonly firstOffsets = new Map<number, number>();
  earliestLogMs = Number.POSITIVE_INFINITY;
  latestLogMs = Number.NEGATIVE_INFINITY;

  /** Row of a key, new or not. */
  put(hash: number, key: Uint8Array, start: number, length: number): number {
    const row = this.keys.put(hash, key, start, length);
    if (row === this.truth.length) {
      const size = row * 2;
      this.truth = grown(this.truth, size);
      this.timeMs = grown(this.timeMs, size);
      this.partition = grown(this.partition, size);
      this.offset = grown(this.offset, size);
    }
    return row;
  }
}

/** What generations have in common. */
interface Generation {
  count: number;
  readonly firstOffsets: Map<number, number>;
  /** Timestamps of the records. */
  earliestLogMs: number;
  latestLogMs: number;
}

/** Generations in memory at most: memory is given back in such parts. */
const GENERATIONS = 8;

/** A generation is not closed for its age before it has so many rows. */
const LEAST_ROWS = 1_024;

/** Rows of the last `ttlMs`, at most so many, in generations. */
export class Generations<G extends Generation> {
  /** The newest last. */
  readonly all: G[];
  /** Rows that were let go before their time, since there were too many. */
  crowdedOut = 0;
  private readonly make: () => G;
  private readonly maxRows: number;
  private readonly ttlMs: number;

  constructor(make: () => G, maxRows: number, ttlMs: number) {
    this.make = make;
    this.maxRows = maxRows;
    this.ttlMs = ttlMs;
    this.all = [make()];
  }

  /** Rows in memory. */
  get rows(): number {
    return this.all.reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * The generation for the next row, and takes note of it.
   * @param logMs timestamp of its record
   * @param source partition or seat that the row comes from, and its offset there
   */
  open(logMs: number, source: number, offset: number): G {
    let current = this.all.at(-1)!;
    const isOld = current.count >= LEAST_ROWS && current.latestLogMs - current.earliestLogMs >= this.ttlMs / GENERATIONS;
    if (isOld || current.count >= this.maxRows / GENERATIONS) {
      this.all.push((current = this.make()));
      if (this.all.length > GENERATIONS && this.rows > this.maxRows - this.maxRows / GENERATIONS)
        this.crowdedOut += this.all.shift()!.count;
    }
    if (!current.firstOffsets.has(source)) current.firstOffsets.set(source, offset);
    current.earliestLogMs = Math.min(current.earliestLogMs, logMs);
    current.latestLogMs = Math.max(current.latestLogMs, logMs);
    return current;
  }

  /**
   * Lets go of what is too old for all that is to come.
   * @param logMs timestamp up to which the other topic was read
   */
  expire(logMs: number): void {
    while (this.all.length > 1 && this.all[0]!.latestLogMs + this.ttlMs < logMs) this.all.shift();
  }

  /** First offset of a source in memory; undefined: nothing of it is. */
  firstOffset(source: number): number | undefined {
    for (const { firstOffsets } of this.all) {
      const first = firstOffsets.get(source);
      if (first !== undefined) return first;
    }
    return undefined;
  }
}
