import type { DriftWindow, FeatureDrift } from '../../../../examples/flights/drift-windows.ts';
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
    unread: [],
    ...rest,
  };
}
