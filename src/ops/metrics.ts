import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { RECORD_ERROR_CODES } from '../core/errors.ts';
import type { PipelineMetrics } from '../core/ports.ts';
import type { TopicPartition } from '../core/records.ts';
import { BulkHistogram } from './bulk-histogram.ts';
import { METRICS, type MetricEntry, type MetricKey } from './catalogue.ts';
import { createLabelMetrics, type LabelMetrics } from './label-metrics.ts';
import { createPerformanceMetrics, type ShownPerformance } from './performance-metrics.ts';
import { createSettledCounter } from './settled.ts';

/** What the source tells about itself. Cheap, but call it per fetch or scrape, not per record. */
export interface SourceMetrics {
  /** Rows and bytes fetched but not settled. */
  queued(rows: number, bytes: number): void;
  /** Replaces all lags: series of partitions not named vanish. */
  lags(partitions: Iterable<TopicPartition & { readonly lag: number }>): void;
  assigned(partitions: number): void;
  rebalanced(): void;
}

/** What a drift window showed. An undefined score has no series: too few samples is not 0. */
export interface DriftWindow {
  readonly model: string;
  /** Name of its size. */
  readonly window: string;
  readonly rows: number;
  readonly windowEndMs: number;
  /** Share of the input partitions that are past its end. */
  readonly coverage: number;
  /** Total variation distance by column. */
  readonly features: Iterable<{ readonly name: string; readonly score: number | undefined }>;
  /** Jensen-Shannon distance (base 2) of the score. */
  readonly prediction: number | undefined;
}

/** What is in no window, or in none twice. */
export interface DriftLeftOut {
  /** Rows that came too late for their window. */
  readonly lateRows: number;
  /** Input offsets that no worker has counted. */
  readonly gapOffsets: number;
  /** Profiles whose records another worker has counted again. */
  readonly duplicates: number;
}

/** What the merger tells. Only the merger does: a worker sees part of the partitions. */
export interface DriftMetrics {
  /** The newest window of a size with enough samples: its values replace those of the last one of this model and size. */
  window(window: DriftWindow): void;
  /** Statistics of a window were published. */
  published(model: string, window: string, status: string): void;
  /** The newest performance window of a size and arm that says something, from labels or estimated. */
  performance(shown: ShownPerformance): void;
  /** What was left out since the last call. */
  leftOut(model: string, counts: DriftLeftOut): void;
}

/** What the exactly-once sink tells. */
export interface DeliveryMetrics {
  /** A transaction ended, so many seconds after its first write. */
  transaction(outcome: 'committed' | 'given_up', seconds: number): void;
}

/** The threads of a model: how many are in which state, and what has happened since the start. */
export interface ThreadCounts {
  readonly idle: number;
  readonly busy: number;
  readonly starting: number;
  readonly hung: number;
  readonly restarts: number;
  readonly timeouts: number;
}

/** What the model tells about itself. */
export interface ModelMetrics {
  /** Most rows of one run; undefined: no limit. */
  runs(rows: number | undefined): void;
  /** Its threads as they are now; call it per scrape. */
  threads(counts: ThreadCounts): void;
}

/** All metrics of a worker. */
export interface WeirMetrics {
  readonly registry: Registry;
  readonly contentType: string;
  /** The page in the Prometheus text format. */
  metrics(): Promise<string>;
  readonly pipeline: PipelineMetrics;
  readonly source: SourceMetrics;
  readonly delivery: DeliveryMetrics;
  readonly drift: DriftMetrics;
  readonly labels: LabelMetrics;
  readonly model: ModelMetrics;
  /** Calls back before each page is rendered: the place to set gauges, at the price of a scrape. */
  onScrape(callback: () => void): void;
}

/** What metrics are made of. */
export interface MetricsOptions {
  /** The model whose predictions are counted. */
  readonly model: { readonly name: string; readonly version: string };
  /** Add those of the process and of Node.js (`process_*`, `nodejs_*`). Default false. */
  readonly process?: boolean;
  /** Number of the worker in its pool: the label `worker` of every series. Default: none, and no such label. */
  readonly worker?: number;
}

