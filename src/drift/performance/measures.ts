import { aucOf, confusionFrom, ratesOf, ratio, thresholdBin } from './binary.ts';
import { DELAY_EDGES_MS, type PerformanceLayout, type PerformanceTask, UNIT } from './layout.ts';

/** A measure that a verdict can be about. */
export type PerformanceMetric = 'auc' | 'accuracy' | 'precision' | 'recall' | 'f1' | 'logLoss' | 'brier' | 'mae' | 'rmse';

/** How good predictions are: `PerformanceMeasures` in `schemas/performance-statistics.avsc`. Null: not defined for the task, or by these rows. */
export interface PerformanceMeasures {
  /** Rows that they are of. */
  readonly n: number;
  readonly accuracy: number | null;
  /** Of several classes, like `recall` and `f1`: the mean over the classes that occur as truth (macro); one that was never predicted has 0. */
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  /** Pairs within a bin of the score count half. */
  readonly auc: number | null;
  /** The AUC of the scores themselves lies between this and `aucUpper`. */
  readonly aucLower: number | null;
  readonly aucUpper: number | null;
  /** Mean of −ln likelihood. */
  readonly logLoss: number | null;
  /** Mean of (score − y)² (Brier 1950). */
  readonly brier: number | null;
  /** Expected calibration error: mean of |mean score − share of positives| over the bins of the score, by rows (Naeini et al. 2015). */
  readonly ece: number | null;
  readonly positiveRate: number | null;
  readonly mae: number | null;
  readonly rmse: number | null;
  /** Mean of score − y. */
  readonly bias: number | null;
  /** 1 − Σ(score − y)² / Σ(y − mean of y)². */
  readonly r2: number | null;
}

/** A bin of the score: `PerformanceByScore` in `schemas/performance-statistics.avsc`. */
export interface PerformanceByScore {
  /** Inclusive; null: open. */
  readonly from: number | null;
  readonly predictions: number;
  /** Null, like what follows, where the task is not binary. */
  readonly labelled: number | null;
  readonly positives: number | null;
  /** Of the labelled ones. */
  readonly meanScore: number | null;
}

/** No measure of `n` rows is known. */
export function noMeasures(n: number): PerformanceMeasures {
  return {
    n,
    accuracy: null,
    precision: null,
    recall: null,
    f1: null,
    auc: null,
    aucLower: null,
    aucUpper: null,
    logLoss: null,
    brier: null,
    ece: null,
    positiveRate: null,
    mae: null,
    rmse: null,
    bias: null,
    r2: null,
  };
}

/** The measure that a verdict is about when `labels.metric` says nothing. */
export function defaultMetric({ kind }: PerformanceTask): PerformanceMetric {
  return ({ binary: 'auc', multiclass: 'accuracy', regression: 'rmse' } as const)[kind];
}

/** Number of labelled predictions. */
export function labelledOf({ delays, outcomes }: PerformanceLayout, cells: ArrayLike<number>): number {
  return sumOf(cells, delays, outcomes);
}

/** Number of predictions, labelled or not. */
export function predictionsOf({ predictions, bins }: PerformanceLayout, cells: ArrayLike<number>): number {
  return sumOf(cells, predictions, predictions + bins);
}

/**
 * Quantile of the time (ms) from the event of a prediction to that of its label: the upper end of the bin in which it lies. Null when it lies in the
 * open bin, or nothing is labelled.
 * @param q greater than 0, at most 1
 */
export function delayQuantileMs(layout: PerformanceLayout, cells: ArrayLike<number>, q: number): number | null {
  const wanted = q * labelledOf(layout, cells);
  let seen = 0;
  for (let bin = 0; wanted > 0 && bin < DELAY_EDGES_MS.length; bin++) {
    seen += cells[layout.delays + bin]!;
    if (seen >= wanted) return DELAY_EDGES_MS[bin]!;
  }
  return null;
}

/**
 * How good the labelled predictions of a window are; null when none is labelled.
 * @param cells those of `layout`
 */
