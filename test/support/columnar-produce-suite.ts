import type { Kafka, KafkaMessage, Producer } from 'kafkajs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FramedOutputRecords } from '../../src/core/framed-outputs.ts';
import type { Header } from '../../src/core/headers.ts';
import { OutputRecords } from '../../src/core/outputs.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { COMPRESSIONS, type Compression } from '../../src/kafka/compression.ts';
import { produceRequests } from '../../src/kafka/produce-requests.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import { uniqueName } from './services.ts';

interface TestRecord {
  readonly partition: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

const T0 = 1_750_000_000_000;

/** Tests that a broker takes what `OutputProducer` writes, and that a stock consumer reads it. */
export function columnarProduceSuite(brokers: () => string): void {
  const kafka = (): Kafka => createKafka({ brokers: brokers().split(','), clientId: 'columnar-produce', ssl: false }, silentLogger);

  async function startedProducer(topics: readonly string[], compression: Compression = 'none'): Promise<OutputProducer> {
    const producer = new OutputProducer({ kafka: kafka(), compression });
    await producer.start(topics);
    onTestFinished(() => producer.close());
    return producer;
  }

  it.each(COMPRESSIONS)('every kind of record comes back as it was, %s', async (compression) => {
    const topic = await newTopic(kafka(), 3);
    const producer = await startedProducer([topic], compression);
    const records = variousRecords(900, 3);
    // Two columns of one topic: their records share batches.
    await producer.send([outputs(topic, records.slice(0, 400)), outputs(topic, records.slice(400))]);
    const read = await readAll(kafka(), topic, records.length);
    expect(read).toEqual(byPartition(records));
  });

  it.each(['none', 'zstd'] as const)('batches that an encoder has framed arrive as they were, %s', async (compression) => {
    const topic = await newTopic(kafka(), 3);
    const producer = await startedProducer([topic], compression);
    const records = Array.from({ length: 3_000 }, (_, i) => plain((i >> 5) % 3, `${i} `.padEnd(i % 150, '.')));
    // Small batches, so that there are several requests.
    const into = new FramedOutputRecords(topic, 64, 20_000);
    for (const { partition, timestampMs, value } of records) {
      into.openRun(partition, timestampMs);
      const at = into.beginValue(into.begin(-1, value!.length));
      into.end(into.endValue(at + value!.copy(into.buffer, at)));
    }
    await producer.send([into]);
    expect(await readAll(kafka(), topic, records.length)).toEqual(byPartition(records));
  });

  it('a broker finds no gap and no repetition in the sequence numbers of 50 sends to 4 partitions', async () => {
    const topic = await newTopic(kafka(), 4);
    const producer = await startedProducer([topic]);
    const all: TestRecord[] = [];
    for (let send = 0; send < 50; send++) {
      const records = Array.from({ length: 1 + ((send * 37) % 200) }, (_, i) => plain((send + i) % 4, `${send}-${i}`));
      all.push(...records);
      await producer.send([outputs(topic, records)]);
    }
    expect(await readAll(kafka(), topic, all.length)).toEqual(byPartition(all));
  });

  it('requests of drafts and of ordinary messages follow each other in one idempotent producer', async () => {
    const topic = await newTopic(kafka(), 1);
    const producer = await connected(kafka().producer({ idempotent: true, maxInFlightRequests: 1 }));
    for (let round = 0; round < 5; round++) {
      await sendDrafts(producer, outputs(topic, [plain(0, `draft ${round}a`), plain(0, `draft ${round}b`)]));
      await producer.send({ topic, messages: [{ value: `message ${round}` }] });
    }
    const read = await readAll(kafka(), topic, 15);
    expect(read.map(({ value }) => String(value))).toEqual(
      Array.from({ length: 5 }, (_, round) => [`draft ${round}a`, `draft ${round}b`, `message ${round}`]).flat(),
    );
  });

  it('a transaction of drafts is seen when it is committed, and not when it is aborted', async () => {
    const topic = await newTopic(kafka(), 2);
    const producer = await connected(kafka().producer({ transactionalId: uniqueName('columnar'), maxInFlightRequests: 1 }));
    for (const [i, end] of (['commit', 'abort', 'commit'] as const).entries()) {
      const transaction = await producer.transaction();
      await sendDrafts(transaction, outputs(topic, [plain(0, `${i} ${end}`), plain(1, `${i} ${end}`)]));
      await transaction[end]();
    }
    const read = await readAll(kafka(), topic, 4);
    expect(read.map(({ partition, value }) => `${partition}: ${value}`)).toEqual([
      '0: 0 commit',
      '0: 2 commit',
      '1: 0 commit',
      '1: 2 commit',
    ]);
  });

  it('a record of 900 kB and more than fits one request arrive in order', async () => {
    const topic = await newTopic(kafka(), 1);
    const producer = await startedProducer([topic], 'none');
    const records = [
      plain(0, 'a'),
      plain(0, 'large'.padEnd(900_000, '.')),
      ...Array.from({ length: 5 }, (_, i) => plain(0, `${i}`.padEnd(300_000, '.'))),
    ];
    await producer.send([outputs(topic, records)]);
    const read = await readAll(kafka(), topic, records.length);
    expect(read.map(({ value }) => value!.length)).toEqual(records.map(({ value }) => value!.length));
    expect(read).toEqual(records);
  });

  describe('on a topic with a small max.message.bytes', () => {
    const most = 20_000;
    // Header of the batch, length of the record (3), attributes, two deltas, no key, length of the value (3), no headers.
    const framing = 61 + 3 + 1 + 2 + 1 + 3 + 1;
    const sized = (bytes: number): OutputRecords[] => [outputs('', [plain(0, 'x'.repeat(bytes))])];

    it('the largest record that the broker accepts is accepted, and one of a byte more is refused', async () => {
      const topic = await newTopic(kafka(), 1, { 'max.message.bytes': String(most) });
      const producer = await startedProducer([topic]);
      const send = (bytes: number): Promise<void> => producer.send(sized(bytes).map((from) => renamed(from, topic)));
      await send(most - framing);
      await expect(send(most - framing + 1)).rejects.toMatchObject({ code: 'output_refused' });
      await send(producer.topics.maxRecordBytes(topic));
      expect((await readAll(kafka(), topic, 2)).map(({ value }) => value!.length)).toEqual([most - framing, most - 256]);
    });

    it('many records are cut so that every batch is accepted, before compression', async () => {
      const topic = await newTopic(kafka(), 1, { 'max.message.bytes': String(most), 'compression.type': 'uncompressed' });
      const producer = await startedProducer([topic], 'gzip');
      const records = Array.from({ length: 500 }, (_, i) => plain(0, `${i} `.padEnd(150, '.')));
      await producer.send([outputs(topic, records)]);
      expect(await readAll(kafka(), topic, records.length)).toEqual(records);
    });
  });
}

async function newTopic(kafka: Kafka, numPartitions: number, config: Record<string, string> = {}): Promise<string> {
  const topic = uniqueName('columnar-produce');
  const admin = kafka.admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
    await vi.waitFor(async () => expect(await admin.fetchTopicOffsets(topic)).toHaveLength(numPartitions), { timeout: 30_000 });
  } finally {
    await admin.disconnect();
  }
  return topic;
}

