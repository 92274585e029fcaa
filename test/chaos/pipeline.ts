/** The pipeline that the suite runs: topics, pipeline file, and what its group has committed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Admin, ITopicConfig } from 'kafkajs';
import type { LocalService } from '../../src/dev/index.ts';
import { EVENT_SCHEMA, MODEL_FOLDER } from './events.ts';
import { pause, type ScenarioContext, until } from './scenario.ts';
import { stockKafka } from './services.ts';

/** Topics of the pipeline that have the partitions of the input. */
export const TOPICS = { input: 'events', predictions: 'predictions', deadLetters: 'dead-letters' } as const;

/** Topics of drift: what the workers counted, and what the merger made of it. One partition each. */
export const DRIFT_TOPICS = {
  profiles: 'drift-profiles',
  statistics: 'drift-statistics',
  counts: 'drift-counts',
  state: 'drift-state',
} as const;

/** Consumer group of the workers. */
export const GROUP = 'chaos-workers';

/** Client id of the workers, by which a proxy knows them. */
export const CLIENT = 'chaos-worker';

/** Transactional id of the worker of a slot. */
export function transactionalIdOf(slot: number | string): string {
  return `chaos-${slot}`;
}

/** Session time-out of the workers: what a kill -9 costs. */
export const SESSION_TIMEOUT_MS = 6_000;

/** How a pipeline differs from the usual one. */
export interface PipelineOptions {
  readonly brokers: string;
  readonly redis: LocalService;
  readonly partitions?: number;
  readonly replicas?: number;
  /** Topic settings of the input and of the outputs. */
  readonly inputConfig?: Readonly<Record<string, string>>;
  readonly outputConfig?: Readonly<Record<string, string>>;
  /** False: the workers count nothing for drift, such as those that are broken on purpose. */
  readonly countsDrift?: boolean;
  /** Sections of the pipeline file that replace, key by key, those below. */
  readonly sections?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A pipeline whose topics exist. */
export interface ChaosPipeline {
  readonly brokers: string;
  readonly partitions: number;
  readonly countsDrift: boolean;
  /** Path of the pipeline file. */
  readonly file: string;
  readonly admin: Admin;
  /** Sum of the committed positions; undefined when the brokers do not say. */
  committed(): Promise<number | undefined>;
  /** Records not committed yet; undefined when the brokers do not say. */
  lag(): Promise<number | undefined>;
  /** Waits until everything in the input topic is committed, but for `allowedLag` records. @throws after `timeoutMs` */
  drained(timeoutMs: number, allowedLag?: number): Promise<void>;
}

/** Creates topics and pipeline file. */
export async function createPipeline(context: ScenarioContext, options: PipelineOptions): Promise<ChaosPipeline> {
  const { brokers, partitions = 8, replicas = 1, countsDrift = true } = options;
  const file = join(context.folder, 'weir.yaml');
  // JSON is YAML.
  writeFileSync(join(context.folder, 'event.avsc'), JSON.stringify(EVENT_SCHEMA));
  writeFileSync(file, JSON.stringify(pipelineFile(context, options), undefined, 2));
  const admin = stockKafka(brokers).admin();
  await admin.connect();
  context.defer(() => admin.disconnect());
  const shared: ITopicConfig[] = Object.values(TOPICS).map((topic) => ({
    topic,
    numPartitions: partitions,
    replicationFactor: replicas,
    configEntries: Object.entries((topic === TOPICS.input ? options.inputConfig : options.outputConfig) ?? {}).map(([name, value]) => ({
      name,
      value,
    })),
  }));
  const ofDrift: ITopicConfig[] = Object.values(DRIFT_TOPICS).map((topic) => ({ topic, numPartitions: 1, replicationFactor: replicas }));
  const topics = countsDrift ? [...shared, ...ofDrift] : shared;
  await admin.createTopics({ topics, waitForLeaders: false });
  // Metadata knows a topic before its leaders do.
  const areReady = async (): Promise<boolean> => {
    const ends = await Promise.all(topics.map(({ topic }) => admin.fetchTopicOffsets(topic).catch(() => [])));
    return ends.every((end, i) => end.length === topics[i]!.numPartitions);
  };
  await until(areReady, { signal: context.signal, timeoutMs: 30_000, what: 'topics with leaders' });
  const positions = async (): Promise<Map<number, number>> => {
    const [group] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPICS.input] });
    return new Map(group!.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  };
  const lag = async (): Promise<number | undefined> => {
    try {
      const [ends, at] = [await admin.fetchTopicOffsets(TOPICS.input), await positions()];
      return ends.reduce((sum, end) => sum + Math.max(0, Number(end.high) - Math.max(Number(end.low), at.get(end.partition) ?? 0)), 0);
    } catch {
      return undefined;
    }
  };
  return {
    brokers,
    partitions,
    countsDrift,
    file,
    admin,
    lag,
    async committed() {
      try {
        return [...(await positions()).values()].reduce((sum, offset) => sum + offset, 0);
      } catch {
        return undefined;
      }
    },
    async drained(timeoutMs, allowedLag = 0) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const left = await lag();
        if (left !== undefined && left <= allowedLag) return;
        if (performance.now() > deadline) throw new Error(`${left ?? '?'} records are still not committed after ${timeoutMs / 1000} s`);
        await pause(250, context.signal);
      }
    },
  };
}

/** The pipeline file as an object. */
export function pipelineFile(
  { delivery }: Pick<ScenarioContext, 'delivery'>,
  { brokers, redis, countsDrift = true, sections = {} }: PipelineOptions,
): unknown {
  const usual: Record<string, Record<string, unknown>> = {
    kafka: {
      brokers,
      groupId: GROUP,
      clientId: CLIENT,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: 15_000,
      heartbeatIntervalMs: 1_000,
    },
    input: { topic: TOPICS.input, format: 'plain', schema: 'event.avsc' },
    stores: { main: { kind: 'redis', url: redis.endpoint } },
    features: {
      entity: {
        store: 'main',
        entity: 'event.entityId',
        layout: 'hash',
        keyPrefix: 'chaos:',
        onMissing: 'default',
        onUnavailable: 'pause',
      },
    },
    model: { package: MODEL_FOLDER },
    delivery: {
      mode: delivery,
      // One worker slot keeps its transactional id when it is started again: that fences what is left of the one before.
      ...(delivery === 'exactly-once' ? { transactionalId: transactionalIdOf('${CHAOS_SLOT}') } : {}),
    },
    output: { predictions: { topic: TOPICS.predictions, format: 'plain' }, deadLetters: { topic: TOPICS.deadLetters } },
    drift: {
      enabled: countsDrift,
      ...Object.fromEntries(Object.entries(DRIFT_TOPICS).map(([role, topic]) => [`${role}Topic`, topic])),
      retrain: { enabled: false },
    },
    ops: { port: '${WEIR_OPS_PORT}' },
  };
  const file: Record<string, unknown> = { name: 'chaos', shutdownTimeoutMs: 10_000 };
  for (const name of new Set([...Object.keys(usual), ...Object.keys(sections)])) file[name] = { ...usual[name], ...sections[name] };
  return file;
}
