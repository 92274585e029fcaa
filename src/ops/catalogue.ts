/**
 * The one table of every metric. `metrics.ts` makes nothing that is not here; `docs/reference/metrics.md` is generated from it.
 * Names that dashboards of this field already use are kept; the rest are `weir_<noun>_<unit>[_total]`.
 * Labels are bounded: models, columns, groups, topics, partitions and codes; never an entity or a key.
 */

import { PERFORMANCE_METRICS } from './performance-catalogue.ts';

/** One metric of the catalogue. */
export interface MetricEntry {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Label names, in the order in which code gives the values. */
  readonly labels: readonly string[];
  /** What one unit of the value is. */
  readonly unit: string;
  readonly help: string;
  /** Upper bounds of a histogram, ascending, without +Inf. */
  readonly buckets?: readonly number[];
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
const STEP_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] as const;
const BATCH_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096] as const;
const SCORES = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1] as const;

/** Every metric by the name that code uses. */
export const METRICS = {
  predictions: {
    name: 'predictions_total',
    type: 'counter',
    labels: ['model', 'model_version', 'status'],
    unit: 'predictions',
    help: 'Predictions acknowledged by the output topic, by status (ok or degraded). Those of a transaction that is given up count again when they are scored again.',
  },
  predictionLatency: {
    name: 'prediction_latency_seconds',
    type: 'histogram',
    labels: ['model', 'model_version'],
    unit: 'seconds',
    help: 'Time from the arrival of a record in the worker to the acknowledgement of its prediction. With exactly-once delivery it is seen when its transaction is committed.',
    buckets: SECONDS,
  },
  predictionScore: {
    name: 'prediction_score',
    type: 'histogram',
    labels: ['model', 'model_version'],
    unit: 'score',
    help: 'Primary output of the model.',
    buckets: SCORES,
  },
  featureDrift: {
    name: 'feature_drift_score',
    type: 'gauge',
    labels: ['model', 'window', 'feature_name'],
    unit: 'ratio',
    help: 'Total variation distance of a column in the newest window with enough samples (it may still be open) against the reference; 0.1 means that 10 % of the distribution moved. Absent while there are too few samples.',
  },
  predictionDrift: {
    name: 'ml_prediction_drift',
    type: 'gauge',
    labels: ['model', 'window'],
    unit: 'ratio',
    help: 'Jensen-Shannon distance (base 2) of the score in the newest window with enough samples (it may still be open) against the reference. Absent while there are too few samples.',
  },
  driftWindowSamples: {
    name: 'ml_drift_window_samples',
    type: 'gauge',
    labels: ['model', 'window'],
    unit: 'rows',
    help: 'Rows in the newest drift window with enough samples (it may still be open).',
  },
  driftWindowEnd: {
    name: 'ml_drift_window_end_timestamp_seconds',
    type: 'gauge',
    labels: ['model', 'window'],
    unit: 'seconds since the epoch',
    help: 'End of the newest drift window with enough samples (it may still be open), in event time.',
  },
  driftWindows: {
    name: 'weir_drift_windows_total',
    type: 'counter',
    labels: ['model', 'window', 'status'],
    unit: 'records',
    help: 'Drift statistics published, by size of window and overall status (OK, WARN, DRIFT or INSUFFICIENT_DATA). A window is published again whenever it has changed, and counted each time.',
  },
  driftCoverage: {
    name: 'ml_drift_coverage_ratio',
    type: 'gauge',
    labels: ['model', 'window'],
    unit: 'ratio',
    help: 'Share of the input partitions that have come past the end of the newest drift window with enough samples, or are at their end.',
  },
  driftGapOffsets: {
    name: 'weir_drift_gap_offsets_total',
    type: 'counter',
    labels: ['model'],
    unit: 'offsets',
    help: 'Input offsets that no worker has counted for drift; 0 unless counts were lost.',
  },
  driftDuplicates: {
    name: 'weir_drift_duplicates_dropped_total',
    type: 'counter',
    labels: ['model'],
    unit: 'records',
    help: 'Drift profiles left out because their records were scored again by another worker, as after a crash.',
  },
  driftLateRows: {
    name: 'weir_drift_late_rows_total',
    type: 'counter',
    labels: ['model'],
    unit: 'rows',
    help: 'Rows that came after their drift window had left the memory of the merger, and are in no window.',
  },
  ...PERFORMANCE_METRICS,
  recordsConsumed: {
    name: 'weir_records_consumed_total',
    type: 'counter',
    labels: ['topic'],
    unit: 'records',
    help: 'Records read and settled: predicted, dead or skipped.',
  },
  recordsSkipped: {
    name: 'weir_skipped_records_total',
    type: 'counter',
    labels: ['topic'],
    unit: 'records',
    help: 'Tombstones settled without an output (input.tombstones: skip).',
  },
  batchesClosed: {
    name: 'weir_batches_closed_total',
    type: 'counter',
    labels: ['reason'],
    unit: 'batches',
    help: 'Micro-batches closed, by reason (rows, bytes, delay, eager or drain).',
  },
  batchRows: {
    name: 'weir_batch_rows',
    type: 'histogram',
    labels: [],
    unit: 'rows',
    help: 'Rows of a micro-batch.',
    buckets: BATCH_ROWS,
  },
  batchLimitRows: {
    name: 'weir_batch_limit_rows',
    type: 'gauge',
    labels: [],
    unit: 'rows',
    help: 'Rows that a micro-batch may have at present: under backlog it grows to batch.maxRows as long as full micro-batches are scored within batch.targetMs, and shrinks when they are not.',
  },
  stepDuration: {
    name: 'weir_step_duration_seconds',
    type: 'histogram',
    labels: ['step'],
    unit: 'seconds',
    help: 'Time of one step for one micro-batch; of labels: for what was read since the last time.',
    buckets: STEP_SECONDS,
  },
  deadLetters: {
    name: 'weir_dead_letters_total',
    type: 'counter',
    labels: ['code'],
    unit: 'records',
    help: 'Records that became dead letters, by error code (docs/reference/errors.md).',
  },
  degradedPredictions: {
    name: 'weir_degraded_predictions_total',
    type: 'counter',
    labels: [],
    unit: 'predictions',
    help: 'Predictions in which at least one column holds a stand-in.',
  },
  invalidValues: {
    name: 'weir_invalid_values_total',
    type: 'counter',
    labels: ['feature_name', 'action'],
    unit: 'values',
    help: 'Values out of range or not finite, by column and by what was done (dead-letter, clamp, default or flag).',
  },
  retries: {
    name: 'weir_retries_total',
    type: 'counter',
    labels: ['step', 'code'],
    unit: 'retries',
    help: 'Times that a micro-batch waited for something that did not answer.',
  },
  inFlightBatches: {
    name: 'weir_in_flight_batches',
    type: 'gauge',
    labels: [],
    unit: 'batches',
    help: 'Micro-batches on their way.',
  },
  queuedRows: {
    name: 'weir_queued_rows',
    type: 'gauge',
    labels: [],
    unit: 'rows',
    help: 'Rows fetched but not settled.',
  },
  queuedBytes: {
    name: 'weir_queued_bytes',
    type: 'gauge',
    labels: [],
    unit: 'bytes',
    help: 'Bytes fetched but not settled.',
  },
  consumerLag: {
    name: 'weir_consumer_lag_records',
    type: 'gauge',
    labels: ['topic', 'partition'],
    unit: 'records',
    help: 'Records of an assigned partition of the input that are in the log but not settled. The groups of drift and labels are not in it: the lag of <group>-labels-<model>-<version> is labels.ttlMs of predictions by design, never 0; do not alert or scale on it.',
  },
  assignedPartitions: {
    name: 'weir_assigned_partitions',
    type: 'gauge',
    labels: [],
    unit: 'partitions',
    help: 'Partitions assigned to this worker.',
  },
  rebalances: {
    name: 'weir_rebalances_total',
    type: 'counter',
    labels: [],
    unit: 'rebalances',
    help: 'Assignments received from the consumer group.',
  },
  transactions: {
    name: 'weir_transactions_total',
    type: 'counter',
    labels: ['outcome'],
    unit: 'transactions',
    help: 'Transactions of exactly-once delivery, by outcome: committed, or given_up (its records are read and scored again).',
  },
  modelRunRows: {
    name: 'weir_model_run_rows',
    type: 'gauge',
    labels: ['model', 'model_version'],
    unit: 'rows',
    help: 'Most rows of one run of the model: as many as were cheapest a row when the model was measured at start, or maxBatchRows of its package. Larger micro-batches are scored in several runs. 0: no limit.',
  },
  modelThreads: {
    name: 'weir_model_threads',
    type: 'gauge',
    labels: ['state'],
    unit: 'threads',
    help: 'Threads of the model (model.runtime: {threads: n}) by state: idle, busy (in a run), starting, or hung (given up, but still in a run and using CPU). Absent when the model runs on the event loop.',
  },
  modelThreadRestarts: {
    name: 'weir_model_thread_restarts_total',
    type: 'counter',
    labels: [],
    unit: 'threads',
    help: 'Threads of the model that have taken the place of one that was given up or has died.',
  },
  modelRunTimeouts: {
    name: 'weir_model_run_timeouts_total',
    type: 'counter',
    labels: [],
    unit: 'runs',
    help: 'Runs of the model that were given up after model.runTimeoutMs.',
  },
  transactionDuration: {
    name: 'weir_transaction_duration_seconds',
    type: 'histogram',
    labels: [],
    unit: 'seconds',
    help: 'Time from the first write of a transaction to its commit: what a reader of committed predictions waits on top of prediction_latency_seconds, at most.',
    buckets: SECONDS,
  },
  storeMisses: {
    name: 'weir_feature_store_misses_total',
    type: 'counter',
    labels: ['group', 'state'],
    unit: 'rows',
    help: 'Rows for which a feature group had no value, by reason (miss, stale or unavailable).',
  },
} as const satisfies Record<string, MetricEntry>;

/** Name of a metric in code. */
export type MetricKey = keyof typeof METRICS;
