/** One worker process from topic to topic at full speed: fills the input topic, starts the worker, reads its metrics. */
import { type Kafka, logLevel, Kafka as KafkaClient } from 'kafkajs';
import { parseMetrics, type Sample, sumOf } from '../../examples/flights/worker-metrics.ts';
import { startWorkers, stopWorkers } from '../../examples/flights/workers.ts';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { createRegistryClient } from '../../src/avro/registry-client.ts';
import { loadPipelineFile, type PipelineConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import type { Services } from '../../src/dev/index.ts';
import { createRedisStore, featureGroupFromRows } from '../../src/features/index.ts';
import { rangeText } from '../report.ts';
import { median } from '../statistics.ts';
import type { BenchEvent, Workload } from './workloads.ts';

/** Steps of the pipeline, as the metrics name them. */
export const STEPS = ['decode', 'enrich', 'validate', 'score', 'drift', 'encode', 'emit', 'labels'] as const;
const PARTITIONS = 4;
const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** One measured run of one workload. */
export interface Run {
  readonly eventsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly rssMb: number;
  readonly rowsPerBatch: number;
  /** Time of garbage collections: what allocation costs. */
  readonly gcMsPerMillion: number;
  /** Seconds per million events. */
  readonly steps: Readonly<Record<string, number>>;
}

/** What is the same for all runs. */
export interface RunOptions {
  /** For pipeline files and logs. */
  readonly folder: string;
  readonly events: number;
}

/** How an input topic is filled. */
export interface FillOptions extends RunOptions {
  /** Share of the events whose bytes are no Avro; spread evenly. Default 0. */
  readonly poisonShare?: number;
  /** Of the names of topics: for topics of its own. */
  readonly suffix?: string;
}

/** A workload that is ready to be worked off, any number of times. */
export interface Prepared {
  readonly env: NodeJS.ProcessEnv;
  readonly config: PipelineConfig;
  readonly path: string;
}

/** Loads features and fills the input topic of a workload. */
export async function prepare(
  workload: Workload,
  { kafkaBrokers, redisUrl, registryUrl }: Services,
  { folder, events, poisonShare = 0, suffix = '' }: FillOptions,
): Promise<Prepared> {
  const name = `bench-${workload.name}${poisonShare > 0 ? `-poison-${poisonShare}` : ''}${suffix}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...workload.env,
    KAFKA_BROKERS: kafkaBrokers,
    REDIS_URL: redisUrl,
    SCHEMA_REGISTRY_URL: registryUrl,
    FLIGHTS_PREFIX: name,
    FLIGHTS_KEY_PREFIX: name,
    LOG_LEVEL: 'warn',
  };
  const path = workload.configPath(folder);
  const config = loadPipelineFile(path, env);
  await applyPipelineTopics(config, { dryRun: false, withInput: PARTITIONS, logger: silentLogger });
  for (const [group, rows] of Object.entries(workload.groups)) {
    const { layout, keyPrefix, ttlSeconds } = config.features[group]!;
    const store = createRedisStore({
      url: redisUrl,
      deadlineMs: 30_000,
      breaker: { failures: 5, resetMs: 1_000 },
      groups: { [group]: { layout, keyPrefix, ttlSeconds } },
      clock: systemClock,
      logger: silentLogger,
    });
    await store.start();
    const list = Array.from(rows(), (row) => ({ ...row, writtenAtMs: Date.now() }));
    await store.writer(featureGroupFromRows(group, list)).write(list);
    await store.close();
  }
  await fill(kafkaBrokers, registryUrl, config.input.topic, workload.schema, poisoned(workload.events(events), poisonShare));
  if (config.labels && workload.labels)
    await fill(kafkaBrokers, registryUrl, config.labels.topic, workload.labels.schema, workload.labels.of(events));
  return { env, config, path };
}

/** Bodies turned round, for a share of the events; spread evenly. */
function* poisoned(events: Iterable<BenchEvent>, share: number): Generator<BenchEvent & { readonly isPoison: boolean }> {
  let made = 0;
  for (const { key, body } of events) {
    const isPoison = Math.floor(++made * share) > Math.floor((made - 1) * share);
    yield { key, body: isPoison ? Buffer.from(body.toReversed()) : body, isPoison };
  }
}

/** Fills a topic. */
async function fill(
  brokers: string,
  registryUrl: string,
  topic: string,
  schema: unknown,
  events: Iterable<BenchEvent & { readonly isPoison?: boolean }>,
): Promise<void> {
  const registry = createRegistryClient({ url: registryUrl, timeoutMs: 10_000, clock: systemClock, logger: silentLogger });
  const { id } = await registry.register(`${topic}-value`, schema);
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(id, 1);
  const producer = client(brokers).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let messages: { key: string; value: Buffer }[] = [];
  const send = async (): Promise<void> => {
    if (messages.length > 0) await producer.send({ topic, messages });
    messages = [];
  };
  for (const { key, body, isPoison } of events) {
    messages.push({ key, value: isPoison ? body : Buffer.concat([prefix, body]) });
    if (messages.length === 5_000) await send();
  }
  await send();
  await producer.disconnect();
}

/** Works the topic off with one worker, from the beginning of the topic. */
export async function measure({ env, config, path }: Prepared, { folder, events }: RunOptions): Promise<Run> {
  const { groupId } = config.kafka;
  const admin = client(String(env['KAFKA_BROKERS'])).admin();
  await admin.connect();
  // Control records of transactions are among them: some tens a second, which only moves where the window begins and ends.
  const written = async (): Promise<number> => {
    let records = 0;
    for (const { topic } of [config.output.predictions, config.output.deadLetters]) {
      for (const { high } of await admin.fetchTopicOffsets(topic)) records += Number(high);
    }
    return records;
  };
  const before = await written();
  if (before > 0) await admin.resetOffsets({ groupId, topic: config.input.topic, earliest: true });
  const workers = await startWorkers({ entry: MAIN, config: path, runFolder: folder, env }, 1, () => {});
  const [worker] = workers;
  const page = async (): Promise<Sample[]> => parseMetrics(await (await fetch(`${worker!.url}/metrics`)).text());
  const reach = async (target: number): Promise<{ at: number; count: number; samples: Sample[] }> => {
    for (;;) {
      if ((await written()) - before >= target) {
        const samples = await page();
        return { at: performance.now(), count: sumOf(samples, 'weir_records_consumed_total'), samples };
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const begin = await reach(events / 4);
  let end = await reach(events);
  // Predictions are labelled behind the scoring.
  while (config.labels && sumOf(matching(end.samples, { outcome: 'counted' }), 'weir_label_predictions_total') < events)
    end = await reach(events);
  await admin.disconnect();
  const problems = await stopWorkers(workers, 30_000);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const millions = (end.count - begin.count) / 1e6;
  const grown = (name: string, labels: Record<string, string> = {}): number =>
    sumOf(matching(end.samples, labels), name) - sumOf(matching(begin.samples, labels), name);
  return {
    eventsPerSecond: (end.count - begin.count) / ((end.at - begin.at) / 1000),
    cpuSecondsPerMillion: grown('process_cpu_seconds_total') / millions,
    rssMb: sumOf(end.samples, 'process_resident_memory_bytes') / 1e6,
    rowsPerBatch: grown('weir_batch_rows_sum') / grown('weir_batch_rows_count'),
    gcMsPerMillion: (1_000 * grown('nodejs_gc_duration_seconds_sum')) / millions,
    steps: Object.fromEntries(STEPS.map((step) => [step, grown('weir_step_duration_seconds_sum', { step }) / millions])),
  };
}

function matching(samples: readonly Sample[], labels: Record<string, string>): Sample[] {
  return samples.filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
}

function client(brokers: string): Kafka {
  return new KafkaClient({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
}

/** Medians of several runs, as tables and JSON give them. */
export interface Figures {
  readonly eventsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  /** Least and most. */
  readonly cpuRange: readonly [number, number];
  readonly rssMb: number;
  readonly gcMsPerMillion: number;
  readonly rowsPerBatch: number;
}

/** @param runs of the same cell; at least one */
export function figuresOf(runs: readonly Run[]): Figures {
  const cpu = runs.map((r) => r.cpuSecondsPerMillion);
  return {
    eventsPerSecond: Math.round(median(runs.map((r) => r.eventsPerSecond))),
    cpuSecondsPerMillion: Number(median(cpu).toFixed(3)),
    cpuRange: [Math.min(...cpu), Math.max(...cpu)],
    rssMb: Math.round(median(runs.map((r) => r.rssMb))),
    gcMsPerMillion: Math.round(median(runs.map((r) => r.gcMsPerMillion))),
    rowsPerBatch: Math.round(median(runs.map((r) => r.rowsPerBatch))),
  };
}

/** Heads of `figureCells`. */
export const FIGURE_HEADS = ['events/s', 'CPU-s per million (range)', 'RSS MB', 'GC ms per million', 'rows a batch'] as const;

/** The figures as cells of a table. */
export function figureCells(figures: Figures): (string | number)[] {
  const { eventsPerSecond, cpuSecondsPerMillion, cpuRange, rssMb, gcMsPerMillion, rowsPerBatch } = figures;
  return [eventsPerSecond, `${cpuSecondsPerMillion.toFixed(2)} (${rangeText(cpuRange, 2)})`, rssMb, gcMsPerMillion, rowsPerBatch];
}
