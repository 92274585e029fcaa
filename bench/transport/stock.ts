/**
 * The same cells as an application on stock kafkajs would be written: message objects, avsc, `eachBatch`, `sendBatch`,
 * transactions with `sendOffsets`, as the documentation of kafkajs recommends. Nothing of `src/` is loaded here.
 */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { CompressionTypes, type EachBatchPayload, Kafka, logLevel, type Message, type Producer, type Transaction } from 'kafkajs';
import type { CellSpec } from './cell.ts';
import { EVENT_SCHEMA, FEATURES, MODEL, SCHEMA_ID, SCORE_SCHEMA, sampleRecords, scoreOf } from './events.ts';
import { type CellRun, Meter } from './meter.ts';

/** Records of one `sendBatch`; not tuned. kafkajs groups them by partition in quadratic time, so many more would be worse. */
const RECORDS_PER_SEND = 1_000;

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

/** Runs one cell of stock kafkajs. */
export async function runCell(spec: CellSpec): Promise<CellRun> {
  if (spec.task === 'consume') return await consume(spec);
  return spec.task === 'produce' ? await produce(spec) : await both(spec);
}

const kafkaOf = ({ brokers, name }: CellSpec): Kafka => new Kafka({ clientId: name, brokers: [...brokers], logLevel: logLevel.NOTHING });

function consumerOf(spec: CellSpec, kafka: Kafka) {
  return kafka.consumer({
    groupId: spec.name,
    sessionTimeout: 30_000,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 1_048_576,
    readUncommitted: false,
  });
}

async function consume(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const consumer = consumerOf(spec, kafkaOf(spec));
  await consumer.connect();
  await consumer.subscribe({ topics: [spec.inputTopic], fromBeginning: true });
  let bytes = 0;
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) bytes += value!.length;
      if (Number(batch.lastOffset()) + 1 >= Number(batch.highWatermark)) {
        consumer.seek({ topic: batch.topic, partition: batch.partition, offset: '0' });
      }
      meter.add(batch.messages.length);
    },
  });
  const run = await meter.done;
  if (!(bytes > 0)) throw new Error('Nothing was read.');
  return run;
}

async function produce(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const samples = sampleRecords(spec.valueBytes);
  const producer = producerOf(spec);
  await producer.connect();
  let at = 0;
  const send = async (to: Pick<Producer, 'sendBatch'>): Promise<void> => {
    const timestamp = String(Date.now());
    const messages: Message[] = [];
    for (let i = 0; i < RECORDS_PER_SEND; i++) {
      const { key, value } = samples[at++ % samples.length]!;
      messages.push({ key, value, timestamp });
    }
    await to.sendBatch({ topicMessages: [{ topic: spec.outputTopic, messages }], acks: -1, compression: CompressionTypes.None });
  };
  if (spec.delivery === 'at-least-once') {
    do await send(producer);
    while (!meter.add(RECORDS_PER_SEND));
  } else {
    for (let isOver = false; !isOver; ) {
      const transaction = await producer.transaction();
      const startedMs = performance.now();
      let written = 0;
      do {
        await send(transaction);
        written += RECORDS_PER_SEND;
      } while (performance.now() - startedMs < spec.commitIntervalMs);
      await transaction.commit();
      isOver = meter.add(written);
    }
  }
  return await meter.done;
}

function producerOf(spec: CellSpec): Producer {
  return kafkaOf(spec).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    ...(spec.delivery === 'exactly-once' ? { transactionalId: spec.name, transactionTimeout: 15_000 } : {}),
  });
}

