/**
 * A worker of weir against hand-written workers in other languages, which are commands that honour one contract: events per second,
 * CPU-seconds per million events and latency, interleaved in one run. See README.md; `--help` lists the options.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { KAFKA_VERSION, type Services, startServices } from '../../src/dev/index.ts';
import { FEATURE_EVENT, PREDICTION } from './contract.ts';
import { startFiller } from './filler.ts';
import type { Format } from './format.ts';
import { measureLatency } from './latency.ts';
import { HELP, type PeersOptions, peersOptions } from './options.ts';
import { type Cell, latencyRows, latencyTable, throughputRows, throughputTable } from './report.ts';
import { connectAdmin, createTopic, type Place } from './session.ts';
import { measureThroughput } from './throughput.ts';
import { FORMATS, type Workload } from './workloads.ts';

const log = (line: string): void => console.error(line);

const options = readOptions();
const { competitors, workloads, rounds, rates, seconds, isVerified } = options;
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort(new Error(`${signal}: given up.`)));
const folder = mkdtempSync(join(tmpdir(), 'weir-peers-'));
const services = await start(options);
const isKafkaGiven = options.services !== undefined || Boolean(process.env['WEIR_KAFKA_BROKERS']);
const place: Place = {
  brokers: services.kafkaBrokers,
  redis: new URL(services.redisUrl).host,
  brokerPid: services.processes.kafka?.pid,
  redisPid: services.processes.redis?.pid,
  folder,
  prefix: `peers-${randomUUID().slice(0, 8)}`,
  signal: interruption.signal,
};
const inputs = new Set<string>();
const failures: string[] = [];
const cells: Cell[] = workloads.flatMap(({ name }) =>
  competitors
    .filter((competitor) => competitor.workloads?.includes(name) ?? true)
    .map((competitor) => ({ workload: name, competitor: competitor.name, throughput: [], latency: [] })),
);
try {
  writeFileSync(join(folder, 'feature_event.avsc'), JSON.stringify(FEATURE_EVENT));
  writeFileSync(join(folder, 'prediction.avsc'), JSON.stringify(PREDICTION));
  await measureAll();
  await report();
} finally {
  await removeInputs().catch((error: unknown) => log(`The input topics could not be removed: ${String(error)}`));
  await services.stop();
  rmSync(folder, { recursive: true });
}
if (failures.length > 0) process.exitCode ??= 1;

function readOptions(): PeersOptions {
  try {
    if (process.platform !== 'linux') throw new Error('CPU time and memory of the workers are read from /proc, which only Linux has.');
    const read = peersOptions(process.argv.slice(2));
    if (read) return read;
    console.log(HELP);
    process.exit(0);
  } catch (error) {
    log((error as Error).message);
    process.exit(2);
  }
}

async function start({ services: given }: PeersOptions): Promise<Services> {
  const endpoints = given && { WEIR_KAFKA_BROKERS: given.brokers, WEIR_REDIS_URL: given.redisUrl };
  return await startServices({ needs: ['kafka', 'redis'], log, env: { ...process.env, ...endpoints } });
}

function eventsOf(workload: Workload): number {
  return options.events ?? workload.events;
}

/** Workloads of the same events share a topic. */
function inputOf(workload: Workload): string {
  return `${place.prefix}-${workload.base}-${eventsOf(workload)}`;
}

/** What was measured until somebody interrupts is reported, too. */
async function measureAll(): Promise<void> {
  try {
    await load();
    for (let round = 0; round < rounds; round++) for (const workload of workloads) await measureRound(round, workload);
  } catch (error) {
    if (!place.signal.aborted) throw error;
    log((place.signal.reason as Error).message);
    process.exitCode = 130;
  }
}

async function load(): Promise<void> {
  for (const base of new Set(workloads.map((workload) => workload.base))) {
    const format: Format = FORMATS[base];
    log(`${base}: features`);
    await format.loadFeatures?.(services.redisUrl);
  }
  const admin = await connectAdmin(place.brokers);
  for (const workload of workloads) {
    const topic = inputOf(workload);
    const events = eventsOf(workload);
    if (events === 0 || inputs.has(topic)) continue;
    place.signal.throwIfAborted();
    inputs.add(topic);
    log(`${workload.base}: ${events} events`);
    await createTopic(admin, topic, { 'retention.ms': '-1' });
    const filler = await startFiller(place.brokers, topic);
    await filler.write(FORMATS[workload.base].events(), events, Date.now());
    await filler.close();
  }
  await admin.disconnect();
}

