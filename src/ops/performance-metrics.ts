import type { Gauge } from 'prom-client';
import type { MetricKey } from './catalogue.ts';

/** Performance of one window and arm, on one basis. What is null has no series: unknown is not 0. */
export interface ShownPerformance {
  readonly model: string;
  /** Name of its size. */
  readonly window: string;
  readonly arm: string;
  /** From labels, or estimated without them. */
  readonly basis: 'realised' | 'estimated';
  readonly windowEndMs: number;
  /** By name. */
  readonly measures: Readonly<Record<string, number | null>>;
  /** The measure that the verdict is about, and by how much it is worse than in the reference. */
  readonly metric: string;
  readonly drop: number | null;
  /** For the basis `realised`. */
  readonly labels?: {
    /** Share of the predictions. */
    readonly coverage: number;
    /** Quantiles of the time from the event of a prediction to that of its label, by q. */
    readonly delaysMs: Readonly<Record<string, number | null>>;
  };
}

/** Makes what shows performance; each call replaces what the last one of the same model, size, arm and basis has shown. */
export function createPerformanceMetrics(gauge: (key: MetricKey) => Gauge): (shown: ShownPerformance) => void {
  const accuracy = gauge('modelAccuracy');
  const performance = gauge('modelPerformance');
  const drops = gauge('modelPerformanceDrop');
  const windowEnd = gauge('modelPerformanceWindowEnd');
  const coverage = gauge('labelCoverage');
  const delays = gauge('labelDelay');
  const set = (target: Gauge, labels: Record<string, string>, value: number | null | undefined): void => {
    if (value === undefined || value === null || !Number.isFinite(value)) target.remove(labels);
    else target.set(labels, value);
  };
  return ({ model, window, arm, basis, windowEndMs, measures, metric, drop, labels }) => {
    const place = { model, window, arm };
    windowEnd.set({ ...place, basis }, windowEndMs / 1_000);
    for (const [name, value] of Object.entries(measures)) set(performance, { ...place, metric: name, basis }, value);
    set(drops, { ...place, metric, basis }, drop);
    if (!labels) return;
    set(accuracy, place, measures['accuracy']);
    coverage.set(place, labels.coverage);
    for (const [quantile, ms] of Object.entries(labels.delaysMs)) set(delays, { ...place, quantile }, ms === null ? null : ms / 1_000);
  };
}
