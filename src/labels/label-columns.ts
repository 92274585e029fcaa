import type { RecordBatch } from '../core/records.ts';

/** Labels of a stretch of a batch of the labels topic, as columns: row i is record `from + i`. */
export interface LabelColumns {
  readonly records: RecordBatch;
  readonly from: number;
  readonly count: number;
  /** Position in the partition at which this stretch begins: the first record is there, or behind what nobody sees. */
  readonly position: number;
  /** What each label names: the key of an input record or the id of a prediction, as bytes of `idBuffer`. */
  readonly idBuffer: Buffer;
  readonly idStart: Int32Array;
  /** −1: it names nothing. */
  readonly idLength: Int32Array;
  /** See `countLabel`; NaN: a record without a value, or one that is no label. */
  readonly truth: Float64Array;
  /** When the truth was known, milliseconds since the epoch. */
  readonly timeMs: Float64Array;
}
