import type { ReferenceProfile } from '../reference-profile.ts';

/** What the truth of a prediction is: yes or no, one of several classes, or a number. */
export type PerformanceTask =
  /** `threshold`: a score at or above it says yes; undefined when the model says no such thing. */
  | { readonly kind: 'binary'; readonly threshold?: number }
  /** `classes`: all that are told apart, at most `MAX_CLASSES`; any other is the last, unnamed one. */
  | { readonly kind: 'multiclass'; readonly classes: readonly string[] }
  | { readonly kind: 'regression' };

/** Classes that are told apart. */
export const MAX_CLASSES = 50;

/** Parts of one: sums of scores, of squared differences and of logarithms are whole numbers of these, exact in any order. */
export const UNIT = 2 ** -20;

/** Upper ends (exclusive, ms) of the bins of the time from a prediction's event to its label's; the last bin is open. */
export const DELAY_EDGES_MS: readonly number[] = [
  ...[1, 10, 60, 300, 900].map((s) => s * 1_000),
  ...[1, 3, 6, 12, 24, 48, 72, 168, 336, 720].map((h) => h * 3_600_000),
];

/**
 * Places of the sums of one window in an array of whole numbers. All are additive: sums of parts are the sums of the whole. The bins of the score are
 * those of the reference profile.
 *
 * | from | cells | what |
 * |---|---|---|
 * | `predictions` | `bins` | all predictions, labelled or not, by score |
 * | `delays` | `DELAY_EDGES_MS.length + 1` | labelled ones, by the time from the prediction's event to its label's |
 * | `outcomes` | binary: 3 · `bins` + 2 | negatives by score; positives by score; Σ score of labelled by score; Σ (score − y)²; −Σ ln likelihood; all sums in `UNIT` |
 * | | multiclass: (classes + 1)² | labelled, by predicted · (classes + 1) + true class |
 * | | regression: 5 | Σe, Σ\|e\|, Σe², Σy, Σy² of e = score − y, in `quantum`; y from `origin` |
 */
export interface PerformanceLayout {
  readonly task: PerformanceTask;
  /** Ascending edges of the score; bin(x) = number of edges ≤ x. */
  readonly edges: readonly number[];
  readonly bins: number;
  readonly predictions: number;
  readonly delays: number;
  readonly outcomes: number;
  /** Cells in all. */
  readonly size: number;
  readonly origin: number;
  /** A power of two. */
  readonly quantum: number;
}

/** Cells of a performance window for a task, with the score bins of a reference profile. */
export function performanceLayoutOf({ prediction }: Pick<ReferenceProfile, 'prediction'>, task: PerformanceTask): PerformanceLayout {
  const { edges, std, mean } = prediction;
  const bins = edges.length + 1;
  const delays = bins;
  const outcomes = delays + DELAY_EDGES_MS.length + 1;
  const cellsOf = { binary: 3 * bins + 2, multiclass: task.kind === 'multiclass' ? (task.classes.length + 1) ** 2 : 0, regression: 5 };
  return {
    task,
    edges,
    bins,
    predictions: 0,
    delays,
    outcomes,
    size: outcomes + cellsOf[task.kind],
    origin: mean ?? 0,
    // An error as large as the scores are wide is 2^12 of these: its square 2^24, so that squares of 2^28 rows add up exactly.
    // Where errors are so large that sums exceed 2^53, they are rounded to 53 bits.
    quantum: 2 ** (Math.floor(Math.log2(std !== null && std > 0 ? std : 1)) - 12),
  };
}
