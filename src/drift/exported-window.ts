/** A window of drift with what its statistics were computed from: a line of `weir drift export`, and what a report is drawn from. */
import type { PerformanceStatistics } from './performance/performance-record.ts';
import type { DriftStatistics } from './statistics-record.ts';

/** Counts of one feature, of the window and of the reference, cell by cell. */
export interface ExportedCells {
  /** bin(x) = number of edges ≤ x, so there is one cell more than edges; null for words. */
  readonly edges: readonly number[] | null;
  /** One cell a word, and one for all others; null for numbers. */
  readonly vocabulary: readonly string[] | null;
  /** Coarse bin of each cell, on which tvd, psi, jsDistance and chiSquare are computed; null for words. */
  readonly fold: readonly number[] | null;
  /** A value in a cell is summed as round((value − origin) / quantum); null for words. */
  readonly origin: number | null;
  readonly quantum: number | null;
  readonly counts: readonly number[];
  readonly sums: readonly number[] | null;
  readonly referenceCounts: readonly number[];
  readonly referenceSums: readonly number[] | null;
}

/** One feature of a window: its statistics, and what they were computed from when that is known. */
export type ExportedFeature = DriftStatistics['prediction'] & {
  readonly marks: Readonly<Record<string, number>> | null;
  readonly cells: ExportedCells | null;
};

/** One window. */
export type ExportedWindow = Omit<DriftStatistics, 'features' | 'prediction'> & {
  readonly features: readonly ExportedFeature[];
  readonly prediction: ExportedFeature;
  /** How good the predictions of the window were, one record an arm; none when nothing was published of it. Null: the pipeline has no labels, or it is a window of rows. */
  readonly performance: readonly PerformanceStatistics[] | null;
};
