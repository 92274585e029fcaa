import type { MetricEntry } from './catalogue.ts';

/** The part of the catalogue that is about performance, known from labels or estimated. */
export const PERFORMANCE_METRICS = {
  modelAccuracy: {
    name: 'ml_model_accuracy',
    type: 'gauge',
    labels: ['model', 'window', 'arm'],
    unit: 'ratio',
    help: 'Share of right predictions among those whose label is known, in the newest performance window with enough labels. Absent while there are too few, and where the model says no class.',
  },
  modelPerformance: {
    name: 'ml_model_performance',
    type: 'gauge',
    labels: ['model', 'window', 'arm', 'metric', 'basis'],
    unit: 'that of the metric',
    help: 'Measures of performance by name (auc, f1, rmse, …): realised, from labels, of the newest window with enough of them; estimated, without labels, of the newest window with enough predictions. Absent while unknown.',
  },
  modelPerformanceDrop: {
    name: 'ml_model_performance_drop',
    type: 'gauge',
    labels: ['model', 'window', 'arm', 'metric', 'basis'],
    unit: 'ratio',
    help: 'By how much labels.metric is worse than in the reference, in the same windows as ml_model_performance: absolute for shares, relative for errors and losses; negative: better. Absent while unknown; on the basis estimated also where labels decide.',
  },
  modelPerformanceWindowEnd: {
    name: 'ml_model_performance_window_end_timestamp_seconds',
    type: 'gauge',
    labels: ['model', 'window', 'arm', 'basis'],
    unit: 'seconds since the epoch',
    help: 'End of the performance window that is shown, in event time. On the basis realised it falls behind when labels stop coming.',
  },
  labelCoverage: {
    name: 'ml_label_coverage_ratio',
    type: 'gauge',
    labels: ['model', 'window', 'arm'],
    unit: 'ratio',
    help: 'Share of the predictions whose label is known, in the newest performance window with enough labels.',
  },
  labelDelay: {
    name: 'ml_label_delay_seconds',
    type: 'gauge',
    labels: ['model', 'window', 'arm', 'quantile'],
    unit: 'seconds',
    help: 'Quantiles (0.5, 0.9) of the time from the event of a prediction to that of its label, as upper ends of bins, in the newest performance window with enough labels. Absent beyond 30 days.',
  },
  labelsRead: {
    name: 'weir_labels_total',
    type: 'counter',
    labels: ['outcome'],
    unit: 'labels',
    help: 'Labels by what became of them in this worker, which reads all: joined to a prediction, corrected (it had another one, or the same, before), unmatched (no prediction of this worker, or not yet), empty (no value or no id), or unreadable (a dead letter).',
  },
  labelledPredictions: {
    name: 'weir_label_predictions_total',
    type: 'counter',
    labels: ['outcome'],
    unit: 'predictions',
    help: 'Predictions read to be labelled: counted, repeated (written again after a crash, and counted once) or malformed.',
  },
  labelsHeld: {
    name: 'weir_labels_held',
    type: 'gauge',
    labels: ['what'],
    unit: 'rows',
    help: 'Predictions and labels in memory that may still be joined, at most labels.maxPredictions of each.',
  },
  labelsCrowdedOut: {
    name: 'weir_labels_crowded_out_total',
    type: 'counter',
    labels: ['what'],
    unit: 'rows',
    help: 'Predictions and labels let go before labels.ttlMs because there were more than labels.maxPredictions: labels of theirs find nothing.',
  },
} as const satisfies Record<string, MetricEntry>;
