/**
 * Memory of a worker while its output stands still: a proxy in front of the broker holds back its produce requests, while
 * fetches, heartbeats and the producer of the input go on; after a minute it lets them through again.
 *
 *     npm run bench -- stall [--events 300000] [--seconds 60] [--rounds 5] [--json]
 *
 * Every round has a worker and topics of its own. Shown: the peaks of resident memory and of the rows held, by phase (medians
 * of the rounds); that the worker kept its place in the group; and that every event has a prediction in the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { loadFeatures } from '../../examples/flights/load-features.ts';
import { replay } from '../../examples/flights/replay.ts';
import { parseMetrics, type Sample, sumOf } from '../../examples/flights/worker-metrics.ts';
import { startWorkers, stopWorkers } from '../../examples/flights/workers.ts';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { loadPipelineFile } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { startKafka, startServices } from '../../src/dev/index.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { partitionRanges, readRanges } from '../../src/kafka/topic-reader.ts';
import { machineLine, rangeText, table } from '../report.ts';
import { median } from '../statistics.ts';
import { startProduceGate } from './produce-gate.ts';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const PHASES = ['steady', 'stalled', 'resumed'] as const;
type Phase = (typeof PHASES)[number];

/** One second of one round. */
interface Moment {
  readonly phase: Phase;
  readonly rssMb: number;
  readonly queuedRows: number;
  readonly queuedMb: number;
}

/** One round. */
interface Round {
  readonly moments: readonly Moment[];
  readonly events: number;
  readonly predictions: number;
  /** Times that the worker joined its group; 1 is its start. */
  readonly joins: number;
}

const folder = mkdtempSync(join(tmpdir(), 'weir-stall-'));
// A broker of its own (Java 17 and Maven), since clients must reach it through the gate.
const gate = await startProduceGate();
const kafka = await startKafka({
  extraProperties: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${gate.port}` },
  log: (line) => console.error(line),
});
gate.target = Number(kafka.endpoint.split(':')[1]);
const services = await startServices({
  needs: ['kafka', 'redis', 'registry'],
  log: (line) => console.error(line),
  env: { ...process.env, WEIR_KAFKA_BROKERS: `127.0.0.1:${gate.port}` },
});
const admin = new Kafka({ clientId: 'stall', brokers: services.kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
try {
  await admin.connect();
  const rounds: Round[] = [];
  for (let round = 1; round <= Number(options.rounds); round++) {
    rounds.push(await measure(round));
    console.error(`round ${round}: ${PHASES.map((phase) => `${phase} ${peak(rounds.at(-1)!, phase, 'rssMb')} MB`).join(', ')}`);
  }
  report(rounds);
} finally {
  await admin.disconnect();
  await services.stop();
  await kafka.stop();
  gate.close();
  rmSync(folder, { recursive: true });
}

/** One worker through a stall. @throws Error when it did not end well or an event has no prediction */
async function measure(round: number): Promise<Round> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    KAFKA_BROKERS: services.kafkaBrokers,
    REDIS_URL: services.redisUrl,
    SCHEMA_REGISTRY_URL: services.registryUrl,
    FLIGHTS_PREFIX: `stall-${process.pid}-${round}`,
    FLIGHTS_KEY_PREFIX: `stall-${process.pid}`,
    FLIGHTS_LAYOUT: 'packed',
    FLIGHTS_LABELS: 'false',
    LOG_LEVEL: 'warn',
  };
  const path = examplePath('weir.yaml');
  const config = loadPipelineFile(path, env);
  const { topic } = config.output.predictions;
  await applyPipelineTopics(config, { dryRun: false, withInput: 4, logger: silentLogger });
  if (round === 1) await loadFeatures(config, { mode: 'keyed' });
  const entry = new URL('../../src/cli/main.ts', import.meta.url).pathname;
  const [worker] = await startWorkers({ entry, config: path, runFolder: folder, env }, 1, () => {});
  const limit = Number(options.events);
  const publishing = replay({ brokers: config.kafka.brokers, topic: config.input.topic, registryUrl: services.registryUrl, limit });
  const written = async (): Promise<number> => (await admin.fetchTopicOffsets(topic)).reduce((sum, o) => sum + Number(o.high), 0);
  const page = async (): Promise<Sample[]> => parseMetrics(await (await fetch(`${worker!.url}/metrics`)).text());
  const moments: Moment[] = [];
  const watch = async (phase: Phase, until: () => boolean | Promise<boolean>): Promise<void> => {
    for (;;) {
      const samples = await page();
      const [rssMb, queuedMb] = ['process_resident_memory_bytes', 'weir_queued_bytes'].map((name) => sumOf(samples, name) / 1e6);
      moments.push({ phase, rssMb: rssMb!, queuedRows: sumOf(samples, 'weir_queued_rows'), queuedMb: queuedMb! });
      if (await until()) return;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
  await watch('steady', async () => (await written()) > limit / 6);
  gate.shut(config.kafka.clientId);
  const stalledMs = performance.now();
  await watch('stalled', () => performance.now() - stalledMs > Number(options.seconds) * 1000);
  gate.open();
  const { published } = await publishing;
  await watch('resumed', async () => (await written()) >= published);
  const joins = sumOf(await page(), 'weir_rebalances_total');
  const problems = await stopWorkers([worker!], 30_000);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return { moments, events: published, predictions: await committed(topic), joins };
}

/** Records of a topic that a reader of committed ones sees: its ends count control records and what was given up, too. */
async function committed(topic: string): Promise<number> {
  const kafka = createKafka({ brokers: services.kafkaBrokers.split(','), clientId: 'stall', ssl: false }, silentLogger);
  let records = 0;
  for await (const { count } of readRanges(kafka, topic, await partitionRanges(kafka, topic), { openTransactions: 'wait' }))
    records += count;
  return records;
}

function peak({ moments }: Round, phase: Phase, what: 'rssMb' | 'queuedRows' | 'queuedMb'): number {
  return Math.max(...moments.filter((moment) => moment.phase === phase).map((moment) => moment[what]));
}

function report(rounds: readonly Round[]): void {
  const cells = (what: 'rssMb' | 'queuedRows' | 'queuedMb', decimals: number): string[] =>
    PHASES.map((phase) => {
      const peaks = rounds.map((round) => peak(round, phase, what));
      return `${median(peaks).toFixed(decimals)} (${rangeText(peaks, decimals)})`;
    });
  console.log(`${machineLine(`${options.events} events`, `${rounds.length} rounds`, 'medians of the peaks')}\n`);
  console.log(
    table(
      ['', 'steady', `stalled for ${options.seconds} s`, 'after'],
      [
        ['resident memory, MB', ...cells('rssMb', 0)],
        ['rows held', ...cells('queuedRows', 0)],
        ['held, MB', ...cells('queuedMb', 1)],
      ],
    ),
  );
  const sums = rounds.map(({ joins, events, predictions }) => `${predictions} of ${events} (joins: ${joins})`);
  console.log(`\nPredictions in the end, by round: ${sums.join(', ')}.`);
  if (options.json) console.log(JSON.stringify({ node: process.version, seconds: Number(options.seconds), rounds }));
}
