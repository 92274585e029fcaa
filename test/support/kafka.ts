import kafkajs, { type Admin, type Kafka, type Message } from 'kafkajs';
import { createKafka } from '../../src/kafka/client.ts';
import { KafkaSource, type KafkaSourceOptions } from '../../src/kafka/source.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { eventually } from './eventually.ts';
import { services } from './services.ts';

export { eventually };

/** A client of the test broker. */
export function testKafka(): Kafka {
  return createKafka({ brokers: services().kafkaBrokers.split(','), clientId: 'test', ssl: false }, silentLogger);
}

/** Runs with an admin client and disconnects it. */
export async function withAdmin<T>(use: (admin: Admin) => Promise<T>, kafka: Kafka = testKafka()): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Creates a topic and waits until its partitions have leaders. */
export async function createTopic(topic: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, configEntries: Object.entries(config).map(([name, value]) => ({ name, value })) }],
    });
    // Metadata knows a topic before its leaders do; offsets are answered by the leaders.
    await eventually(async () => {
      const ends = await admin.fetchTopicOffsets(topic).catch(() => []);
      return ends.length === partitions;
    });
  });
}

/** Produces with a stock producer. */
export async function produce(topic: string, messages: Message[]): Promise<void> {
  const producer = testKafka().producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    // Else a retry of a request that half succeeded would repeat records.
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** A record read back, as text. */
export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly timestampMs: number;
}

/** Reads a topic from its beginning to the end it has now, with a stock consumer. */
export async function readTopic(topic: string, kafka: Kafka = testKafka()): Promise<ReadRecord[]> {
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic), kafka);
  const left = new Map(ends.filter((e) => Number(e.high) > Number(e.low)).map((e) => [e.partition, Number(e.high)]));
  const records: ReadRecord[] = [];
  if (left.size === 0) return records;
  const consumer = kafka.consumer({ groupId: `read-${crypto.randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const m of batch.messages) {
        records.push({
          partition: batch.partition,
          offset: Number(m.offset),
          key: m.key?.toString() ?? null,
          value: m.value,
          headers: Object.fromEntries(Object.entries(m.headers ?? {}).map(([k, v]) => [k, String(v)])),
          timestampMs: Number(m.timestamp),
        });
      }
      if (Number(batch.lastOffset()) + 1 >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition);
      if (left.size === 0) done.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/** Committed positions of a group by partition; −1: none. */
export async function committed(groupId: string, topic: string): Promise<Map<number, number>> {
  const [offsets] = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
  return new Map(offsets!.partitions.map((p) => [p.partition, Number(p.offset)]));
}

/** A source with settings that make tests quick. */
export function testSource(options: Pick<KafkaSourceOptions, 'topic' | 'groupId'> & Partial<KafkaSourceOptions>): KafkaSource {
  return new KafkaSource({
    kafka: testKafka(),
    startFrom: 'earliest',
    onOutOfRange: 'fail',
    maxQueuedRows: 10_000,
    maxQueuedBytes: 1 << 24,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 20_000,
    heartbeatIntervalMs: 300,
    maxWaitTimeMs: 50,
    maxBytesPerPartition: 1 << 20,
    clock: systemClock,
    logger: silentLogger,
    ...options,
  });
}
