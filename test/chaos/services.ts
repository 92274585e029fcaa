/** The services of one scenario, started for it alone, so that they can be crashed, frozen and restarted. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { type KafkaCluster, type LocalService, startKafka, startKafkaCluster, startRedis } from '../../src/dev/index.ts';
import { ENTITIES, featuresOf } from './events.ts';
import type { ScenarioContext } from './scenario.ts';

/** kill -9, and waits for the end; `restart` brings the service back under the same address, with the data it had. */
export async function crash(service: Pick<LocalService, 'kill' | 'outcome'>): Promise<void> {
  const { outcome } = service;
  service.kill('SIGKILL');
  await outcome;
}

/** Settings that make a broker notice and forget quickly. */
const QUICK: Readonly<Record<string, string>> = {
  // Transactions of killed workers are looked for every 10 s by default.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
  'group.min.session.timeout.ms': '1000',
};

/** Starts a broker of the scenario's own. */
export async function startBroker(context: ScenarioContext, extraProperties: Readonly<Record<string, string>> = {}): Promise<LocalService> {
  return started(context, await startKafka({ dataFolder: folderOf(context, 'kafka'), extraProperties: { ...QUICK, ...extraProperties } }));
}

/** Starts three brokers of the scenario's own: three replicas of everything, two of them in sync. */
export async function startThreeBrokers(context: ScenarioContext): Promise<KafkaCluster> {
  return started(context, await startKafkaCluster({ nodes: 3, extraProperties: { ...QUICK, 'min.insync.replicas': '2' } }));
}

/** Starts a Redis that writes what it is told to its disk at once, so that a restart has the features again. */
export async function startFeatureStore(context: ScenarioContext): Promise<LocalService> {
  const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
  const redis = started(context, await startRedis({ dataFolder: folderOf(context, 'redis'), args }));
  await withRedis(redis, async (client) => {
    const pipeline = client.pipeline();
    for (let entity = 0; entity < ENTITIES; entity++) pipeline.hset(featureKey(entity), ...hashOf(entity));
    await pipeline.exec();
  });
  return redis;
}

/** Key of the row of an entity. */
export function featureKey(entity: number): string {
  return `chaos:e${entity}`;
}

/** Fields and values of the row of an entity, as weir's layout `hash` has them. */
export function hashOf(entity: number): string[] {
  return [...featuresOf(entity).flatMap((value, i) => [`g${i}`, String(value)]), '_ts', String(Date.now())];
}

/** Runs with a client of a Redis and ends it. */
export async function withRedis<T>(redis: LocalService, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.endpoint);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** A stock client of the suite, apart from what the workers use. */
export function stockKafka(brokers: string, clientId = 'chaos'): Kafka {
  return new Kafka({
    brokers: brokers.split(','),
    clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
}

/** What kafkajs keeps to itself of a cluster. */
interface ClusterInternals {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findGroupCoordinator(query: { groupId: string; coordinatorType: number }): Promise<{ readonly nodeId: number }>;
}

/** Node id of the coordinator of a group or of a transactional id, as FindCoordinator says. */
export async function coordinatorOf(brokers: string, kind: 'group' | 'transaction', key: string): Promise<number> {
  const kafka = stockKafka(brokers);
  // Only the cluster inside of kafkajs can ask; guessing by hash codes would be wrong as soon as Kafka hashes in another way.
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  if (symbol === undefined) throw new Error('kafkajs has no createCluster any more; ask for coordinators in another way');
  const cluster = (kafka as unknown as Record<symbol, (options: object) => ClusterInternals>)[symbol]!({});
  await cluster.connect();
  try {
    return (await cluster.findGroupCoordinator({ groupId: key, coordinatorType: kind === 'group' ? 0 : 1 })).nodeId;
  } finally {
    await cluster.disconnect();
  }
}

function folderOf({ folder }: ScenarioContext, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function started<T extends { stop(): Promise<void> }>({ defer }: ScenarioContext, service: T): T {
  defer(() => service.stop());
  return service;
}
