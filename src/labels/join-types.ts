import type { PaneGrid } from '../core/window-size.ts';
import type { PerformanceLayout } from '../drift/performance/layout.ts';
import type { PredictionReaderOptions } from './prediction-reader.ts';

/** Options of `LabelJoin`. */
export interface LabelJoinOptions extends PredictionReaderOptions {
  readonly layout: PerformanceLayout;
  /** What a label names: the key of an input record or the id of a prediction. */
  readonly match: 'key' | 'predictionId';
  readonly ttlMs: number;
  readonly maxPredictions: number;
  /** Panes of the prediction's event time that sums are kept in. */
  readonly grid: PaneGrid;
}

/** What became of records, since the start. */
export interface JoinTally {
  predictions: number;
  /** Records of the predictions topic that are none, or whose event time is negative or more than a day ahead. */
  malformedPredictions: number;
  /** Labels joined to one prediction or more. */
  joined: number;
  /** Labels that were joined before, with another value or again. */
  corrected: number;
  /** Predictions that were written again: they count once. */
  repeated: number;
  /** Labels that found no prediction when they came: it is still to come, or it was too long ago. */
  unmatched: number;
  /** Records of the labels topic that say nothing: no id or no value. */
  empty: number;
}
