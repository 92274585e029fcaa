/** Performance of windows for the tests of the report. */
import type { PerformanceByScore, PerformanceMeasures } from '../../../src/drift/performance/measures.ts';
import { noMeasures } from '../../../src/drift/performance/measures.ts';
import type { PerformanceStatistics } from '../../../src/drift/performance/performance-record.ts';
import { HOUR_MS } from './windows.ts';

/** An AUC and what comes with it. */
export const aucOf = (auc: number, n = 2_000): PerformanceMeasures => ({
  ...noMeasures(n),
  ...{ auc, aucLower: auc - 0.01, aucUpper: auc + 0.01, accuracy: 0.9, brier: 0.1 },
});

/** Ten bins of a score of 0 to 1, calibrated but for the last. */
export const byScore: readonly PerformanceByScore[] = Array.from({ length: 10 }, (_, bin) => ({
  from: bin === 0 ? null : bin / 10,
  ...{ predictions: 300, labelled: 200, positives: bin === 9 ? 100 : 20 * bin + 10, meanScore: bin / 10 + 0.05 },
}));

/** What is known of the given hour: 2,000 labels, an AUC of 0.8 as in the reference. */
export function performanceOf(hour: number, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics {
  return {
    ...{ model: 'delay', modelVersion: '2', arm: 'champion', referenceId: 'abcdef0123456789', window: '1h' },
    ...{ windowStart: hour * HOUR_MS, windowEnd: (hour + 1) * HOUR_MS, revision: 0, final: true, task: 'BINARY' },
    ...{ predictions: 3_000, labelled: 2_000, labelCoverage: 2 / 3, labelDelayMedianMs: 900_000, labelDelayP90Ms: 7_200_000 },
    ...{ realised: aucOf(0.8), estimated: aucOf(0.79, 3_000), reference: aucOf(0.8, 50_000) },
    ...{ metric: 'auc', drop: 0, dropBasis: 'LABELS', samplingError: 0.01, status: 'OK' },
    reason: 'auc 0.8, in the reference 0.8 (2000 labelled predictions)',
    byScore,
    ...change,
  };
}

/** Labels say that it fell. */
export const fell = (hour: number, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics =>
  performanceOf(hour, {
    ...{ realised: aucOf(0.7), drop: 0.1, status: 'FELL' },
    reason: 'auc 0.7, in the reference 0.8 (2000 labelled predictions)',
    ...change,
  });

/** No labels have come; it is only estimated. */
export const estimatedOnly = (hour: number, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics =>
  performanceOf(hour, {
    ...{ labelled: 0, labelCoverage: 0, labelDelayMedianMs: null, labelDelayP90Ms: null, realised: null, final: false },
    ...{ drop: 0.01, dropBasis: 'CBPE', reason: 'auc 0.79, in the reference 0.8 (estimated of 3000 predictions)' },
    byScore: byScore.map((bin) => ({ ...bin, labelled: 0, positives: 0, meanScore: null })),
    ...change,
  });

/** Too few of everything. */
export const untold = (hour: number, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics =>
  estimatedOnly(hour, {
    ...{ estimated: null, drop: null, dropBasis: 'NONE', samplingError: null, status: 'INSUFFICIENT_DATA' },
    reason: '0 labelled predictions of 1000 needed',
    ...change,
  });