export function measureLabelled(layout: PerformanceLayout, cells: ArrayLike<number>): PerformanceMeasures | null {
  const n = labelledOf(layout, cells);
  if (n <= 0) return null;
  const { task } = layout;
  if (task.kind === 'binary') return measureBinary(layout, cells, n);
  return task.kind === 'multiclass' ? measureClasses(layout, cells, n, task.classes.length + 1) : measureErrors(layout, cells, n);
}

/** Negatives and positives by bin of the score, for a binary task. */
export function outcomesByScore(
  { outcomes, bins }: PerformanceLayout,
  cells: ArrayLike<number>,
): { readonly negatives: readonly number[]; readonly positives: readonly number[] } {
  const from = (start: number): number[] => Array.from({ length: bins }, (_, bin) => cells[start + bin]!);
  return { negatives: from(outcomes), positives: from(outcomes + bins) };
}

/** All bins of the score, ascending. */
export function byScoreOf(layout: PerformanceLayout, cells: ArrayLike<number>): PerformanceByScore[] {
  const { task, edges, bins, predictions, outcomes } = layout;
  return Array.from({ length: bins }, (_, bin) => {
    const row = { from: bin === 0 ? null : edges[bin - 1]!, predictions: cells[predictions + bin]! };
    if (task.kind !== 'binary') return { ...row, labelled: null, positives: null, meanScore: null };
    const positives = cells[outcomes + bins + bin]!;
    const labelled = cells[outcomes + bin]! + positives;
    return { ...row, labelled, positives, meanScore: ratio(cells[outcomes + 2 * bins + bin]! * UNIT, labelled) };
  });
}

function measureBinary(layout: PerformanceLayout, cells: ArrayLike<number>, n: number): PerformanceMeasures {
  const { task, edges, bins, outcomes } = layout;
  const { negatives, positives } = outcomesByScore(layout, cells);
  const from = thresholdBin(edges, task.kind === 'binary' ? task.threshold : undefined);
  let miscalibrated = 0;
  for (const [bin, positive] of positives.entries()) miscalibrated += Math.abs(cells[outcomes + 2 * bins + bin]! * UNIT - positive);
  return {
    ...noMeasures(n),
    ...(from === undefined ? {} : ratesOf(confusionFrom(negatives, positives, from))),
    ...aucOf(negatives, positives),
    brier: (cells[outcomes + 3 * bins]! * UNIT) / n,
    logLoss: (cells[outcomes + 3 * bins + 1]! * UNIT) / n,
    ece: miscalibrated / n,
    positiveRate: sumOf(positives, 0, bins) / n,
  };
}

/** A class that is not named is one class more: all those are taken for the same. */
function measureClasses({ outcomes }: PerformanceLayout, cells: ArrayLike<number>, n: number, width: number): PerformanceMeasures {
  const at = (predicted: number, truth: number): number => cells[outcomes + predicted * width + truth]!;
  const sum = { right: 0, classes: 0, precision: 0, recall: 0, f1: 0 };
  for (let label = 0; label < width; label++) {
    let predicted = 0;
    let actual = 0;
    for (let other = 0; other < width; other++) {
      predicted += at(label, other);
      actual += at(other, label);
    }
    const right = at(label, label);
    sum.right += right;
    if (actual <= 0) continue;
    sum.classes++;
    sum.precision += ratio(right, predicted) ?? 0;
    sum.recall += right / actual;
    sum.f1 += (2 * right) / (predicted + actual);
  }
  return {
    ...noMeasures(n),
    accuracy: sum.right / n,
    precision: ratio(sum.precision, sum.classes),
    recall: ratio(sum.recall, sum.classes),
    f1: ratio(sum.f1, sum.classes),
  };
}

function measureErrors({ outcomes, quantum }: PerformanceLayout, cells: ArrayLike<number>, n: number): PerformanceMeasures {
  const [error, absolute, squares, y, ySquares] = [0, 1, 2, 3, 4].map((i) => cells[outcomes + i]!);
  const spread = ySquares! - (y! / n) * y!;
  return {
    ...noMeasures(n),
    mae: (absolute! / n) * quantum,
    rmse: Math.sqrt(squares! / n) * quantum,
    bias: (error! / n) * quantum,
    r2: spread > 0 ? 1 - squares! / spread : null,
  };
}

function sumOf(cells: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += cells[i]!;
  return sum;
}
