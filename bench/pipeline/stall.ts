/**
 * Memory of a worker while its output stands still: a proxy in front of the broker holds back its produce requests, while
 * fetches, heartbeats and the producer of the input go on; after a minute it lets them through again.
 *
 *     npm run bench -- stall [--events 300000] [--seconds 60] [--json]
 *
 * Shown: resident memory and rows held, second by second; that the worker kept its place in the group; and that every
 * event has a prediction in the end.
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
import { startProduceGate } from './produce-gate.ts';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    seconds: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
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
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    KAFKA_BROKERS: services.kafkaBrokers,
    REDIS_URL: services.redisUrl,
    SCHEMA_REGISTRY_URL: services.registryUrl,
    FLIGHTS_PREFIX: `stall-${process.pid}`,
    FLIGHTS_LAYOUT: 'packed',
    LOG_LEVEL: 'warn',
  };
  const path = examplePath('weir.yaml');
  const config = loadPipelineFile(path, env);
  const { topic } = config.output.predictions;
  await admin.connect();
  await applyPipelineTopics(config, { dryRun: false, withInput: 4, logger: silentLogger });
  await loadFeatures(config, { mode: 'keyed' });
  const [worker] = await startWorkers(
    { entry: new URL('../../src/cli/main.ts', import.meta.url).pathname, config: path, runFolder: folder, env },
    1,
    () => {},
  );
  const publishing = replay({ brokers: config.kafka.brokers, topic: config.input.topic, registryUrl: services.registryUrl, limit: events });
  const written = async (): Promise<number> => (await admin.fetchTopicOffsets(topic)).reduce((sum, o) => sum + Number(o.high), 0);
  const page = async (): Promise<Sample[]> => parseMetrics(await (await fetch(`${worker!.url}/metrics`)).text());
  const profile: { second: number; phase: string; predictions: number; rssMb: number; queuedRows: number; queuedMb: number }[] = [];
  const startedMs = performance.now();
  const sample = async (phase: string): Promise<void> => {
    const samples = await page();
    profile.push({
      second: Math.round((performance.now() - startedMs) / 1000),
      phase,
      predictions: await written(),
      rssMb: Math.round(sumOf(samples, 'process_resident_memory_bytes') / 1e6),
      queuedRows: sumOf(samples, 'weir_queued_rows'),
      queuedMb: Number((sumOf(samples, 'weir_queued_bytes') / 1e6).toFixed(2)),
    });
  };
  const watch = async (phase: string, until: () => boolean | Promise<boolean>): Promise<void> => {
    for (;;) {
      await sample(phase);
      if (await until()) return;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
  await watch('steady', async () => (await written()) > events / 6);
  gate.shut(config.kafka.clientId);
  const stalledMs = performance.now();
  await watch('stalled', () => performance.now() - stalledMs > Number(options.seconds) * 1000);
  gate.open();
  const { published } = await publishing;
  await watch('resumed', async () => (await written()) >= published);
  const rebalances = sumOf(await page(), 'weir_rebalances_total');
  const problems = await stopWorkers([worker!], 30_000);

  const peak = (phase: string): number => Math.max(...profile.filter((p) => p.phase === phase).map((p) => p.rssMb));
  console.log('| second | phase | predictions | RSS MB | rows held | MB held |\n|---|---|---|---|---|---|');
  for (const [i, p] of profile.entries()) {
    const turns = p.phase !== profile[i - 1]?.phase || p.phase !== profile[i + 1]?.phase;
    if (turns || i % 5 === 0) console.log(`| ${p.second} | ${p.phase} | ${p.predictions} | ${p.rssMb} | ${p.queuedRows} | ${p.queuedMb} |`);
  }
  const result = {
    events: published,
    predictions: await written(),
    rssMbPeak: { steady: peak('steady'), stalled: peak('stalled'), resumed: peak('resumed') },
    maxQueuedRows: Math.max(...profile.map((p) => p.queuedRows)),
    joins: rebalances,
    problems,
  };
  console.log(
    `\nPeak of resident memory: ${peak('steady')} MB steady, ${peak('stalled')} MB stalled, ${peak('resumed')} MB after; joins of the group: ${rebalances}.`,
  );
  if (options.json) console.log(JSON.stringify(result));
} finally {
  await admin.disconnect();
  await services.stop();
  await kafka.stop();
  gate.close();
  rmSync(folder, { recursive: true });
}
