import { ByteMap, grown } from './byte-map.ts';
import type { Generations } from './generations.ts';

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
  'labelPartition',
  'labelLogMs',
  'before',
  'newest',
] as const;

/** A topic has fewer partitions. */
const MAX_LABEL_PARTITIONS = 2 ** 24;

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
  /** Partition of its label, and timestamp of the label's record. */
  labelPartition = new Int32Array(512);
  labelLogMs = new Float64Array(512);
  /** The row before with the same key; −1: there is none. */
  before = new Int32Array(512);
  /** Newest row of each key. */
  newest = new Int32Array(512);
  /** Where each seat's rows begin. */
  readonly firstOffsets = new Map<number, number>();
  private readonly firstLabels = new Map<number, number>();
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

  /** A row of a seat has a label, which must be known as long as the row is: another one takes its place. */
  noteLabel(seat: number, partition: number, offset: number): void {
    const first = this.firstLabels.get(seat * MAX_LABEL_PARTITIONS + partition);
    if (first === undefined || offset < first) this.firstLabels.set(seat * MAX_LABEL_PARTITIONS + partition, offset);
  }

  /** First label of a partition that a row of a seat had; undefined: none had any. */
  firstLabel(seat: number, partition: number): number | undefined {
    return this.firstLabels.get(seat * MAX_LABEL_PARTITIONS + partition);
  }

  private grow(): void {
    const size = this.seat.length * 2;
    for (const name of GROWING) {
      (this as Record<(typeof GROWING)[number], Int32Array | Float64Array | Uint8Array>)[name] = grown(this[name], size);
    }
  }
}

/**
 * True for a prediction that was written before: at least once is more than once when a worker has crashed.
 * @param seat that has read it
 * @param inputOffset of its event; events of a seat come in order, but for those that come again
 */
export function isRepeated(
  { all }: Generations<PredictionGeneration>,
  seat: number,
  inputOffset: number,
  hash: number,
  key: Uint8Array,
  start: number,
  length: number,
): boolean {
  for (let g = all.length - 1; g >= 0; g--) {
    const generation = all[g]!;
    const number = generation.keys.find(hash, key, start, length);
    if (number < 0) continue;
    for (let i = generation.newest[number]!; i >= 0; i = generation.before[i]!) {
      if (generation.seat[i] !== seat) continue;
      if (generation.inputOffset[i]! <= inputOffset) return generation.inputOffset[i] === inputOffset;
    }
  }
  return false;
}