async function connected(producer: Producer): Promise<Producer> {
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

async function sendDrafts(sender: Pick<Producer, 'sendBatch'>, output: OutputRecords): Promise<void> {
  for (const topicMessages of produceRequests([output], () => ({ partitions: 2, partitionBytes: 100_000 }))) {
    await sender.sendBatch({ topicMessages, acks: -1 });
  }
}

const plain = (partition: number, value: string): TestRecord => ({
  partition,
  timestampMs: T0,
  key: null,
  value: Buffer.from(value),
  headers: [],
});

/** Null, empty, text and binary keys and values, headers of all kinds, timestamps that go back and forth. */
function variousRecords(count: number, partitions: number): TestRecord[] {
  const binary = (length: number, seed: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed) & 255));
  const keys = [null, Buffer.alloc(0), Buffer.from('ключ'), binary(40, 1), Buffer.alloc(4)];
  const headers: Header[][] = [
    [],
    [{ key: 'one', value: Buffer.from('1') }],
    [
      { key: 'many', value: Buffer.from('1') },
      { key: 'many', value: Buffer.from('zwei ü') },
      { key: 'empty', value: Buffer.alloc(0) },
      { key: 'null', value: null },
    ],
  ];
  return Array.from({ length: count }, (_, i) => ({
    partition: i % partitions,
    timestampMs: T0 + ((i * 7_919) % 5_000) - 2_500,
    key: keys[i % 5]!,
    value: i % 11 === 0 ? null : binary((i * 13) % 300, i),
    headers: headers[(i >> 2) % 3]!,
  }));
}

function outputs(topic: string, records: readonly TestRecord[]): OutputRecords {
  const output = new OutputRecords(topic);
  for (const record of records) output.push(record);
  return output;
}

function renamed(output: OutputRecords, topic: string): OutputRecords {
  return Object.assign(Object.create(OutputRecords.prototype) as OutputRecords, output, { topic });
}

const byPartition = (records: readonly TestRecord[]): TestRecord[] => records.toSorted((a, b) => a.partition - b.partition);

/** Reads until `count` records have come, in the order of partition and offset. */
async function readAll(kafka: Kafka, topic: string, count: number): Promise<TestRecord[]> {
  const consumer = kafka.consumer({ groupId: uniqueName('columnar-produce'), maxWaitTimeInMs: 100 });
  const read: { offset: number; record: TestRecord }[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) read.push({ offset: Number(message.offset), record: recordFrom(message, batch.partition) });
      },
    });
    await vi.waitFor(() => expect(read.length).toBeGreaterThanOrEqual(count), { timeout: 30_000 });
  } finally {
    await consumer.disconnect();
  }
  expect(read.length).toBe(count);
  return read.sort((a, b) => a.record.partition - b.record.partition || a.offset - b.offset).map(({ record }) => record);
}

function recordFrom({ timestamp, key, value, headers = {} }: KafkaMessage, partition: number): TestRecord {
  const list = Object.entries(headers).flatMap(([name, given]) =>
    (Array.isArray(given) ? given : [given]).map((one) => ({ key: name, value: one == null ? null : Buffer.from(one) })),
  );
  return { partition, timestampMs: Number(timestamp), key, value, headers: list };
}
