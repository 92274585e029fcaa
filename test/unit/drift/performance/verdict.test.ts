import { describe, expect, test } from 'vitest';
import type { PerformanceTask } from '../../../../src/drift/performance/layout.ts';
import { noMeasures, type PerformanceMeasures, type PerformanceMetric } from '../../../../src/drift/performance/measures.ts';
import { samplingErrorOf } from '../../../../src/drift/performance/sampling-error.ts';
import { judgePerformance, type PerformanceEvidence } from '../../../../src/drift/performance/verdict.ts';
import { fixtures } from './support.ts';

const BINARY: PerformanceTask = { kind: 'binary', threshold: 0.5 };
const MULTICLASS: PerformanceTask = { kind: 'multiclass', classes: ['a', 'b', 'c'] };
const REGRESSION: PerformanceTask = { kind: 'regression' };

const measures = (n: number, of: Partial<PerformanceMeasures>): PerformanceMeasures => ({ ...noMeasures(n), ...of });

describe('sampling error, held to samples that NumPy drew', () => {
  const { n, measures: drawn } = fixtures.samplingError;
  const mean = measures(n, Object.fromEntries(Object.entries(drawn).map(([name, of]) => [name, of.mean])));
  const ratioOf = (metric: PerformanceMetric, task: PerformanceTask): number =>
    samplingErrorOf(metric, mean[metric]!, mean, n, task)! / drawn[metric]!.sd;

  test.for(['auc', 'accuracy', 'precision', 'recall', 'f1'] as const)('%s', (metric) => {
    expect(ratioOf(metric, BINARY)).toBeGreaterThan(0.9);
    expect(ratioOf(metric, BINARY)).toBeLessThan(1.3);
  });

  test.for(['logLoss', 'brier'] as const)('%s: never less, at most twice as much', (metric) => {
    expect(ratioOf(metric, BINARY)).toBeGreaterThan(1);
    expect(ratioOf(metric, BINARY)).toBeLessThan(2);
  });

  test.for(['mae', 'rmse'] as const)('%s', (metric) => {
    expect(ratioOf(metric, REGRESSION)).toBeGreaterThan(0.9);
    expect(ratioOf(metric, REGRESSION)).toBeLessThan(1.3);
  });

  test('of several classes it is larger than of their rows alone; without what it needs it is not known', () => {
    expect(samplingErrorOf('recall', 0.5, noMeasures(100), 100, MULTICLASS)).toBeCloseTo(Math.sqrt((3 * 0.25) / 100), 12);
    expect(samplingErrorOf('auc', 0.5, noMeasures(100), 100, BINARY)).toBeNull();
    expect(samplingErrorOf('precision', 0.5, noMeasures(100), 100, BINARY)).toBeNull();
    expect(samplingErrorOf('recall', 0.5, measures(10, { positiveRate: 0, accuracy: 1 }), 10, BINARY)).toBeNull();
    expect(samplingErrorOf('mae', 0.5, noMeasures(10), 10, REGRESSION)).toBeNull();
  });
});

describe('verdict', () => {
  const evidence = (of: Partial<PerformanceEvidence>): PerformanceEvidence => ({
    layout: { task: BINARY },
    realised: null,
    labelled: 0,
    estimated: null,
    predictions: 0,
    reference: measures(50_000, { auc: 0.9, positiveRate: 0.2, brier: 0.1 }),
    referenceN: 50_000,
    metric: 'auc',
    maxDrop: 0.05,
    minSamples: 1_000,
    ...of,
  });
  const aucOf = (n: number, auc: number): PerformanceMeasures => measures(n, { auc, positiveRate: 0.2 });

  test('labels decide where there are enough', () => {
    const window = { realised: aucOf(5_000, 0.8), labelled: 5_000, estimated: aucOf(9_000, 0.9), predictions: 9_000 };
    const fell = judgePerformance(evidence(window));
    expect(fell).toMatchObject({ metric: 'auc', dropBasis: 'LABELS', status: 'FELL' });
    expect(fell.drop).toBeCloseTo(0.1, 12);
    expect(fell.samplingError!).toBeLessThan(0.01);
    expect(fell.reason).toBe('auc 0.8, in the reference 0.9 (5000 labelled predictions)');
    expect(judgePerformance(evidence({ ...window, realised: aucOf(5_000, 0.87) })).status).toBe('OK');
    expect(judgePerformance(evidence({ ...window, realised: aucOf(5_000, 0.95) })).drop).toBeCloseTo(-0.05, 12);
  });

  test('a drop that few rows make is chance', () => {
    const few = judgePerformance(evidence({ realised: aucOf(100, 0.82), labelled: 100, minSamples: 50 }));
    expect(few).toMatchObject({ status: 'OK', dropBasis: 'LABELS' });
    expect(few.drop!).toBeGreaterThan(0.05);
    expect(few.reason).toContain('which can be chance');
    // Two rows that are all wrong have no spread of their own; that of the reference keeps them from deciding.
    const reference = measures(9_000, { precision: 0.7, recall: 0.7, accuracy: 0.9, positiveRate: 0.2 });
    const none = { precision: 0, recall: 0, accuracy: 0.5, positiveRate: 0.5 };
    const two = evidence({ reference, realised: measures(4, none), labelled: 4, minSamples: 1, metric: 'precision' });
    expect(judgePerformance(two).status).toBe('OK');
  });

  test('the estimate decides while labels are few, or say nothing of the measure', () => {
    const estimated = aucOf(9_000, 0.7);
    const window = evidence({ realised: aucOf(40, 0.9), labelled: 40, estimated, predictions: 9_000 });
    expect(judgePerformance(window)).toMatchObject({ dropBasis: 'CBPE', status: 'FELL' });
    expect(judgePerformance({ ...window, predictions: 900 })).toMatchObject({
      ...{ dropBasis: 'NONE', status: 'INSUFFICIENT_DATA', drop: null, samplingError: null },
      reason: '40 labelled predictions of 1000 needed',
    });
    const withoutPositives = evidence({ realised: measures(2_000, { positiveRate: 0 }), labelled: 2_000, estimated, predictions: 9_000 });
    expect(judgePerformance(withoutPositives).dropBasis).toBe('CBPE');
    expect(judgePerformance({ ...withoutPositives, estimated: null }).reason).toBe('auc is not defined by these rows');
  });

  test('losses fall by shares of the reference', () => {
    const window = evidence({ metric: 'brier', realised: measures(20_000, { brier: 0.12 }), labelled: 20_000 });
    const verdict = judgePerformance(window);
    expect(verdict.drop).toBeCloseTo(0.2, 12);
    expect(verdict).toMatchObject({ status: 'FELL', dropBasis: 'LABELS' });
    expect(judgePerformance({ ...window, realised: measures(20_000, { brier: 0.08 }) }).drop).toBeCloseTo(-0.2, 12);
    const perfect = measures(9_000, { brier: 0 });
    expect(judgePerformance({ ...window, reference: perfect })).toMatchObject({ status: 'INSUFFICIENT_DATA', drop: null });
  });

  test('without a reference there is no drop', () => {
    const window = { realised: aucOf(5_000, 0.8), labelled: 5_000 };
    expect(judgePerformance(evidence({ ...window, reference: null, referenceN: 0 })).reason).toBe('the reference has no labels');
    expect(judgePerformance(evidence({ ...window, metric: 'f1' })).reason).toBe('the reference has no f1');
  });
});
