import { ByteMap, grown } from './byte-map.ts';
import { Generations } from './generations.ts';
import type { LabelJoinOptions } from './join-types.ts';
import type { LabelColumns } from './label-columns.ts';

/**
 * True for a label that comes after another of its id. In one partition that is the order in which they are read; nothing orders two partitions but
 * the timestamps of their records.
 */
export function isLater(partition: number, logMs: number, otherPartition: number, otherLogMs: number): boolean {
  if (partition === otherPartition || logMs > otherLogMs) return true;
  return logMs === otherLogMs && partition > otherPartition;
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
  /** Timestamp of the record. */
  logMs = new Float64Array(512);
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
      this.logMs = grown(this.logMs, size);
    }
    return row;
  }
}

/** Labels of the last `ttlMs`, for predictions that are still to come. */
export class LabelStore extends Generations<LabelGeneration> {
  /** Row of the label that `find` has found. */
  foundRow = 0;
  private readonly match: LabelJoinOptions['match'];

  constructor({ maxPredictions, ttlMs, match }: Pick<LabelJoinOptions, 'maxPredictions' | 'ttlMs' | 'match'>) {
    super(() => new LabelGeneration(), maxPredictions, ttlMs);
    this.match = match;
  }

  /** The generation that has the newest label of an id, at `foundRow`. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): LabelGeneration | undefined {
    const { all } = this;
    for (let i = all.length - 1; i >= 0; i--) {
      const row = all[i]!.keys.find(hash, bytes, start, length);
      if (row < 0) continue;
      this.foundRow = row;
      return all[i];
    }
    return undefined;
  }

  /**
   * Remembers row `at` of a stretch of labels, unless it was read before, and a newer one is known.
   * @param isJoined it was joined to a prediction
   */
  keep({ records, from, idBuffer, idStart, idLength, truth, timeMs }: LabelColumns, at: number, hash: number, isJoined: boolean): void {
    const { partition } = records;
    const offset = records.offsets[from + at]!;
    const start = idStart[at]!;
    const length = idLength[at]!;
    const known = this.find(hash, idBuffer, start, length);
    const logMs = records.timestamps[from + at]!;
    if (known && known.partition[this.foundRow] === partition && known.offset[this.foundRow]! >= offset) return;
    if (known && !isLater(partition, logMs, known.partition[this.foundRow]!, known.logMs[this.foundRow]!)) return;
    const generation = this.open(logMs, partition, offset);
    generation.count++;
    // Of an id that has one prediction, which has it, there is nothing to wait for; its offset is remembered all the same.
    if (isJoined && this.match === 'predictionId') return;
    const row = generation.put(hash, idBuffer, start, length);
    generation.truth[row] = truth[at]!;
    generation.timeMs[row] = timeMs[at]!;
    generation.partition[row] = partition;
    generation.offset[row] = offset;
    generation.logMs[row] = logMs;
  }
}
