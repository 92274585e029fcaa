import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isAlive } from '../../src/dev/cache.ts';
import {
  KAFKA_VERSION,
  OLDEST_KAFKA_VERSION,
  type Services,
  startKafka,
  startRedis,
  startRegistry,
  startServices,
} from '../../src/dev/index.ts';
import { requireJava } from '../../src/dev/programs.ts';
import { services, uniqueName } from '../support/services.ts';

const silent = (): void => undefined;

function kafkaClient(brokers: string): Kafka {
  return new Kafka({ clientId: 'dev-services-test', brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 10 } });
}

async function createTopic(brokers: string, topic: string): Promise<void> {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
  } finally {
    await admin.disconnect();
  }
}

async function topicsOf(brokers: string): Promise<string[]> {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}

async function produce(brokers: string, topic: string, value: string): Promise<void> {
  const producer = kafkaClient(brokers).producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: [{ key: 'key', value }] });
  } finally {
    await producer.disconnect();
  }
}

async function readFirst(brokers: string, topic: string): Promise<string | undefined> {
  const consumer = kafkaClient(brokers).consumer({ groupId: uniqueName('group') });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(message.value?.toString()) }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

async function ping(url: string): Promise<string> {
  const redis = new Redis(url, { lazyConnect: true });
  try {
    await redis.connect();
    return await redis.ping();
  } finally {
    redis.disconnect();
  }
}

describe('the services of this test run', () => {
  test('Kafka keeps a record', async () => {
    const { kafkaBrokers } = services();
    const topic = uniqueName('dev-services');
    await createTopic(kafkaBrokers, topic);
    await produce(kafkaBrokers, topic, 'hello');
    expect(await readFirst(kafkaBrokers, topic)).toBe('hello');
  });

  test('Redis answers', async () => {
    expect(await ping(services().redisUrl)).toBe('PONG');
  });

  test('the registry gives an id to a schema and the schema to the id', async () => {
    const { registryUrl } = services();
    const subject = uniqueName('dev-services');
    const schema = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}';
    const registered = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema }),
    });
    const { id } = (await registered.json()) as { id: number };
    const found = (await (await fetch(`${registryUrl}/schemas/ids/${id}`)).json()) as { schema: string };
    expect(JSON.parse(found.schema)).toEqual(JSON.parse(schema));
    expect(await (await fetch(`${registryUrl}/subjects`)).json()).toContain(subject);
  });
});

// Where Docker serves the rest of the tests there may be no Java, and then there is no such way to test.
const hasJava = await requireJava(17).then(
  () => true,
  () => false,
);

// Several JVMs start in each test, on machines that are busy with other tests.
describe.runIf(hasJava)('services as processes of this machine', { timeout: 180_000 }, () => {
  const env = { ...process.env, WEIR_SERVICES: 'java', WEIR_KAFKA_BROKERS: '', WEIR_REDIS_URL: '', WEIR_REGISTRY_URL: '' };

  async function start(): Promise<Services> {
    const started = await startServices({ needs: ['kafka', 'redis'], log: silent, env });
    onTestFinished(() => started.stop());
    return started;
  }

  test('two at once do not clash, and stop ends the processes and removes their data', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(first.registryUrl).toBe('');
    expect(first.how).toBe('kafka, redis: processes of this machine');
    const all = [first, second].flatMap(({ processes }) => Object.values(processes));
    expect(new Set(all.map(({ endpoint }) => endpoint)).size).toBe(4);

    const topic = uniqueName('only-first');
    await createTopic(first.kafkaBrokers, topic);
    await produce(first.kafkaBrokers, topic, 'first');
    expect(await readFirst(first.kafkaBrokers, topic)).toBe('first');
    expect(await topicsOf(second.kafkaBrokers)).not.toContain(topic);

    await first.stop();
    for (const { pid, dataFolder } of Object.values(first.processes)) {
      expect(isAlive(pid)).toBe(false);
      expect(existsSync(dataFolder)).toBe(false);
    }
    expect(await ping(second.redisUrl)).toBe('PONG');
    await first.stop(); // once more does no harm
  });

  // The successor is let in when the session of the dead broker is over: 9 s by default.
  const extraProperties = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '500' };

  test.each([KAFKA_VERSION, OLDEST_KAFKA_VERSION])(
    'a broker of Kafka %s that was killed goes on from its data on the same port',
    async (version) => {
      const broker = await startKafka({ version, extraProperties });
      onTestFinished(() => broker.stop());
      const { endpoint, pid } = broker;
      const topic = uniqueName('survivor');
      await createTopic(endpoint, topic);
      await produce(endpoint, topic, 'before the crash');

      broker.kill('SIGKILL');
      expect(await broker.outcome).toBe('SIGKILL');
      await broker.restart();
      expect(broker.pid).not.toBe(pid);
      expect([broker.endpoint, isAlive(broker.pid), isAlive(pid)]).toEqual([endpoint, true, false]);
      expect(await readFirst(endpoint, topic)).toBe('before the crash');

      await broker.stop();
      expect([isAlive(broker.pid), existsSync(broker.dataFolder)]).toEqual([false, false]);
    },
  );

  test('a broker goes on from the data in a given folder, which stays', async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'weir-test-'));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const first = await startKafka({ dataFolder, extraProperties });
    onTestFinished(() => first.stop());
    const topic = uniqueName('survivor');
    await createTopic(first.endpoint, topic);
    await produce(first.endpoint, topic, 'before the end');
    await first.stop();

    const second = await startKafka({ dataFolder, extraProperties, port: first.port });
    onTestFinished(() => second.stop());
    expect(second.endpoint).toBe(first.endpoint);
    expect(await readFirst(second.endpoint, topic)).toBe('before the end');
    await second.stop();
    expect(existsSync(dataFolder)).toBe(true);
  });

  test('a Redis that was killed comes back on the same port', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    redis.kill('SIGKILL');
    await redis.restart();
    expect(await ping(redis.endpoint)).toBe('PONG');
  });

  test('a frozen Redis can be stopped', async () => {
    const redis = await startRedis({ args: ['--requirepass', 'secret'] });
    onTestFinished(() => redis.stop());
    expect(await ping(`redis://:secret@127.0.0.1:${redis.port}`)).toBe('PONG');
    redis.kill('SIGSTOP');
    await redis.stop();
    expect(isAlive(redis.pid)).toBe(false);
  });

  test('a registry writes its temporary files into its data folder, and they go with it', async () => {
    const registry = await startRegistry();
    onTestFinished(() => registry.stop());
    expect(existsSync(join(registry.dataFolder, 'vertx-cache'))).toBe(true);
    await registry.stop();
    expect(existsSync(registry.dataFolder)).toBe(false);
  });

  test('an endpoint that is given is used as it is', async () => {
    const given = await startServices({ needs: ['kafka', 'redis', 'registry'], log: silent, env: { ...env, ...endpointsAsVariables() } });
    expect(given).toMatchObject({ ...services(), how: 'kafka, redis, registry: given', processes: {} });
    expect(given.release()).toBe('');
    await given.stop();
    expect(await ping(services().redisUrl)).toBe('PONG');
  });
});

function endpointsAsVariables(): Record<string, string> {
  const { kafkaBrokers, redisUrl, registryUrl } = services();
  return { WEIR_KAFKA_BROKERS: kafkaBrokers, WEIR_REDIS_URL: redisUrl, WEIR_REGISTRY_URL: registryUrl };
}
