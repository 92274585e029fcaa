import type { OutputRecords } from '../core/outputs.ts';
import type { PerformanceMeasures } from '../drift/performance/measures.ts';
import { noMeasures } from '../drift/performance/measures.ts';
import { performanceIn, type PerformanceStatistics } from '../drift/performance/performance-record.ts';
import type { DriftMetrics, ShownPerformance } from '../ops/index.ts';

/** Options of `PerformanceGauges`. */
export interface PerformanceGaugesOptions {
  /** The performance topic. */
  readonly topic: string;
  /** Its framing bytes. */
  readonly prefix: Buffer;
  /** Rows below which a measure says nothing: `labels.minSamples`. */
  readonly minSamples: number;
  readonly metrics: Pick<DriftMetrics, 'performance'>;
}

/**
 * Shows in metrics what a merger publishes of performance. Labels come late: what they say is of an earlier window than what is estimated, so each
 * basis shows the newest window that says something on it.
 */
export class PerformanceGauges {
  private readonly options: PerformanceGaugesOptions;
  /** What the gauges show, by size of window, arm and basis. */
  private readonly shown = new Map<string, { readonly windowStart: number; readonly isEnough: boolean }>();

  constructor(options: PerformanceGaugesOptions) {
    this.options = options;
  }

  /** Records are out; those of other topics are passed over. */
  published(output: OutputRecords): void {
    const { topic, prefix } = this.options;
    if (output.topic !== topic) return;
    for (const statistics of performanceIn(prefix.length, output)) {
      this.show(statistics, 'realised');
      this.show(statistics, 'estimated');
    }
  }

  private show(statistics: PerformanceStatistics, basis: ShownPerformance['basis']): void {
    const { metrics, minSamples } = this.options;
    const { model, window, windowStart, windowEnd, arm, metric, drop, dropBasis, labelCoverage } = statistics;
    const measures = statistics[basis];
    const isEnough = measures !== null && measures.n >= minSamples;
    if (!this.isNews(`${window}|${basis}|${arm}`, windowStart, isEnough)) return;
    const delaysMs = { '0.5': statistics.labelDelayMedianMs, '0.9': statistics.labelDelayP90Ms };
    metrics.performance({
      ...{ model, window, arm, basis, metric },
      windowEndMs: windowEnd,
      measures: valuesOf(isEnough ? measures : noMeasures(0)),
      drop: dropBasis === (basis === 'realised' ? 'LABELS' : 'CBPE') ? drop : null,
      ...(basis === 'realised' ? { labels: { coverage: labelCoverage, delaysMs } } : {}),
    });
  }

  /** A window with enough rows is shown until a newer one has enough. */
  private isNews(key: string, windowStart: number, isEnough: boolean): boolean {
    const shown = this.shown.get(key);
    if (shown && shown.windowStart !== windowStart) {
      if (shown.isEnough && !isEnough) return false;
      if (shown.isEnough === isEnough && shown.windowStart > windowStart) return false;
    }
    this.shown.set(key, { windowStart, isEnough });
    return true;
  }
}

function valuesOf({ n: _, ...measures }: PerformanceMeasures): Readonly<Record<string, number | null>> {
  return measures;
}
