import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { FEATURE_GROUPS, featureRows } from '../../examples/flights/features.ts';
import { examplePath, type FlightRecord, readFlights } from '../../examples/flights/flight-data.ts';
import { loadFeatures } from '../../examples/flights/load-features.ts';
import { replay } from '../../examples/flights/replay.ts';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { loadPipelineFile, type PipelineConfig } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { guardChild } from '../../src/dev/process.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { eventually, readTopic, type ReadRecord } from './kafka.ts';
import { services, uniqueName } from './services.ts';

export { FEATURE_GROUPS, featureRows };

/** A flights pipeline of its own on the test services. */
export interface FlightsPipeline {
  readonly config: PipelineConfig;
  /** Environment that makes `examples/flights/weir.yaml` this pipeline. */
  readonly env: NodeJS.ProcessEnv;
}

/** Prefix of the keys under which each layout has been loaded: keyed features never change, so once is enough for a test file. */
const loaded = new Map<string, Promise<string>>();

function loadOnce(layout: string, env: NodeJS.ProcessEnv): Promise<string> {
  let prefix = loaded.get(layout);
  if (!prefix) {
    const name = uniqueName('features');
    const config = loadPipelineFile(examplePath('weir.yaml'), { ...env, FLIGHTS_KEY_PREFIX: name });
    prefix = loadFeatures(config, { mode: 'keyed' }).then(() => name);
    loaded.set(layout, prefix);
  }
  return prefix;
}

/** Topics and features of a new flights pipeline. @param settings more environment, such as FLIGHTS_MODEL */
export async function flightsPipeline(settings: Record<string, string> = {}, partitions = 4): Promise<FlightsPipeline> {
  const { kafkaBrokers, redisUrl, registryUrl } = services();
  const prefix = uniqueName('flights');
  const env = {
    ...process.env,
    KAFKA_BROKERS: kafkaBrokers,
    // A database of its own: other tests look through all keys of theirs, and the flights have hundreds of thousands.
    REDIS_URL: new URL('/1', redisUrl).href,
    SCHEMA_REGISTRY_URL: registryUrl,
    FLIGHTS_PREFIX: prefix,
    KAFKA_SESSION_TIMEOUT: '9s',
    LOG_LEVEL: 'info',
    // Counting the records of a topic by its offsets is right only without control records; exactly-once.test.ts has the other.
    FLIGHTS_DELIVERY: 'at-least-once',
    ...settings,
  } as NodeJS.ProcessEnv;
  env['FLIGHTS_KEY_PREFIX'] = await loadOnce(settings['FLIGHTS_LAYOUT'] ?? 'json', env);
  const config = loadPipelineFile(examplePath('weir.yaml'), env);
  await applyPipelineTopics(config, { dryRun: false, withInput: partitions, logger: silentLogger });
  return { config, env };
}

/** Every `step`-th flight of the year, `count` of them. */
export function* someFlights(count: number, step: number): Generator<FlightRecord> {
  let i = 0;
  for (const flight of readFlights()) {
    if (i++ % step !== 0) continue;
    yield flight;
    if (--count === 0) return;
  }
}

/** Publishes flights to the pipeline's input topic. @param options.labels also their arrivals, to its labels topic */
export async function publish(
  { config }: FlightsPipeline,
  flights: Iterable<FlightRecord>,
  eventsPerSecond?: number,
  options: { readonly labels?: boolean } = {},
): Promise<number> {
  const { published } = await replay({
    brokers: config.kafka.brokers,
    topic: config.input.topic,
    ...(options.labels && config.labels ? { labelsTopic: config.labels.topic } : {}),
    registryUrl: services().registryUrl,
    flights,
    ...(eventsPerSecond === undefined ? {} : { eventsPerSecond }),
  });
  return published;
}

/** A prediction as a consumer sees it. */
export interface Prediction extends ReadRecord {
  readonly predictionId: string;
  readonly model: string;
  readonly modelVersion: string;
  readonly entityKey: string | null;
  readonly score: number;
  readonly label: string | null;
  readonly status: 'OK' | 'DEGRADED';
  readonly degradedFeatures: string[];
  readonly source: { topic: string; partition: number; offset: number };
}

const predictionType = avsc.Type.forSchema(readOwnSchema('prediction') as avsc.Schema);

/** All predictions of a pipeline. */
export async function readPredictions({ config }: FlightsPipeline): Promise<Prediction[]> {
  const kafka = createKafka({ ...config.kafka, clientId: 'test' }, silentLogger);
  const records = await readTopic(config.output.predictions.topic, kafka);
  return records.map((record) => ({ ...record, ...(predictionType.fromBuffer(record.value!.subarray(5)) as object) }) as Prediction);
}

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** What it wrote to standard error. */
  readonly log: () => string;
  /** Sends the signal and resolves with exit code or signal. */
  stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** SIGTERM. @throws when it does not end with exit code 0, with its log */
  drain(): Promise<void>;
}

/** Starts `weir run` and resolves when it is assigned partitions and ready. @param file pipeline file */
export async function startWorker({ env }: Pick<FlightsPipeline, 'env'>, file = examplePath('weir.yaml')): Promise<WorkerProcess> {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, 'run', '--config', file], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  guardChild(child); // a worker whose services have gone retries for ever
  let log = '';
  child.stderr!.on('data', (chunk) => {
    log += chunk;
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal!)));
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`worker ended with ${child.exitCode}:\n${log}`);
    const url = /"url":"(http[^"]+)"/.exec(log)?.[1];
    if (!url) return false;
    return (await fetch(new URL('/readyz', url)).catch(() => undefined))?.status === 200;
  }).catch((error: unknown) => {
    child.kill('SIGKILL'); // nobody else knows of it
    throw error;
  });
  const stop = (signal: NodeJS.Signals): Promise<number | NodeJS.Signals> => {
    child.kill(signal);
    return exited;
  };
  return {
    child,
    log: () => log,
    stop,
    async drain() {
      const code = await stop('SIGTERM');
      if (code !== 0) throw new Error(`worker ended with ${code}:\n${log}`);
    },
  };
}