/** Makes every metric of the catalogue. One set a process: prom-client's global registry is not used. */
export function createMetrics({ model, process: withProcess = false, worker }: MetricsOptions): WeirMetrics {
  const registry = new Registry();
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker) });
  if (withProcess) collectDefaultMetrics({ register: registry });
  const scrapes: (() => void)[] = [];
  const counter = (key: MetricKey): Counter => new Counter({ ...promOptions(METRICS[key]), registers: [registry] });
  const gauge = (key: MetricKey): Gauge => new Gauge({ ...promOptions(METRICS[key]), registers: [registry] });
  const histogram = (key: MetricKey): BulkHistogram => {
    const made = new BulkHistogram(METRICS[key]);
    // prom-client's types ask for its own classes; its registry asks for `name` and `get()`.
    registry.registerMetric(made as unknown as Metric);
    return made;
  };

  const batchesClosed = counter('batchesClosed');
  const batchRows = histogram('batchRows').of();
  const batchLimitRows = gauge('batchLimitRows');
  const stepDuration = histogram('stepDuration');
  const retries = counter('retries');
  const invalidValues = counter('invalidValues');
  const inFlight = gauge('inFlightBatches');
  const transactions = counter('transactions');
  const transactionDuration = histogram('transactionDuration').of();
  const deadLetters = counter('deadLetters');
  // Series that exist from the start can be alerted on: rate() sees the step from 0 to 1.
  for (const code of RECORD_ERROR_CODES) deadLetters.inc({ code }, 0);

  const settled = createSettledCounter({
    model,
    predictions: counter('predictions'),
    latency: histogram('predictionLatency'),
    score: histogram('predictionScore'),
    consumed: counter('recordsConsumed'),
    skipped: counter('recordsSkipped'),
    deadLetters,
    degraded: counter('degradedPredictions'),
    storeMisses: counter('storeMisses'),
  });

  return {
    registry,
    contentType: registry.contentType,
    async metrics() {
      for (const callback of scrapes) callback();
      return registry.metrics();
    },
    onScrape: (callback) => void scrapes.push(callback),
    pipeline: {
      batchClosed(reason, rows, limitRows) {
        batchesClosed.inc({ reason });
        batchRows.add(rows);
        batchLimitRows.set(limitRows);
      },
      step: (name, seconds) => stepDuration.of(name).add(seconds),
      settled,
      retried: (step, code) => retries.inc({ step, code }),
      invalid: (column, action, count) => invalidValues.inc({ feature_name: column, action }, count),
      inFlight: (batches) => inFlight.set(batches),
    },
    source: createSourceMetrics(gauge, counter),
    delivery: {
      transaction(outcome, seconds) {
        transactions.inc({ outcome });
        if (outcome === 'committed') transactionDuration.add(seconds);
      },
    },
    drift: createDriftMetrics(gauge, counter),
    labels: createLabelMetrics(gauge, counter, (seconds) => stepDuration.of('labels').add(seconds)),
    model: createModelMetrics(model, gauge, counter),
  };
}

type Make<T> = (key: MetricKey) => T;

function createSourceMetrics(gauge: Make<Gauge>, counter: Make<Counter>): SourceMetrics {
  const queuedRows = gauge('queuedRows');
  const queuedBytes = gauge('queuedBytes');
  const consumerLag = gauge('consumerLag');
  const assigned = gauge('assignedPartitions');
  const rebalances = counter('rebalances');
  return {
    queued(rows, bytes) {
      queuedRows.set(rows);
      queuedBytes.set(bytes);
    },
    lags(partitions) {
      consumerLag.reset();
      for (const { topic, partition, lag } of partitions) consumerLag.set({ topic, partition: String(partition) }, lag);
    },
    assigned: (partitions) => assigned.set(partitions),
    rebalanced: () => rebalances.inc(),
  };
}

function createModelMetrics({ name, version }: MetricsOptions['model'], gauge: Make<Gauge>, counter: Make<Counter>): ModelMetrics {
  const runRows = gauge('modelRunRows');
  const threads = gauge('modelThreads');
  const restarts = counter('modelThreadRestarts');
  const timeouts = counter('modelRunTimeouts');
  let seen = { restarts: 0, timeouts: 0 };
  return {
    runs: (rows = 0) => runRows.set({ model: name, model_version: version }, Number.isFinite(rows) ? rows : 0),
    threads(counts) {
      for (const state of ['idle', 'busy', 'starting', 'hung'] as const) threads.set({ state }, counts[state]);
      restarts.inc(counts.restarts - seen.restarts);
      timeouts.inc(counts.timeouts - seen.timeouts);
      seen = { restarts: counts.restarts, timeouts: counts.timeouts };
    },
  };
}

function createDriftMetrics(gauge: Make<Gauge>, counter: Make<Counter>): DriftMetrics {
  const featureDrift = gauge('featureDrift');
  const predictionDrift = gauge('predictionDrift');
  const samples = gauge('driftWindowSamples');
  const windowEnd = gauge('driftWindowEnd');
  const windows = counter('driftWindows');
  const coverages = gauge('driftCoverage');
  const lateRows = counter('driftLateRows');
  const gapOffsets = counter('driftGapOffsets');
  const duplicates = counter('driftDuplicates');
  const set = (target: Gauge, labels: Record<string, string>, value: number | undefined): void => {
    if (value === undefined || !Number.isFinite(value)) target.remove(labels);
    else target.set(labels, value);
  };
  return {
    window({ model, window, rows, windowEndMs, coverage, features, prediction }) {
      const labels = { model, window };
      coverages.set(labels, coverage);
      samples.set(labels, rows);
      windowEnd.set(labels, windowEndMs / 1_000);
      set(predictionDrift, labels, prediction);
      for (const { name, score } of features) set(featureDrift, { ...labels, feature_name: name }, score);
    },
    performance: createPerformanceMetrics(gauge),
    published: (model, window, status) => windows.inc({ model, window, status }),
    leftOut(model, counts) {
      lateRows.inc({ model }, counts.lateRows);
      gapOffsets.inc({ model }, counts.gapOffsets);
      duplicates.inc({ model }, counts.duplicates);
    },
  };
}

function promOptions(entry: MetricEntry): { name: string; help: string; labelNames: string[] } {
  return { name: entry.name, help: entry.help, labelNames: [...entry.labels] };
}
