/** What most scenarios begin and end with. */
import type { LocalService } from '../../src/dev/index.ts';
import { type AccountOptions, accountFor } from './accounts.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import type { KafkaProxy } from './kafka-proxy.ts';
import { Load, type LoadOptions } from './load.ts';
import { type ChaosPipeline, createPipeline, type PipelineOptions, TOPICS } from './pipeline.ts';
import type { Findings, ScenarioContext } from './scenario.ts';
import { startBroker, startFeatureStore } from './services.ts';

/** Broker, Redis, pipeline, load and workers, none of which has started yet. */
export interface Stage {
  readonly broker: LocalService;
  readonly redis: LocalService;
  readonly pipeline: ChaosPipeline;
  readonly load: Load;
  readonly fleet: Fleet;
}

/** How a stage differs from the usual one. */
export interface StageOptions {
  readonly brokerProperties?: Readonly<Record<string, string>>;
  /** Clients reach the broker through it alone. */
  readonly proxy?: KafkaProxy;
  readonly pipeline?: Omit<PipelineOptions, 'brokers' | 'redis'>;
  readonly load?: Pick<LoadOptions, 'message'>;
  readonly fleet?: Omit<FleetOptions, 'file'>;
}

/** Starts a broker and a Redis, creates the topics, and has load and fleet ready. */
export async function setStage(context: ScenarioContext, options: StageOptions = {}): Promise<Stage> {
  const { proxy } = options;
  const advertised = proxy ? { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` } : {};
  const properties = { ...advertised, ...options.brokerProperties };
  const [broker, redis] = await Promise.all([startBroker(context, properties), startFeatureStore(context)]);
  if (proxy) proxy.target = broker.port;
  return { broker, redis, ...(await setPipeline(context, { brokers: broker.endpoint, redis, ...options.pipeline }, options)) };
}

/** Pipeline, load and fleet on services that are there. */
export async function setPipeline(
  context: ScenarioContext,
  pipelineOptions: PipelineOptions,
  options: Pick<StageOptions, 'load' | 'fleet'> = {},
): Promise<Pick<Stage, 'pipeline' | 'load' | 'fleet'>> {
  const pipeline = await createPipeline(context, pipelineOptions);
  const { brokers, partitions, file } = pipeline;
  const load = new Load(context, { brokers, topic: TOPICS.input, partitions, ...options.load });
  return { pipeline, load, fleet: new Fleet(context, { file, env: { CHAOS_BROKERS: brokers }, ...options.fleet }) };
}

/** How long what is left at the end may take. */
const DRAIN_MS = 120_000;

/** Waits until everything is committed, drains the workers and accounts for every input. */
export async function settle(
  context: ScenarioContext,
  { pipeline, load, fleet }: Pick<Stage, 'pipeline' | 'load' | 'fleet'>,
  options: AccountOptions,
): Promise<Findings> {
  const problems: string[] = [];
  context.say(`${load.sent} inputs sent; waiting until all are committed`);
  await pipeline.drained(DRAIN_MS, options.allowedLag).catch((error: unknown) => {
    context.signal.throwIfAborted();
    problems.push(`${(error as Error).message}; ${fleet.endings.at(-1) ?? ''}`);
  });
  await fleet.drainAll();
  context.say('accounting');
  return await accountFor(context, pipeline, load, fleet, { ...options, problems: [...problems, ...(options.problems ?? [])] });
}
