/** Name under which the JSON and hash layouts keep the time of writing; no feature may be called so. */
export const TIMESTAMP_FIELD = '_ts';

/** A value of a feature. Null: none. */
export type FeatureValue = number | string | null;

/** One row of a feature group, as it is loaded. */
export interface FeatureRow {
  readonly entity: string;
  /** When the values were true, milliseconds since the epoch; NaN: unknown. */
  readonly writtenAtMs: number;
  readonly values: Readonly<Record<string, FeatureValue>>;
}

/** Options of one load. */
export interface WriteOptions {
  /** Called after every pipeline with the number of rows written so far. */
  readonly onProgress?: (rowsWritten: number) => void;
}

/** Loads rows of one feature group into a store. */
export interface FeatureWriter {
  /**
   * Writes all rows, replacing what their entities had, and resolves to their number.
   * @throws WeirError `store_unavailable`, `store_misconfigured`, or `input_file_invalid` for a row the layout cannot hold
   */
  write(rows: Iterable<FeatureRow> | AsyncIterable<FeatureRow>, options?: WriteOptions): Promise<number>;
}
