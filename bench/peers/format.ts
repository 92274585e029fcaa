/** What the events and predictions of a kind of workload are. Everything else of the driver is the same for all kinds. */
import type { OutputRecords } from '../../src/core/outputs.ts';

/** Events by number, from 0 on; the same ones in each stream. */
export interface EventStream {
  /** Goes to the next event; the first call to event 0. */
  next(): void;
  /** Appends the event: key, value, and the partition that the default partitioner chooses. */
  appendTo(outputs: OutputRecords, partitions: number, createdMs: number): void;
  /** The row that the model is given for the event. */
  row(): Float32Array;
}

/** A kind of workload. */
export interface Format {
  /** Enough for a worker to have its code compiled before its latency is measured. */
  readonly warmUpEvents: number;
  events(): EventStream;
  /** Writes what the workers look up in Redis. @param url as in redis://127.0.0.1:6379 */
  loadFeatures?(url: string): Promise<void>;
  /** Number of the event that a prediction is of; NaN when the bytes are not those of the contract. */
  numberOf(prediction: Buffer): number;
  /** Scores in a prediction. */
  scoresOf(prediction: Buffer): readonly number[];
  /** What must be in the prediction when the last output of the model is this. */
  scoresFrom(output: Float32Array): readonly number[];
}