/** Each worker in turn; another one begins in the next round. */
async function measureRound(round: number, workload: Workload): Promise<void> {
  const taking = competitors.filter(({ workloads: only }) => only?.includes(workload.name) ?? true);
  for (let i = 0; i < taking.length; i++) {
    const competitor = taking[(i + round) % taking.length]!;
    const cell = cells.find((c) => c.workload === workload.name && c.competitor === competitor.name)!;
    const title = `round ${round + 1} ${workload.name} ${competitor.name}`;
    const events = eventsOf(workload);
    if (events > 0) {
      const what = { competitor, workload, inputTopic: inputOf(workload), events, isVerified };
      const run = await attempt(title, () => measureThroughput(place, what));
      cell.throughput.push(run);
      if (run) {
        const { verification } = run;
        const checked = verification
          ? `, ${verification.checked} scores checked, error up to ${verification.maxError.toExponential(1)}`
          : '';
        log(
          `${title}: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M, ${run.rssMb.toFixed(0)} MB, ${run.seconds.toFixed(1)} s, load ${loadavg()[0]!.toFixed(1)}${checked}`,
        );
      }
    }
    if (rates.length > 0) {
      const latency = await attempt(`${title} latency`, () => measureLatency(place, { competitor, workload, rates, seconds }));
      cell.latency.push(latency);
      for (const { rate, p50, p95, p99 } of latency ?? []) log(`${title} at ${rate}/s: ${p50}, ${p95}, ${p99} ms (p50, p95, p99)`);
    }
  }
}

/** A failure of one worker does not take what was measured of the others with it. */
async function attempt<T>(title: string, measure: () => Promise<T>): Promise<T | undefined> {
  place.signal.throwIfAborted();
  try {
    return await measure();
  } catch (error) {
    if (place.signal.aborted) throw error;
    failures.push(`${title}: ${(error as Error).message}`);
    log(failures.at(-1)!);
    return undefined;
  }
}

async function report(): Promise<void> {
  const throughput = throughputRows(cells);
  const latency = latencyRows(cells);
  const about = await surroundings();
  console.log(
    `${about.date}: ${about.machine}, ${about.os}; Node ${about.node}, Kafka ${about.kafka}, Redis ${about.redis}, ONNX Runtime ${about.onnxRuntime} (weir's); ${about.rounds} rounds, medians; load ${about.load}\n`,
  );
  if (throughput.length > 0) {
    console.log(throughputTable(throughput));
    console.log(
      '\nweir ÷ it: of events/s, above 1 weir is faster; of CPU, below 1 weir needs less. Medians of the ratios of the rounds.\n',
    );
  }
  if (latency.length > 0) console.log(`${latencyTable(latency)}\n`);
  if (failures.length > 0) console.log(`Runs that failed: ${failures.length}. They are in no figure.\n\n${failures.join('\n')}\n`);
  const events = Object.fromEntries(workloads.map((workload) => [workload.name, eventsOf(workload)]));
  if (options.isJson) console.log(JSON.stringify({ ...about, events, seconds, isVerified, throughput, latency, failures }));
}

async function surroundings() {
  const { env } = await import('onnxruntime-node');
  const { release, type } = await import('node:os');
  const redis = new Redis(services.redisUrl);
  const redisVersion = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1];
  redis.disconnect();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} × ${cpus()[0]?.model}`,
    os: `${type()} ${release()}`,
    // Fewer than were asked for when somebody interrupted.
    rounds: Math.max(...cells.map(({ throughput, latency }) => Math.max(throughput.length, latency.length))),
    node: process.version,
    kafka: isKafkaGiven ? 'given' : process.env['WEIR_KAFKA_VERSION'] || KAFKA_VERSION,
    redis: redisVersion,
    onnxRuntime: env.versions.node,
    load: loadavg()
      .map((l) => l.toFixed(1))
      .join(' '),
  };
}

async function removeInputs(): Promise<void> {
  // A broker of our own takes its data with it.
  if (!isKafkaGiven || inputs.size === 0) return;
  const admin = await connectAdmin(place.brokers);
  await admin.deleteTopics({ topics: [...inputs] });
  await admin.disconnect();
}
