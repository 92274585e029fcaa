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
