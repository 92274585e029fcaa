import type { DriftWindow, FeatureDrift } from '../../../../examples/flights/drift-windows.ts';
import type { PerformanceStatistics } from '../../../../examples/flights/performance-windows.ts';
import type { Verification } from '../../../../examples/flights/verify.ts';

const DAY_MS = 86_400_000;

/** Statistics of one feature. */
export function featureDrift(name: string, tvd: number | null, status: FeatureDrift['status'] = 'OK'): FeatureDrift {
  return { name, status, n: 25_000, tvd, psi: tvd === null ? null : tvd * 2, mean: 71.25, meanReference: 37.5 };
}

/** Window `index` of 28 days from 1 January 2013 on. */
export function driftWindow(index: number, features: FeatureDrift[], rest: Partial<DriftWindow> = {}): DriftWindow {
  const windowStart = Date.UTC(2013, 0, 1) + index * 28 * DAY_MS;
  return {
    model: 'flights-gbt',
    modelVersion: '1',
    windowStart,
    windowEnd: windowStart + 28 * DAY_MS,
    events: 50,
    status: features.some(({ status }) => status === 'DRIFT') ? 'DRIFT' : 'OK',
    driftedFeatureNames: features.filter(({ status }) => status === 'DRIFT').map(({ name }) => name),
    recommendation: 'retrain_model',
    features,
    prediction: featureDrift('score', 0.02),
    ...rest,
  };
}

type Measures = NonNullable<PerformanceStatistics['realised']>;

/** Every measure that is not said is null. */
function measures(of: Partial<Measures>): Measures {
  return {
    ...{ n: 4, accuracy: 0.5, precision: null, recall: null, f1: null, auc: null, aucLower: null, aucUpper: null, logLoss: null },
    ...{ brier: 0.2, ece: null, positiveRate: 0.5, mae: null, rmse: null, bias: null, r2: null, ...of },
  };
}

/** A month of performance with five predictions. @param byScore labelled ones and those that were late, by bin */
export function performanceWindow(
  windowStart: number,
  { labelled, ...realised }: Partial<Measures> & { readonly labelled: number },
  byScore: readonly (readonly [number, number])[],
  rest: Partial<PerformanceStatistics> = {},
): PerformanceStatistics {
  return {
    ...{ model: 'flights-gbt', modelVersion: '1', arm: 'champion', referenceId: 'ab', window: 'month', task: 'BINARY', metric: 'auc' },
    ...{ windowStart, windowEnd: windowStart + 30 * DAY_MS, revision: 0, final: true, predictions: 5, labelled },
    ...{ labelCoverage: labelled / 5, labelDelayMedianMs: null, labelDelayP90Ms: null },
    realised: measures(realised),
    estimated: measures({ auc: 0.94, accuracy: 0.9 }),
    reference: measures({ auc: 0.93, accuracy: 0.91 }),
    ...{ drop: null, dropBasis: 'LABELS', samplingError: null, status: 'OK', reason: '' },
    byScore: byScore.map(([n, positives], i) => ({
      from: i === 0 ? null : i / 4,
      predictions: n,
      labelled: n,
      positives,
      meanScore: null,
    })),
    ...rest,
  };
}

/** A clean run of 100 events. */
export function verification(rest: Partial<Verification> = {}): Verification {
  return {
    events: 100,
    predictions: 100,
    deadLetters: 0,
    deadLettersByCode: new Map(),
    byStatus: new Map([
      ['OK', 85],
      ['DEGRADED', 15],
    ]),
    duplicates: 0,
    missing: 0,
    unexplained: 0,
    latencyMs: { p50: 12, p95: 40, p99: 99 },
    seconds: 4,
    meanScore: 0.25,
    windows: [],
    labels: null,
    unread: [],
    ...rest,
  };
}
