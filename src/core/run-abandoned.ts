/** Rows `[fromRow, toRow)`. */
export interface RowRange {
  readonly fromRow: number;
  readonly toRow: number;
}

/**
 * Thrown by `Model.run`: part of the rows got no answer, because the run did not end in time or took its thread with it. Whether
 * the rows are to blame is not known. Trying them together again may cost as much again, so each is tried alone, once.
 */
export class RunAbandoned extends Error {
  override readonly name = 'RunAbandoned';
  /** Rows without an answer, in ascending order. The others of the run may or may not have been scored. */
  readonly ranges: readonly RowRange[];

  /** @param message what happened, for the dead letters; never a payload */
  constructor(message: string, ranges: readonly RowRange[]) {
    super(message);
    this.ranges = ranges;
  }
}
