/** Layouts, counted rows and what SciPy says of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { countLabel, countPrediction } from '../../../../src/drift/performance/counting.ts';
import { type PerformanceLayout, type PerformanceTask, performanceLayoutOf } from '../../../../src/drift/performance/layout.ts';
import type { NumericFeature } from '../../../../src/drift/reference-profile.ts';

interface Rates {
  accuracy: number | null;
  precision: number | null;
  recall: number | null;
  f1: number | null;
}
interface BinaryCase extends Rates {
  name: string;
  scores: number[];
  truths: number[];
  edges: number[];
  threshold: number;
  oneScoreABin: boolean;
  auc: number | null;
  logLoss: number;
  brier: number;
  ece: number;
  positiveRate: number;
}
interface Fixtures {
  binary: BinaryCase[];
  multiclass: (Rates & { predicted: number[]; truth: number[] })[];
  regression: {
    scores: number[];
    truths: number[];
    std: number;
    mean: number;
    mae: number;
    rmse: number;
    bias: number;
    r2: number | null;
  }[];
  isotonic: { values: number[]; weights: number[]; fitted: number[] }[];
  cbpe: Rates & {
    negatives: number[];
    positives: number[];
    predictions: number[];
    fromBin: number;
    auc: number;
    positiveRate: number;
  };
  samplingError: { n: number; measures: Record<string, { mean: number; sd: number }> };
}

const path = join(import.meta.dirname, '../../../fixtures/drift/performance.json');
export const fixtures = JSON.parse(readFileSync(path, 'utf8')) as Fixtures;

/** A layout with these edges of the score. */
export function layoutOf(task: PerformanceTask, edges: readonly number[], { std = 1, mean = 0 } = {}): PerformanceLayout {
  return performanceLayoutOf({ prediction: { edges: [...edges], std, mean } as unknown as NumericFeature }, task);
}

/** One prediction and, where it is known, its truth. */
export interface Outcome {
  readonly score: number;
  readonly predicted?: number;
  readonly truth?: number;
  readonly delayMs?: number;
}

/** Counts outcomes. */
export function count(layout: PerformanceLayout, outcomes: readonly Outcome[], cells = new Float64Array(layout.size)): Float64Array {
  for (const { score, predicted = 0, truth, delayMs = 0 } of outcomes) {
    countPrediction(layout, cells, score);
    if (truth !== undefined) countLabel(layout, cells, { score, predicted, truth, delayMs }, 1);
  }
  return cells;
}

/** Equal to a tolerance, or both null. */
export function expectNear(actual: number | null | undefined, expected: number | null, tolerance: number, what = ''): void {
  if (expected === null) expect(actual, what).toBeNull();
  else expect(Math.abs(actual! - expected), `${what}: ${actual} instead of ${expected}`).toBeLessThanOrEqual(tolerance);
}
