import type { MergerCounts } from '../drift/merger.ts';
import type { DriftStatistics } from '../drift/statistics-record.ts';
import type { DriftLeftOut, DriftMetrics } from '../ops/index.ts';

/** Shows in metrics what a merger publishes and leaves out. */
export class DriftGauges {
  private readonly model: string;
  private readonly metrics: DriftMetrics;
  /** What the gauges show, by size of window. */
  private readonly shown = new Map<string, { readonly windowStart: number; readonly isEnough: boolean }>();
  /** What the counters know of. */
  private leftOut: DriftLeftOut = { lateRows: 0, gapOffsets: 0, duplicates: 0 };

  /** @param model its name */
  constructor(model: string, metrics: DriftMetrics) {
    this.model = model;
    this.metrics = metrics;
  }

  /** A merger goes on from what another has counted: that is in the counters of the other. */
  begin(counts: Readonly<MergerCounts>): void {
    this.leftOut = leftOutOf(counts);
  }

  /** Adds what was left out since the last call. */
  count(counts: Readonly<MergerCounts>): void {
    const now = leftOutOf(counts);
    const { lateRows, gapOffsets, duplicates } = this.leftOut;
    this.metrics.leftOut(this.model, {
      lateRows: Math.max(0, now.lateRows - lateRows),
      gapOffsets: Math.max(0, now.gapOffsets - gapOffsets),
      duplicates: Math.max(0, now.duplicates - duplicates),
    });
    this.leftOut = now;
  }

  /** Statistics are out. The gauges of a size show the newest window that says something, open or closed. */
  published(statistics: DriftStatistics): void {
    const { model, metrics } = this;
    const { window, windowStart, windowEnd, status, events, coverage, features, prediction } = statistics;
    metrics.published(model, window, status);
    const shown = this.shown.get(window);
    const isEnough = status !== 'INSUFFICIENT_DATA';
    if (shown && shown.windowStart !== windowStart) {
      if (shown.isEnough && !isEnough) return;
      if (shown.isEnough === isEnough && shown.windowStart > windowStart) return;
    }
    this.shown.set(window, { windowStart, isEnough });
    metrics.window({
      model,
      window,
      rows: events,
      windowEndMs: windowEnd,
      coverage,
      features: features.map((feature) => ({ name: feature.name, score: enough(feature.status, feature.tvd) })),
      prediction: enough(prediction.status, prediction.jsDistance),
    });
  }
}

/** A measure on too few samples says nothing. */
function enough(status: string, measure: number | null): number | undefined {
  return status === 'INSUFFICIENT_DATA' ? undefined : (measure ?? undefined);
}

function leftOutOf({ lateDropped, gapOffsets, duplicatesDropped, retracted }: Readonly<MergerCounts>): DriftLeftOut {
  return { lateRows: lateDropped, gapOffsets, duplicates: duplicatesDropped + retracted };
}
