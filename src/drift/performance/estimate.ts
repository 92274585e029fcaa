import { aucOf, confusionFrom, ratesOf, thresholdBin } from './binary.ts';
import type { PerformanceLayout } from './layout.ts';
import { noMeasures, outcomesByScore, type PerformanceMeasures, predictionsOf } from './measures.ts';

/**
 * Estimates how good predictions are without their labels: confidence-based performance estimation (CBPE, of NannyML: Białek et al. 2024,
 * arXiv:2407.08649). Each score is taken for right as often as it was in the reference, and the measures are those that are then expected. It sees what
 * another mix of inputs does to them, and is blind to a change of what the inputs mean.
 *
 * The measures that need more than the counts of scores (`brier`, `logLoss`, `ece`), and the bounds of `auc`, are null. So is all when the task is not
 * binary, nothing was predicted, or the reference has no labels.
 * @param cells those of `layout`; only their predictions are read
 * @param referenceCells those of the reference for the same layout (`referenceCellsOf`)
 */
export function estimatePerformance(
  layout: PerformanceLayout,
  cells: ArrayLike<number>,
  referenceCells: ArrayLike<number> | null,
): PerformanceMeasures | null {
  const { task, edges, bins, predictions } = layout;
  const n = predictionsOf(layout, cells);
  if (task.kind !== 'binary' || referenceCells === null || n <= 0) return null;
  const reference = outcomesByScore(layout, referenceCells);
  const shares = calibratedShares(reference.negatives, reference.positives);
  if (shares === null) return null;
  const counts = Array.from({ length: bins }, (_, bin) => cells[predictions + bin]!);
  const positives = counts.map((count, bin) => count * shares[bin]!);
  const negatives = counts.map((count, bin) => count * (1 - shares[bin]!));
  const from = thresholdBin(edges, task.threshold);
  return {
    ...noMeasures(n),
    ...(from === undefined ? {} : ratesOf(confusionFrom(negatives, positives, from))),
    auc: aucOf(negatives, positives).auc,
    positiveRate: positives.reduce((a, b) => a + b, 0) / n,
  };
}

/**
 * Share of positives in each bin of the score, never falling: isotonic regression of the shares that were counted, weighted by rows. A bin without rows
 * lies between its neighbours that have some, in proportion to the bins between them. Null when no bin has rows.
 */
export function calibratedShares(negatives: readonly number[], positives: readonly number[]): number[] | null {
  const filled = positives.map((_, bin) => bin).filter((bin) => positives[bin]! + negatives[bin]! > 0);
  if (filled.length === 0) return null;
  const weights = filled.map((bin) => positives[bin]! + negatives[bin]!);
  const fitted = isotonicRegression(
    filled.map((bin, i) => positives[bin]! / weights[i]!),
    weights,
  );
  const shares = new Array<number>(positives.length).fill(fitted[0]!);
  for (const [i, bin] of filled.entries()) {
    const next = filled[i + 1] ?? positives.length;
    const [low, high] = [fitted[i]!, fitted[i + 1] ?? fitted[i]!];
    for (let at = bin; at < next; at++) shares[at] = low + ((high - low) * (at - bin)) / (next - bin);
  }
  return shares;
}

/**
 * The values that never fall and lie nearest to the given ones by weighted squares: pool adjacent violators (Ayer et al. 1955).
 * @param weights positive, one for each value
 */
export function isotonicRegression(values: readonly number[], weights: readonly number[]): number[] {
  const blocks: { sum: number; weight: number; length: number }[] = [];
  for (const [i, value] of values.entries()) {
    let block = { sum: value * weights[i]!, weight: weights[i]!, length: 1 };
    for (let last = blocks.at(-1); last && last.sum * block.weight >= block.sum * last.weight; last = blocks.at(-1)) {
      blocks.pop();
      block = { sum: last.sum + block.sum, weight: last.weight + block.weight, length: last.length + block.length };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ sum, weight, length }) => new Array<number>(length).fill(sum / weight));
}
