import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isAlive } from '../../src/dev/cache.ts';
import { type KafkaCluster, OLDEST_KAFKA_VERSION, startKafkaCluster } from '../../src/dev/index.ts';
import { requireJava } from '../../src/dev/programs.ts';

const hasJava = await requireJava(17).then(
  () => true,
  () => false,
);

function clientOf(bootstrap: string): Kafka {
  const retry = { retries: 20, initialRetryTime: 100, maxRetryTime: 1_000 };
  return new Kafka({ clientId: 'cluster-test', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING, retry });
}

/** Leader and replicas in sync of partition 0, as the controller has them. */
async function stateOf(kafka: Kafka, topic: string): Promise<{ leader: number; isr: number[] }> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const { leader, isr } = topics[0]!.partitions[0]!;
    return { leader, isr: isr.toSorted((a, b) => a - b) };
  } finally {
    await admin.disconnect();
  }
}

async function produce(kafka: Kafka, topic: string, value: string): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages: [{ value }] });
  } finally {
    await producer.disconnect();
  }
}

async function read(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `group-${topic}` });
  const values: string[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
    await eventually(() => expect(values.length).toBeGreaterThanOrEqual(count));
    return values;
  } finally {
    await consumer.disconnect();
  }
}

/** Tries until nothing is thrown: a broker hears of a topic, and of other brokers, some time after the controller. */
async function eventually(attempt: () => unknown): Promise<void> {
  await vi.waitFor(attempt, { timeout: 60_000, interval: 50 });
}

async function threeNodes(options: { version?: string } = {}): Promise<KafkaCluster> {
  const cluster = await startKafkaCluster({ nodes: 3, ...options });
  onTestFinished(() => cluster.stop());
  return cluster;
}

async function createTopic(cluster: KafkaCluster, topic: string): Promise<void> {
  const admin = clientOf(cluster.bootstrap).admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1, replicationFactor: 3 }] });
  await admin.disconnect();
  for (const { endpoint } of cluster.nodes) {
    await eventually(async () => expect((await stateOf(clientOf(endpoint), topic)).isr).toEqual([1, 2, 3]));
  }
}

describe.runIf(hasJava)('a cluster as processes of this machine', () => {
  test('a topic survives the kill of its leader, which comes back', { timeout: 180_000 }, async () => {
    const cluster = await threeNodes();
    expect(cluster.nodes.map(({ id, endpoint }) => [id, endpoint]).flat()).toEqual(
      cluster.bootstrap.split(',').flatMap((endpoint, i) => [i + 1, endpoint]),
    );
    const kafka = clientOf(cluster.bootstrap);
    await createTopic(cluster, 'survivor');
    await produce(kafka, 'survivor', 'before');

    const { leader } = await stateOf(kafka, 'survivor');
    const node = cluster.node(leader);
    node.kill('SIGKILL');
    expect(await node.outcome).toBe('SIGKILL');
    await eventually(async () => {
      const now = await stateOf(kafka, 'survivor');
      expect(now.leader).not.toBe(leader);
      expect(now.isr).toEqual([1, 2, 3].filter((id) => id !== leader));
    });
    await produce(kafka, 'survivor', 'without it');
    // The coordinator of the group may have been there, too: its topic has three replicas as well.
    expect(await read(kafka, 'survivor', 2)).toEqual(['before', 'without it']);
    await eventually(async () => expect((await stateOf(kafka, '__consumer_offsets')).isr).toHaveLength(2));

    await node.restart();
    await eventually(async () => expect((await stateOf(kafka, 'survivor')).isr).toEqual([1, 2, 3]));
    await eventually(async () => expect((await stateOf(kafka, '__consumer_offsets')).isr).toEqual([1, 2, 3]));
    await cluster.stop();
    expect(cluster.nodes.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
    expect(existsSync(dirname(dirname(node.dataFolder)))).toBe(false);
    await cluster.stop();
  });

  test('a node of Kafka 3.9 can be stopped and started, and a frozen one stopped with the rest', { timeout: 180_000 }, async () => {
    const cluster = await threeNodes({ version: OLDEST_KAFKA_VERSION });
    const kafka = clientOf(cluster.bootstrap);
    await createTopic(cluster, 'survivor');
    const [first, second, third] = cluster.nodes;
    await second!.stop();
    expect([isAlive(second!.pid), existsSync(second!.dataFolder)]).toEqual([false, true]);
    await produce(kafka, 'survivor', 'with two of three');
    await second!.restart();
    await eventually(async () => expect((await stateOf(kafka, 'survivor')).isr).toEqual([1, 2, 3]));
    first!.kill('SIGSTOP');
    third!.kill('SIGKILL');
    await cluster.stop();
    expect(cluster.nodes.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
  });

  test('a cluster that cannot start leaves no process and no data', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'weir-cluster-test-'));
    onTestFinished(() => rm(temporary, { recursive: true, force: true }));
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    const starting = startKafkaCluster({ nodes: 3, extraProperties: { 'log.retention.bytes': 'many' } });
    await expect(starting).rejects.toThrow(/Kafka .*, node \d ended while starting[^]*log\.retention\.bytes/);
    expect(await readdir(temporary)).toEqual([]);
  });
});
