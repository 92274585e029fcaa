import { z } from 'zod';
import type { NumericFeature, ReferenceProfile } from '../reference-profile.ts';
import { countLabel, countPrediction } from './counting.ts';
import { MAX_CLASSES, type PerformanceLayout, type PerformanceTask, performanceLayoutOf } from './layout.ts';
import { labelledOf, measureLabelled, type PerformanceMeasures } from './measures.ts';

/** `performance` of a reference profile. */
export const performanceSection = z.strictObject({
  task: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('binary'), threshold: z.number().exactOptional() }),
    z.strictObject({ kind: z.literal('multiclass'), classes: z.array(z.string()).min(2).max(MAX_CLASSES) }),
    z.strictObject({ kind: z.literal('regression') }),
  ]),
  /** Those of `performanceLayoutOf` the profile and the task, dense. Nothing is known of delays: all labels are in the first bin of those. Squares may exceed 2^53. */
  cells: z.array(z.number().refine(Number.isInteger, 'must be a whole number')),
});

/** How good the scores of the reference rows are: sums of those whose truth was known. */
export type ReferencePerformance = Readonly<z.infer<typeof performanceSection>>;

/** Reference rows as columns. */
export interface ReferenceOutcomes {
  readonly scores: Float32Array;
  /** See `countLabel`; NaN where it is not known. */
  readonly truths: Float32Array;
  /** For multiclass: indices of the predicted classes. */
  readonly predicted: Float32Array | undefined;
}

/** Counts reference rows. Undefined when no row has both a finite score and a truth: then there is nothing to say. */
export function referencePerformanceOf(
  prediction: NumericFeature,
  task: PerformanceTask,
  { scores, truths, predicted }: ReferenceOutcomes,
): ReferencePerformance | undefined {
  const layout = performanceLayoutOf({ prediction }, task);
  const cells = new Float64Array(layout.size);
  for (const [row, score] of scores.entries()) {
    countPrediction(layout, cells, score);
    const truth = truths[row]!;
    if (!Number.isFinite(score) || !Number.isFinite(truth)) continue;
    countLabel(layout, cells, { score, predicted: predicted?.[row] ?? 0, truth, delayMs: 0 }, 1);
  }
  if (labelledOf(layout, cells) === 0) return undefined;
  const kept: ReferencePerformance['task'] = task.kind === 'multiclass' ? { kind: task.kind, classes: [...task.classes] } : task;
  // + 0 turns −0 into 0.
  return { task: kept, cells: Array.from(cells, (sum) => sum + 0) };
}

/**
 * Cells of the reference for a layout made of the same profile. Null when the profile has none, or they are of another kind of task or other classes. The
 * threshold may be another: no cell depends on it.
 */
export function referenceCellsOf(
  { performance }: Pick<ReferenceProfile, 'performance'>,
  { task, size }: PerformanceLayout,
): readonly number[] | null {
  if (!performance || performance.task.kind !== task.kind || performance.cells.length !== size) return null;
  if (task.kind !== 'multiclass' || performance.task.kind !== 'multiclass') return performance.cells;
  const { classes } = performance.task;
  return task.classes.every((name, i) => name === classes[i]) ? performance.cells : null;
}

/** What `weir profile show` tells of the performance of a profile. */
export interface ReferenceMeasures {
  readonly task: PerformanceTask;
  readonly measures: PerformanceMeasures;
}

/** How good the scores of the reference rows are; null when the profile does not say. */
export function measureReference(profile: ReferenceProfile): ReferenceMeasures | null {
  const { performance } = profile;
  const measures = performance && measureLabelled(performanceLayoutOf(profile, performance.task), performance.cells);
  return measures ? { task: performance.task, measures } : null;
}

/** What contradicts itself in `performance`; undefined: nothing. */
export function performanceProblemOf({
  prediction,
  performance,
}: Pick<ReferenceProfile, 'prediction' | 'performance'>): string | undefined {
  if (!performance) return undefined;
  const { task, cells } = performance;
  if (task.kind === 'multiclass' && new Set(task.classes).size !== task.classes.length) return 'classes repeat a name';
  const layout = performanceLayoutOf({ prediction }, task);
  const { bins, outcomes, delays, size } = layout;
  if (cells.length !== size) return `cells must be ${size}`;
  if (prediction.counts.some((count, bin) => cells[bin] !== count)) return 'predictions must be the counts of the score';
  const labelled = labelledOf(layout, cells);
  if (labelled > prediction.counts.reduce((a, b) => a + b, 0)) return 'more labels than scores';
  // Of numbers there are no counts among the outcomes.
  const counted = { binary: 2 * bins, multiclass: size - outcomes, regression: 0 }[task.kind];
  const counts = cells.slice(outcomes, outcomes + counted);
  if ([...cells.slice(delays, outcomes), ...counts].some((count) => count < 0)) return 'counts must not be negative';
  if (counted > 0 && counts.reduce((a, b) => a + b, 0) !== labelled) return 'outcomes do not add up to the labels';
  if (task.kind !== 'binary') return undefined;
  const isOver = prediction.counts.some((count, bin) => counts[bin]! + counts[bins + bin]! > count);
  return isOver ? 'a bin of the score has more labels than scores' : undefined;
}
