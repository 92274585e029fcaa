/** Watches a run while it goes on: committed offsets, the workers' metrics and the drift statistics as they appear. */
import type { Admin, Consumer, Kafka } from 'kafkajs';
import { DriftWindows } from './drift-windows.ts';
import { PerformanceWindows } from './performance-windows.ts';
import { fetchRanges } from './topic-reader.ts';
import { type Buckets, bucketsOf, bucketsSince, quantileOf, sumOf } from './worker-metrics.ts';
import { readMetrics, type Worker } from './workers.ts';
import type { RunTopics } from './verify.ts';

const POLL_MS = 250;
const METRICS_EVERY = 2;
/** Samples of the rate that are kept, one a poll of the metrics. */
const RATES = 60;

/** What is known at one moment. */
export interface Observation {
  /** Records settled: the committed positions of the group. */
  readonly settled: number;
  /** Settled per second, newest last. */
  readonly rates: readonly number[];
  /** From arrival in a worker to acknowledgement, over the last interval, milliseconds; NaN when nothing was settled. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Rows per micro-batch over the last interval; NaN when there was none. */
  readonly rowsPerBatch: number;
  readonly deadLetters: number;
}

/** A monitor that is running. */
export interface Monitor {
  readonly windows: DriftWindows;
  /** Without a performance topic it stays empty. */
  readonly performance: PerformanceWindows;
  now(): Observation;
  /** Resolves when `condition` holds after some poll; rejects when the monitor fails. */
  until(condition: (observation: Observation) => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Begins to watch. The group must not have members other than the workers. @throws KafkaJSError */
export async function startMonitor(kafka: Kafka, topics: RunTopics, groupId: string, workers: readonly Worker[]): Promise<Monitor> {
  const admin = kafka.admin();
  await admin.connect();
  const windows = new DriftWindows();
  const performanceWindows = new PerformanceWindows();
  const tail = await startTail(kafka, `${groupId}-demo-${Date.now().toString(36)}`, {
    [topics.driftStatistics]: windows,
    ...(topics.performance === undefined ? {} : { [topics.performance]: performanceWindows }),
  });
  const lows = new Map((await fetchRanges(admin, [topics.input])).get(topics.input)?.map(({ partition, low }) => [partition, low]));
  const waiting = new Set<{ condition: (observation: Observation) => boolean; resolve: () => void; reject: (error: unknown) => void }>();
  let observation: Observation = {
    settled: 0,
    rates: [],
    latencyMs: { p50: Number.NaN, p95: Number.NaN, p99: Number.NaN },
    rowsPerBatch: Number.NaN,
    deadLetters: 0,
  };
  let latency: Buckets | undefined;
  let batches = { rows: 0, count: 0 };
  let lastSample = { settled: 0, atMs: performance.now() };
  let isStopped = false;

  const readWorkers = async (settled: number): Promise<Partial<Observation>> => {
    const samples = await readMetrics(workers);
    const buckets = bucketsOf(samples, 'prediction_latency_seconds');
    const recent = bucketsSince(buckets, latency);
    const size = { rows: sumOf(samples, 'weir_batch_rows_sum'), count: sumOf(samples, 'weir_batch_rows_count') };
    const rowsPerBatch = (size.rows - batches.rows) / (size.count - batches.count);
    const atMs = performance.now();
    const rate = ((settled - lastSample.settled) * 1000) / (atMs - lastSample.atMs);
    const milliseconds = (share: number): number => quantileOf(recent, share) * 1000;
    latency = buckets;
    batches = size;
    lastSample = { settled, atMs };
    return {
      rates: [...observation.rates, rate].slice(-RATES),
      latencyMs: { p50: milliseconds(0.5), p95: milliseconds(0.95), p99: milliseconds(0.99) },
      rowsPerBatch,
      deadLetters: sumOf(samples, 'weir_dead_letters_total'),
    };
  };

  const loop = (async () => {
    for (let poll = 1; !isStopped; poll++) {
      const settled = await fetchSettled(admin, groupId, topics.input, lows);
      const workersSay = poll % METRICS_EVERY === 0 ? await readWorkers(settled) : {};
      observation = { ...observation, ...workersSay, settled };
      for (const waiter of waiting) {
        if (!waiter.condition(observation)) continue;
        waiting.delete(waiter);
        waiter.resolve();
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  })();
  loop.catch((error: unknown) => {
    isStopped = true;
    for (const { reject } of waiting) reject(error);
  });
  return {
    windows,
    performance: performanceWindows,
    now: () => observation,
    until: async (condition) => {
      if (isStopped) return loop;
      await new Promise<void>((resolve, reject) => waiting.add({ condition, resolve, reject }));
    },
    async stop() {
      isStopped = true;
      await loop.catch(() => undefined);
      await tail.disconnect();
      await admin.disconnect();
    },
  };
}

/** Records of the topic that lie before the committed positions of the group. */
async function fetchSettled(admin: Admin, groupId: string, topic: string, lows: ReadonlyMap<number, number>): Promise<number> {
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  let settled = 0;
  for (const { partition, offset } of committed?.partitions ?? []) {
    const low = lows.get(partition) ?? 0;
    settled += Math.max(0, Number(offset) - low);
  }
  return settled;
}

/** Follows topics of statistics from their beginning. @param windows who takes the records of each topic */
async function startTail(kafka: Kafka, groupId: string, windows: Readonly<Record<string, Pick<DriftWindows, 'apply'>>>): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250 });
  await consumer.connect();
  for (const topic of Object.keys(windows)) await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage: async ({ topic, message }) => windows[topic]?.apply(message) });
  return consumer;
}