async function both(spec: CellSpec): Promise<CellRun> {
  const meter = new Meter(spec);
  const kafka = kafkaOf(spec);
  const producer = producerOf(spec);
  await producer.connect();
  const consumer = consumerOf(spec, kafka);
  await consumer.connect();
  await consumer.subscribe({ topics: [spec.inputTopic], fromBeginning: true });
  const predict = createPredictor(spec);
  const stop = new AbortController();
  const write = async (to: Pick<Producer, 'sendBatch'>, messages: Message[]): Promise<void> =>
    void (await to.sendBatch({ topicMessages: [{ topic: spec.outputTopic, messages }], acks: -1, compression: CompressionTypes.None }));
  const isExactlyOnce = spec.delivery === 'exactly-once';
  const transactions = new Transactions(spec, producer);
  const run = consumer.run({
    autoCommit: !isExactlyOnce,
    autoCommitInterval: spec.commitIntervalMs,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary } = payload;
      for (let from = 0; from < batch.messages.length && !stop.signal.aborted; from += RECORDS_PER_SEND) {
        const chunk = batch.messages.slice(from, from + RECORDS_PER_SEND);
        const messages = predict(batch, chunk);
        const last = chunk.at(-1)!.offset;
        if (isExactlyOnce) await transactions.write((transaction) => write(transaction, messages), batch, last);
        else await write(producer, messages);
        resolveOffset(last);
        if (!isExactlyOnce) await commitOffsetsIfNecessary();
        await heartbeat();
        if (meter.add(chunk.length)) stop.abort();
      }
    },
  });
  const result = await meter.done;
  await run;
  return result;
}

/** One transaction a commit interval. */
class Transactions {
  private readonly spec: CellSpec;
  private readonly producer: Producer;
  private open: { readonly transaction: Transaction; readonly startedMs: number } | undefined;
  private readonly offsets = new Map<number, string>();

  constructor(spec: CellSpec, producer: Producer) {
    this.spec = spec;
    this.producer = producer;
  }

  async write(
    send: (transaction: Transaction) => Promise<void>,
    { topic, partition }: { topic: string; partition: number },
    last: string,
  ): Promise<void> {
    this.open ??= { transaction: await this.producer.transaction(), startedMs: performance.now() };
    const { transaction, startedMs } = this.open;
    await send(transaction);
    this.offsets.set(partition, String(Number(last) + 1));
    if (performance.now() - startedMs < this.spec.commitIntervalMs) return;
    const partitions = Array.from(this.offsets, ([p, offset]) => ({ partition: p, offset }));
    await transaction.sendOffsets({ consumerGroupId: this.spec.name, topics: [{ topic, partitions }] });
    await transaction.commit();
    this.open = undefined;
    this.offsets.clear();
  }
}

type Batch = EachBatchPayload['batch'];

/** Decodes, scores and encodes: the same prediction as our side writes, of the same schema. */
function createPredictor({ task }: CellSpec): (batch: Batch, chunk: Batch['messages']) => Message[] {
  const types = new Map([[SCHEMA_ID, avsc.Type.forSchema(EVENT_SCHEMA as avsc.Schema)]]);
  const schema = JSON.parse(readFileSync(new URL('../../schemas/prediction.avsc', import.meta.url), 'utf8')) as avsc.Schema;
  const predictionType = avsc.Type.forSchema(schema);
  const scoreType = avsc.Type.forSchema(SCORE_SCHEMA as avsc.Schema);
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(SCHEMA_ID + 1, 1);
  const names = Array.from({ length: FEATURES }, (_, i) => `f${i}`);
  const features = new Float32Array(FEATURES);
  return ({ topic, partition }, chunk) => {
    const scoredAt = Date.now();
    const timestamp = String(scoredAt);
    return chunk.map(({ key, value, offset }): Message => {
      const type = types.get(value!.readInt32BE(1));
      const event = type!.fromBuffer(value!.subarray(5)) as Record<string, number>;
      for (let f = 0; f < FEATURES; f++) features[f] = event[names[f]!]!;
      const score = scoreOf(features, 0);
      if (task === 'avro') {
        const small = scoreType.toBuffer({ offset: Number(offset), score, model: MODEL.name });
        return { key, value: Buffer.concat([prefix, small]), partition, timestamp };
      }
      const prediction = predictionType.toBuffer({
        predictionId: `${topic}-${partition}-${offset}`,
        model: MODEL.name,
        modelVersion: MODEL.version,
        arm: 'champion',
        entityKey: key!.toString(),
        eventTime: event['eventTime'],
        scoredAt,
        score,
        label: null,
        outputs: null,
        status: 'OK',
        degradedFeatures: [],
        source: { topic, partition, offset: Number(offset) },
      });
      return { key, value: Buffer.concat([prefix, prediction]), partition, timestamp };
    });
  };
}
