import type { Counter, Gauge } from 'prom-client';
import type { PERFORMANCE_METRICS } from './performance-catalogue.ts';

/** What became of labels and predictions since the start, and what is in memory. */
export interface LabelCounts {
  readonly joined: number;
  readonly corrected: number;
  readonly unmatched: number;
  readonly empty: number;
  readonly unreadable: number;
  /** Predictions that count. */
  readonly predictions: number;
  readonly repeated: number;
  readonly malformedPredictions: number;
  readonly held: { readonly predictions: number; readonly labels: number };
  readonly crowdedOut: { readonly predictions: number; readonly labels: number };
}

/** What the joining of labels tells. */
export interface LabelMetrics {
  /** Counts only grow. */
  show(counts: LabelCounts): void;
  /** So much time went into joining since the last call. */
  worked(seconds: number): void;
}

type Key = keyof typeof PERFORMANCE_METRICS;

/** Makes the metrics of labels. */
export function createLabelMetrics(
  gauge: (key: Key) => Gauge,
  counter: (key: Key) => Counter,
  worked: LabelMetrics['worked'],
): LabelMetrics {
  const labels = counter('labelsRead');
  const predictions = counter('labelledPredictions');
  const held = gauge('labelsHeld');
  const crowdedOut = counter('labelsCrowdedOut');
  const shown = new Map<string, number>();
  const grow = (target: Counter, series: Record<string, string>, name: string, value: number): void => {
    target.inc(series, Math.max(0, value - (shown.get(name) ?? 0)));
    shown.set(name, value);
  };
  return {
    worked,
    show(counts) {
      for (const outcome of ['joined', 'corrected', 'unmatched', 'empty', 'unreadable'] as const)
        grow(labels, { outcome }, outcome, counts[outcome]);
      grow(predictions, { outcome: 'counted' }, 'counted', counts.predictions);
      grow(predictions, { outcome: 'repeated' }, 'repeated', counts.repeated);
      grow(predictions, { outcome: 'malformed' }, 'malformed', counts.malformedPredictions);
      for (const what of ['predictions', 'labels'] as const) {
        held.set({ what }, counts.held[what]);
        grow(crowdedOut, { what }, `crowded-out ${what}`, counts.crowdedOut[what]);
      }
    },
  };
}
