import { type PerformanceLayout, type PerformanceTask, UNIT } from './layout.ts';
import type { PerformanceMeasures, PerformanceMetric } from './measures.ts';

/**
 * Standard error of a measure from the number of rows, were they drawn independently. Sums of squares of what is averaged are not kept, so that some are
 * approximations, which err towards a larger error:
 *
 * - auc: Hanley and McNeil 1982.
 * - accuracy; precision and recall of two classes: binomial, over all rows, those predicted to be positive, and the positive ones.
 * - f1 of two classes: delta method over the multinomial confusion matrix, F(1 − F)(2 − F) / (2TP + FP + FN).
 * - precision, recall and f1 of K classes (macro): K·m(1 − m)/n. Of classes with equally many rows it is m(1 − m)/n; the factor covers unequal ones as
 *   long as the mean of n/n_k over the classes is at most K².
 * - brier: √(b(1 − b)/n), since squares lie between 0 and 1.
 * - logLoss: a bound for scores that are calibrated. Of a score p, the loss has the variance v(p) = p(1 − p)·logit²p, which is concave up to its largest value
 *   at 0.0832; so its mean is at most v(π) at the rate π of the rarer class. Between scores the expected loss lies in 0 to ln 2, which adds L(ln 2 − L) at most.
 *   Scores that are too sure of themselves have more: see `logLossVarianceOf`.
 * - mae: √(rmse² − mae²)/√n. rmse: rmse/√(2n), for errors that are normal.
 *
 * Null where rows or another measure that it needs are missing.
 * @param value of the measure, at which the error is told; not always that of `measures`, of which the numbers of rows are
 */
export function samplingErrorOf(
  metric: PerformanceMetric,
  value: number,
  measures: PerformanceMeasures,
  n: number,
  task: PerformanceTask,
): number | null {
  const variance = varianceOf(metric, value, measures, n, task);
  return variance === null || !Number.isFinite(variance) ? null : Math.sqrt(Math.max(0, variance));
}

function varianceOf(
  metric: PerformanceMetric,
  value: number,
  measures: PerformanceMeasures,
  n: number,
  task: PerformanceTask,
): number | null {
  const spread = value * (1 - value);
  const positives = measures.positiveRate === null ? null : measures.positiveRate * n;
  switch (metric) {
    case 'auc':
      return positives === null ? null : aucVariance(value, positives, n - positives);
    case 'accuracy':
    case 'brier':
      return spread / n;
    case 'precision':
    case 'recall':
    case 'f1': {
      if (task.kind === 'multiclass') return (task.classes.length * spread) / n;
      if (positives === null || measures.accuracy === null) return null;
      // Of the four numbers of the confusion matrix these measures determine all.
      const truePositives = (measures.recall ?? 0) * positives;
      const falsePositives = n - positives - (measures.accuracy * n - truePositives);
      if (metric === 'recall') return spread / positives;
      if (metric === 'precision') return spread / (truePositives + falsePositives);
      return (spread * (2 - value)) / (truePositives + falsePositives + positives);
    }
    case 'logLoss': {
      const rate = measures.positiveRate ?? 0.5;
      const rarer = Math.min(rate, 1 - rate, LARGEST_AT);
      const within = rarer > 0 ? rarer * (1 - rarer) * Math.log(rarer / (1 - rarer)) ** 2 : 0;
      return (within + Math.max(0, value * (Math.LN2 - value))) / n;
    }
    case 'mae':
      return measures.rmse === null ? null : Math.max(0, measures.rmse ** 2 - (measures.mae ?? 0) ** 2) / n;
    case 'rmse':
      return value ** 2 / (2 * n);
  }
}

/** Where p(1 − p)·logit²p is largest, 0.439. */
const LARGEST_AT = 0.0832;

function aucVariance(auc: number, positives: number, negatives: number): number {
  const q1 = auc / (2 - auc);
  const q2 = (2 * auc ** 2) / (1 + auc);
  return (auc * (1 - auc) + (positives - 1) * (q1 - auc ** 2) + (negatives - 1) * (q2 - auc ** 2)) / (positives * negatives);
}

/**
 * Variance of the log-loss of a labelled row, as far as bins of the score tell: each row is taken to have the mean score of its bin, and what that
 * makes too little of the loss is made up in proportion. Null where the task is not binary, or nothing is labelled.
 * @param cells those of `layout`
 */
export function logLossVarianceOf({ task, bins, outcomes }: PerformanceLayout, cells: ArrayLike<number>): number | null {
  if (task.kind !== 'binary') return null;
  let [n, sum, squares] = [0, 0, 0];
  for (let bin = 0; bin < bins; bin++) {
    const [negatives, positives] = [cells[outcomes + bin]!, cells[outcomes + bins + bin]!];
    const labelled = negatives + positives;
    if (labelled <= 0) continue;
    const score = Math.min(1 - UNIT, Math.max(UNIT, (cells[outcomes + 2 * bins + bin]! * UNIT) / labelled));
    const [ofNegative, ofPositive] = [-Math.log(1 - score), -Math.log(score)];
    n += labelled;
    sum += negatives * ofNegative + positives * ofPositive;
    squares += negatives * ofNegative ** 2 + positives * ofPositive ** 2;
  }
  if (n <= 0) return null;
  const loss = cells[outcomes + 3 * bins + 1]! * UNIT;
  return Math.max(0, (squares * (loss / sum) ** 2) / n - (loss / n) ** 2);
}
