/**
 * One worker from topic to topic: events per second, CPU-seconds per million events of the worker process (all threads,
 * garbage collection included), and where the time goes by step.
 *
 *     npm run bench -- pipeline [--events 300000] [--rounds 3] [--workloads flights-gbt-packed,w2p] [--json]
 *
 * The topic is filled first, then one worker starts and works it off: the first quarter of the records (start, just-in-time
 * compilation) is left out. Rounds of the workloads are interleaved; medians are printed. Steps are wall time on the one
 * event loop: those that wait (enrich, emit) overlap with others, so the steps do not add up to the whole.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Kafka, logLevel, Kafka as KafkaClient } from 'kafkajs';
import { parseMetrics, type Sample, sumOf } from '../../examples/flights/worker-metrics.ts';
import { startWorkers, stopWorkers } from '../../examples/flights/workers.ts';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { createRegistryClient } from '../../src/avro/registry-client.ts';
import { loadPipelineFile, type PipelineConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { type Services, startServices } from '../../src/dev/index.ts';
import { createRedisStore, featureGroupFromRows } from '../../src/features/index.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const STEPS = ['decode', 'enrich', 'validate', 'score', 'drift', 'encode', 'emit'] as const;
const PARTITIONS = 4;
const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** One measured run of one workload. */
interface Run {
  readonly eventsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly rssMb: number;
  readonly rowsPerBatch: number;
  /** Seconds per million events. */
  readonly steps: Readonly<Record<string, number>>;
}

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '3' },
    workloads: { type: 'string', default: Object.keys(WORKLOADS).join(',') },
    json: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
const chosen = options.workloads.split(',').map((name) => {
  const workload = WORKLOADS[name];
  if (!workload) throw new Error(`There is no workload ${name}; there are ${Object.keys(WORKLOADS).join(', ')}.`);
  return workload;
});

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  const prepared = new Map<Workload, Prepared>();
  for (const workload of chosen) {
    console.error(`${workload.name}: features and ${events} events`);
    prepared.set(workload, await prepare(workload, services));
  }
  const runs = new Map<Workload, Run[]>(chosen.map((workload) => [workload, []]));
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const workload of chosen) {
      const run = await measure(prepared.get(workload)!);
      runs.get(workload)!.push(run);
      console.error(
        `round ${round} ${workload.name}: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M`,
      );
    }
  }
  report(runs);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

interface Prepared {
  readonly env: NodeJS.ProcessEnv;
  readonly config: PipelineConfig;
  readonly path: string;
}

/** Loads features and fills the input topic of a workload. */
async function prepare(workload: Workload, { kafkaBrokers, redisUrl, registryUrl }: Services): Promise<Prepared> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...workload.env,
    KAFKA_BROKERS: kafkaBrokers,
    REDIS_URL: redisUrl,
    SCHEMA_REGISTRY_URL: registryUrl,
    FLIGHTS_PREFIX: `bench-${workload.name}`,
    FLIGHTS_KEY_PREFIX: `bench-${workload.name}`,
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
  const registry = createRegistryClient({ url: registryUrl, timeoutMs: 10_000, clock: systemClock, logger: silentLogger });
  const { id } = await registry.register(`${config.input.topic}-value`, workload.schema);
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(id, 1);
  const producer = client(kafkaBrokers).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let messages: { key: string; value: Buffer }[] = [];
  const send = async (): Promise<void> => {
    if (messages.length > 0) await producer.send({ topic: config.input.topic, messages });
    messages = [];
  };
  for (const { key, body } of workload.events(events)) {
    messages.push({ key, value: Buffer.concat([prefix, body]) });
    if (messages.length === 5_000) await send();
  }
  await send();
  await producer.disconnect();
  return { env, config, path };
}

/** Works the topic off with one worker, from the beginning of the topic. */
async function measure({ env, config, path }: Prepared): Promise<Run> {
  const { groupId } = config.kafka;
  const admin = client(String(env['KAFKA_BROKERS'])).admin();
  await admin.connect();
  const written = async (): Promise<number> =>
    (await admin.fetchTopicOffsets(config.output.predictions.topic)).reduce((sum, o) => sum + Number(o.high), 0);
  const before = await written();
  if (before > 0) await admin.resetOffsets({ groupId, topic: config.input.topic, earliest: true });
  const workers = await startWorkers({ entry: MAIN, config: path, runFolder: folder, env }, 1, () => {});
  const [worker] = workers;
  const page = async (): Promise<Sample[]> => parseMetrics(await (await fetch(`${worker!.url}/metrics`)).text());
  const reach = async (target: number): Promise<{ at: number; count: number; samples: Sample[] }> => {
    for (;;) {
      const count = (await written()) - before;
      if (count >= target) return { at: performance.now(), count, samples: await page() };
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const begin = await reach(events / 4);
  const end = await reach(events);
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
    steps: Object.fromEntries(STEPS.map((step) => [step, grown('weir_step_duration_seconds_sum', { step }) / millions])),
  };
}

function matching(samples: readonly Sample[], labels: Record<string, string>): Sample[] {
  return samples.filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
}

function client(brokers: string): Kafka {
  return new KafkaClient({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function report(runs: ReadonlyMap<Workload, readonly Run[]>): void {
  const rows = [...runs].map(([workload, measured]) => ({
    workload: workload.name,
    description: workload.description,
    eventsPerSecond: Math.round(median(measured.map((r) => r.eventsPerSecond))),
    cpuSecondsPerMillion: median(measured.map((r) => r.cpuSecondsPerMillion)),
    cpuRange: [Math.min(...measured.map((r) => r.cpuSecondsPerMillion)), Math.max(...measured.map((r) => r.cpuSecondsPerMillion))],
    rssMb: Math.round(median(measured.map((r) => r.rssMb))),
    rowsPerBatch: Math.round(median(measured.map((r) => r.rowsPerBatch))),
    steps: Object.fromEntries(STEPS.map((step) => [step, median(measured.map((r) => r.steps[step]!))])),
  }));
  console.log(
    `Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model}, ${events} events, ${options.rounds} rounds, medians\n`,
  );
  console.log(`| workload | events/s | CPU-s per million (range) | RSS MB | rows per batch | ${STEPS.join(' | ')} |`);
  console.log(`|---|---|---|---|---|${STEPS.map(() => '---').join('|')}|`);
  for (const r of rows) {
    const steps = STEPS.map((step) => r.steps[step]!.toFixed(2)).join(' | ');
    const range = r.cpuRange.map((v) => v.toFixed(2)).join('–');
    console.log(
      `| ${r.workload} | ${r.eventsPerSecond} | ${r.cpuSecondsPerMillion.toFixed(2)} (${range}) | ${r.rssMb} | ${r.rowsPerBatch} | ${steps} |`,
    );
  }
  console.log('\nSteps: seconds of wall time per million events.');
  if (options.json) console.log(JSON.stringify({ node: process.version, events, rounds: Number(options.rounds), rows }));
}
