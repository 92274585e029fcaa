import kafkajs, { type Consumer, type Kafka, type KafkaMessage, type Message, type Producer } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/core/silent.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { COMPRESSIONS } from '../../src/kafka/compression.ts';
import { createCluster } from '../../src/kafka/protocol/cluster.ts';
import { type FetchBroker, type FetchedPartition, fetchColumns } from '../../src/kafka/protocol/columnar-fetch.ts';
import { type FetchedRecord, recordsOf } from './fetched-records.ts';
import { eventually } from './kafka.ts';
import { uniqueName } from './services.ts';

interface ReadOptions {
  readonly from?: number;
  readonly maxBytes?: number;
}

interface OurRead {
  readonly records: FetchedRecord[];
  readonly fetches: FetchedPartition[];
}

const text = ({ value }: { readonly value: Buffer | null }): string | undefined => value?.toString();

/**
 * Reads topics of one partition from a real broker with `fetchColumns` and with a stock consumer: the same where kafkajs
 * is right, and both sides where it is wrong.
 */
export function columnarFetchSuite(brokers: () => string): void {
  const kafka = (): Kafka => createKafka({ brokers: brokers().split(','), clientId: 'columnar-fetch', ssl: false }, silentLogger);

  async function newTopic(config: Record<string, string> = {}): Promise<string> {
    const topic = uniqueName('columnar-fetch');
    const admin = kafka().admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1, configEntries }] });
    await eventually(async () => (await admin.fetchTopicOffsets(topic).catch(() => [])).length === 1);
    return topic;
  }

  async function newProducer(options: { transactional?: boolean; idempotent?: boolean } = {}): Promise<Producer> {
    const producer = kafka().producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      maxInFlightRequests: 1,
      ...(options.transactional ? { transactionalId: uniqueName('columnar-fetch') } : { idempotent: options.idempotent ?? true }),
    });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    return producer;
  }

  /** Runs with a fetch of the topic's one partition. */
  async function withFetch<T>(
    topic: string,
    use: (fetch: (offset: number, maxBytes: number) => Promise<FetchedPartition>) => Promise<T>,
  ): Promise<T> {
    const cluster = createCluster<FetchBroker>(kafka());
    await cluster.connect();
    try {
      await cluster.addTargetTopic(topic);
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
      const broker = await cluster.findBroker({ nodeId: nodeId! });
      return await use(async (offset, maxBytes) => {
        const options = { maxWaitTimeMs: 100, minBytes: 1, maxBytes, isolation: 'read_committed' } as const;
        const [fetched] = await fetchColumns(broker, [{ topic, partition: 0, offset, maxBytes }], options);
        if (fetched!.error) throw fetched!.error;
        return fetched!;
      });
    } finally {
      await cluster.disconnect();
    }
  }

  /** Reads to the high watermark, the way a consumer would. */
  async function readOurs(topic: string, { from = 0, maxBytes = 1 << 20 }: ReadOptions = {}): Promise<OurRead> {
    return await withFetch(topic, async (fetch) => {
      const read: OurRead = { records: [], fetches: [] };
      for (let offset = from; ; ) {
        const fetched = await fetch(offset, maxBytes);
        read.records.push(...recordsOf(fetched));
        read.fetches.push(fetched);
        if (fetched.nextOffset >= fetched.highWatermark) return read;
        if (read.fetches.length > 5_000) throw new Error(`stands still at ${offset} of ${topic}`);
        offset = fetched.nextOffset;
      }
    });
  }

  /** The coordinator answers the end of a transaction before its markers are written; this waits for them. */
  async function untilLogEnd(topic: string, offset: number): Promise<void> {
    await withFetch(topic, async (fetch) => await eventually(async () => (await fetch(0, 1)).highWatermark === offset));
  }

  /** Reads with a stock consumer until `isDone`, which also sees the number of fetches that have ended. */
  async function readStock(
    topic: string,
    isDone: (messages: readonly KafkaMessage[], fetches: number) => boolean,
    { from, maxBytes = 1 << 20 }: ReadOptions = {},
  ): Promise<KafkaMessage[]> {
    const consumer: Consumer = kafka().consumer({
      groupId: uniqueName('stock'),
      maxWaitTimeInMs: 50,
      maxBytesPerPartition: maxBytes,
      maxBytes,
    });
    const messages: KafkaMessage[] = [];
    let fetches = 0;
    const done = Promise.withResolvers<void>();
    const check = (): void => void (isDone(messages, fetches) && done.resolve());
    consumer.on(consumer.events.GROUP_JOIN, () => {
      if (from !== undefined) consumer.seek({ topic, partition: 0, offset: String(from) });
    });
    consumer.on(consumer.events.FETCH, () => {
      fetches++;
      check();
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        messages.push(...batch.messages);
        check();
      },
    });
    await done.promise;
    await consumer.disconnect();
    return messages;
  }

  const untilValue = (value: string) => (messages: readonly KafkaMessage[]) => messages.some((message) => text(message) === value);

  describe('where kafkajs is right', () => {
    it.each(COMPRESSIONS)('gives the same records, %s', async (codec) => {
      const topic = await newTopic();
      const producer = await newProducer();
      const sent: Message[] = Array.from({ length: 600 }, (_, i) => ({
        key: i % 5 === 0 ? null : i % 5 === 1 ? '' : `key ${i}`,
        value: i % 7 === 0 ? null : i % 7 === 1 ? '' : `value ${i} ${'x'.repeat(i)}`,
        timestamp: String(1_700_000_000_000 - i * 1_000),
        ...(i % 3 === 0 ? { headers: { a: ['1', '2'], b: Buffer.from([0, 255]), empty: '', n: String(i) } } : {}),
      }));
      for (let i = 0; i < 600; i += 200) {
        await producer.send({ topic, compression: COMPRESSIONS.indexOf(codec), messages: sent.slice(i, i + 200) });
      }
      const stock = await readStock(topic, (messages) => messages.length >= 600);
      const { records } = await readOurs(topic);
      expect(records.length).toBe(600);
      expect(records.map(({ offset, timestamp, key, value }) => [String(offset), String(timestamp), key, value])).toEqual(
        stock.map(({ offset, timestamp, key, value }) => [offset, timestamp, key, value]),
      );
      expect(records.map(({ headers }) => headers.map(([name, value]) => [name, value]))).toEqual(
        stock.map(({ headers }) =>
          Object.entries(headers ?? {}).flatMap(([name, values]) =>
            (Array.isArray(values) ? values : [values]).map((value) => [name, value]),
          ),
        ),
      );
    });

    it('gives the time of the broker on a topic with LogAppendTime', async () => {
      const topic = await newTopic({ 'message.timestamp.type': 'LogAppendTime' });
      const producer = await newProducer();
      for (const compression of [0, 1]) {
        const messages = ['1000', '2000'].map((timestamp) => ({ value: `${compression}`, timestamp }));
        await producer.send({ topic, compression, messages });
      }
      const stock = await readStock(topic, (messages) => messages.length >= 4);
      const { records } = await readOurs(topic);
      expect(records.map(({ timestamp }) => String(timestamp))).toEqual(stock.map(({ timestamp }) => timestamp));
      expect(records.every(({ timestamp }) => timestamp > 1_700_000_000_000)).toBe(true);
    });

    it('takes a record that is larger than the fetch', async () => {
      const topic = await newTopic();
      const producer = await newProducer();
      for (const value of ['small', 'x'.repeat(900_000), 'after']) await producer.send({ topic, messages: [{ value }] });
      const { records, fetches } = await readOurs(topic, { maxBytes: 10_000 });
      expect(records.map(({ value }) => value!.length)).toEqual([5, 900_000, 5]);
      expect(fetches.length).toBeGreaterThan(1);
    });

    it('loses and repeats nothing over many small fetches that cut batches', async () => {
      const topic = await newTopic();
      const producer = await newProducer();
      for (let i = 0; i < 24; i++) {
        const messages = Array.from({ length: 50 }, (_, j) => ({ value: `${i * 50 + j} ${'x'.repeat((i * 13 + j) % 90)}` }));
        await producer.send({ topic, compression: i % 5, messages });
      }
      const { records, fetches } = await readOurs(topic, { maxBytes: 1_009 });
      expect(records.map(({ offset, value }) => [offset, parseInt(value!.toString(), 10)])).toEqual(
        Array.from({ length: 1_200 }, (_, i) => [i, i]),
      );
      expect(fetches.length).toBeGreaterThan(15);
    });

    it('moves past a tail of nothing but aborted transactions and control records', async () => {
      const topic = await newTopic();
      const producer = await newProducer({ transactional: true });
      for (const end of ['commit', 'abort', 'abort'] as const) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ value: end }] });
        await transaction[end]();
      }
      await untilLogEnd(topic, 6);
      const { records, fetches } = await readOurs(topic, { from: 0, maxBytes: 100 });
      expect(records.map(text)).toEqual(['commit']);
      expect(fetches.at(-1)).toMatchObject({ nextOffset: 6, lastStableOffset: 6 });
    });
  });

  describe('where kafkajs is wrong', () => {
    const committed = async (producer: Producer, topic: string): Promise<void> => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'C' }] });
      await transaction.commit();
    };

    it('leaves out overlapping aborted transactions, in whatever order they ended; kafkajs leaks', async () => {
      const topic = await newTopic();
      const [a, b] = [await newProducer({ transactional: true }), await newProducer({ transactional: true })];
      const [first, second] = [await a.transaction(), await b.transaction()];
      await first.send({ topic, messages: [{ value: 'A0' }] });
      await second.send({ topic, messages: [{ value: 'B1' }] });
      await first.send({ topic, messages: [{ value: 'A2' }] });
      await second.abort();
      await untilLogEnd(topic, 4);
      await first.abort();
      await untilLogEnd(topic, 5);
      await committed(a, topic);
      expect((await readOurs(topic)).records.map(text)).toEqual(['C']);
      expect((await readStock(topic, untilValue('C'))).map(text)).toEqual(['A0', 'C']);
    });

    it('leaves them out when it starts inside two of them; kafkajs leaks', async () => {
      const topic = await newTopic();
      const [a, b] = [await newProducer({ transactional: true }), await newProducer({ transactional: true })];
      const [first, second] = [await a.transaction(), await b.transaction()];
      await first.send({ topic, messages: [{ value: 'A0' }] });
      await second.send({ topic, messages: [{ value: 'B1' }] });
      await second.send({ topic, messages: [{ value: 'B2' }] });
      await first.abort();
      await untilLogEnd(topic, 4);
      await second.abort();
      await untilLogEnd(topic, 5);
      await committed(a, topic);
      expect((await readOurs(topic, { from: 2 })).records.map(text)).toEqual(['C']);
      expect((await readStock(topic, untilValue('C'), { from: 2 })).map(text)).toEqual(['B2', 'C']);
    });

    it('takes no record for an abort marker because of its key; kafkajs leaks', async () => {
      const topic = await newTopic();
      const producer = await newProducer({ transactional: true });
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'X0' }, { key: Buffer.alloc(4), value: 'X1' }, { value: 'X2' }] });
      await transaction.abort();
      await committed(producer, topic);
      expect((await readOurs(topic)).records.map(text)).toEqual(['C']);
      expect((await readStock(topic, untilValue('C'))).map(text)).toEqual(['X1', 'X2', 'C']);
    });

    it('goes on after a fetch that holds only a batch that compaction has emptied; kafkajs stands still', {
      timeout: 150_000,
    }, async () => {
      const topic = await newTopic({
        'cleanup.policy': 'compact',
        'segment.ms': '1000',
        'min.cleanable.dirty.ratio': '0.001',
        'min.compaction.lag.ms': '0',
      });
      const idempotent = await newProducer({ idempotent: true });
      const plain = await newProducer({ idempotent: false });
      const keyed = (value: string) => Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value }));
      await idempotent.send({ topic, messages: [{ key: 'keep', value: 'first' }] });
      // The last batch of an idempotent producer stays, for its sequence number, when all of its records are gone.
      for (let i = 0; i < 3; i++) await idempotent.send({ topic, messages: keyed(`old ${i}`) });
      await plain.send({ topic, messages: keyed('new') });
      // The cleaner leaves the active segment alone; a later record rolls it.
      let rolls = 0;
      await eventually(async () => {
        await plain.send({ topic, messages: [{ key: 'roll', value: String(rolls++) }] });
        const { records } = await readOurs(topic);
        return records.every((record) => !text(record)!.startsWith('old'));
      }, 120_000);
      const small = { maxBytes: 70 };
      const { records, fetches } = await readOurs(topic, small);
      expect(records.slice(0, 101).map(text)).toEqual(['first', ...keyed('new').map(({ value }) => value)]);
      expect(fetches.some((f) => f.maxCount === 0 && f.nextOffset > f.fetchedOffset && f.nextOffset < f.highWatermark)).toBe(true);
      const stock = await readStock(topic, (messages, count) => messages.length > 1 || count > 40, small);
      expect(stock.map(text)).toEqual(['first']);
    });
  });
}
