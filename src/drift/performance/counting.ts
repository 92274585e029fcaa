import { binOf } from '../bins.ts';
import { DELAY_EDGES_MS, type PerformanceLayout, UNIT } from './layout.ts';

/** Errors beyond so many quanta are summed as if they were as large. */
const MAX_QUANTA = 2 ** 22;

/** Scores of two classes that are no probabilities are summed as if they were no further from 0. */
const MAX_SCORE = 2 ** 10;

/** Probabilities are clipped there before their logarithm is taken. */
const LEAST_PROBABILITY = 1e-15;

/** Counts a prediction, labelled or not. */
export function countPrediction(layout: PerformanceLayout, cells: Float64Array, score: number): void {
  if (Number.isFinite(score)) cells[layout.predictions + binOf(layout.edges, score)]! += 1;
}

/**
 * Counts a label that was joined to its prediction, or takes one back.
 * @param score of the prediction, finite
 * @param predicted for multiclass: index of the class that was predicted (`classIndex`); else ignored
 * @param truth binary: 0 or 1; multiclass: index of the true class; regression: the value
 * @param delayMs from the event of the prediction to that of the label
 * @param sign −1 takes back what was counted with the same arguments
 */
export function countLabel(
  layout: PerformanceLayout,
  cells: Float64Array,
  {
    score,
    predicted,
    truth,
    delayMs,
  }: { readonly score: number; readonly predicted: number; readonly truth: number; readonly delayMs: number },
  sign: 1 | -1,
): void {
  const { task, bins, outcomes, delays } = layout;
  let delayBin = 0;
  while (delayBin < DELAY_EDGES_MS.length && delayMs >= DELAY_EDGES_MS[delayBin]!) delayBin++;
  cells[delays + delayBin]! += sign;
  if (task.kind === 'binary') {
    const bin = binOf(layout.edges, score);
    cells[outcomes + truth * bins + bin]! += sign;
    const summed = Math.max(-MAX_SCORE, Math.min(MAX_SCORE, score));
    cells[outcomes + 2 * bins + bin]! += sign * Math.round(summed / UNIT);
    cells[outcomes + 3 * bins]! += sign * Math.round((summed - truth) ** 2 / UNIT);
    const likelihood = Math.min(1, Math.max(LEAST_PROBABILITY, truth === 1 ? score : 1 - score));
    cells[outcomes + 3 * bins + 1]! += sign * Math.round(-Math.log(likelihood) / UNIT);
  } else if (task.kind === 'multiclass') {
    cells[outcomes + predicted * (task.classes.length + 1) + truth]! += sign;
  } else {
    const inQuanta = (value: number): number => Math.round(Math.max(-MAX_QUANTA, Math.min(MAX_QUANTA, value / layout.quantum)));
    const error = inQuanta(score - truth);
    const y = inQuanta(truth - layout.origin);
    const sums = [error, Math.abs(error), error * error, y, y * y];
    for (let i = 0; i < sums.length; i++) cells[outcomes + i]! += sign * sums[i]!;
  }
}

/** Place of a class among those told apart; the last one for any other. */
export function classIndex(classes: readonly string[], label: string): number {
  const at = classes.indexOf(label);
  return at < 0 ? classes.length : at;
}
