/**
 * Workers that are broken on purpose, so that the suite can show that its checker notices. They score rightly: what is wrong with
 * them is the delivery alone. Stock kafkajs; nothing of weir.
 *
 *     CHAOS_BROKERS=host:port CHAOS_SLOT=0 node test/chaos/broken/worker.ts DEFECT
 *
 * `commit-before-produce`: commits a batch, then scores it: what is killed in between is lost.
 * `no-fencing`: transactions of stock kafkajs, whose offsets carry no member and no generation: a zombie commits what
 *   another has done since.
 * `commits-last`: commits the offset of the last record instead of the next one: it comes twice.
 * `skips-one`: commits one more than the next offset: a record is never read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avsc from 'avsc';
import { type EachBatchPayload, Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { EVENT_SCHEMA, featuresOf, MODEL_FOLDER, NUMBERS } from '../events.ts';
import { CLIENT, GROUP, SESSION_TIMEOUT_MS, TOPICS } from '../pipeline.ts';

const DEFECTS = ['commit-before-produce', 'no-fencing', 'commits-last', 'skips-one'] as const;

/** What the worker does wrong. */
export type Defect = (typeof DEFECTS)[number];

/** A model that takes its time: the moment in which these workers are vulnerable must be long enough to be hit. */
const SLOW_MS = 300;

/** Records of one step. */
const ROWS = 100;

const defect = process.argv[2] as Defect;
const brokers = process.env['CHAOS_BROKERS'] ?? '';
if (!DEFECTS.includes(defect)) throw new Error(`${defect} is none of ${DEFECTS.join(', ')}`);

const event = avsc.Type.forSchema(EVENT_SCHEMA as avsc.Schema);
const schema = new URL('../../../schemas/prediction.avsc', import.meta.url);
const prediction = avsc.Type.forSchema(JSON.parse(readFileSync(schema, 'utf8')) as avsc.Schema);
const session = await InferenceSession.create(join(MODEL_FOLDER, 'model.onnx'), { intraOpNumThreads: 1, logSeverityLevel: 3 });
const kafka = new Kafka({ brokers: brokers.split(','), clientId: CLIENT, logLevel: logLevel.NOTHING });
const isTransactional = defect !== 'commit-before-produce';
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  ...(isTransactional ? { transactionalId: `chaos-${process.env['CHAOS_SLOT'] ?? '0'}`, transactionTimeout: 30_000 } : {}),
});
const consumer = kafka.consumer({
  groupId: GROUP,
  sessionTimeout: SESSION_TIMEOUT_MS,
  heartbeatInterval: 1_000,
  maxWaitTimeInMs: 100,
  readUncommitted: false,
});

await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics: [TOPICS.input], fromBeginning: true });
await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: onBatch });
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void consumer.disconnect().then(() => process.exit(0));
    // Stock kafkajs may wait for a join that nobody answers.
    setTimeout(() => process.exit(0), 5_000);
  });
}

async function onBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
  for (let from = 0; from < batch.messages.length && isRunning() && !isStale(); from += ROWS) {
    const rows = batch.messages.slice(from, from + ROWS);
    const last = Number(rows.at(-1)!.offset);
    const next = last + (defect === 'commits-last' ? 0 : defect === 'skips-one' ? 2 : 1);
    await step(batch.partition, rows, String(next));
    resolveOffset(String(last));
    await heartbeat();
  }
}

async function step(partition: number, rows: readonly KafkaMessage[], offset: string): Promise<void> {
  const topics = [{ topic: TOPICS.input, partitions: [{ partition, offset }] }];
  if (!isTransactional) {
    await consumer.commitOffsets([{ topic: TOPICS.input, partition, offset }]);
    await slowly();
    await producer.send({ topic: TOPICS.predictions, messages: await scored(partition, rows) });
    return;
  }
  const transaction = await producer.transaction();
  try {
    await transaction.send({ topic: TOPICS.predictions, messages: await scored(partition, rows) });
    await slowly();
    await transaction.sendOffsets({ consumerGroupId: GROUP, topics });
    await transaction.commit();
  } catch (error) {
    if (transaction.isActive()) await transaction.abort();
    throw error;
  }
}

async function scored(
  partition: number,
  rows: readonly KafkaMessage[],
): Promise<{ key: Buffer | null; value: Buffer; partition: number }[]> {
  const events = rows.map(({ value }) => event.fromBuffer(value!) as Record<string, number> & { entityId: string });
  const data = new Float32Array(rows.length * NUMBERS * 2);
  events.forEach((fields, i) => {
    for (let n = 0; n < NUMBERS; n++) data[i * NUMBERS * 2 + n] = fields[`f${n}`]!;
    data.set(featuresOf(Number(fields.entityId.slice(1))), i * NUMBERS * 2 + NUMBERS);
  });
  const { score } = await session.run({ input: new Tensor('float32', data, [rows.length, NUMBERS * 2]) });
  return rows.map(({ key, offset, timestamp }, i) => ({
    key,
    partition,
    value: prediction.toBuffer({
      ...{ predictionId: `${TOPICS.input}-${partition}-${offset}`, model: 'chaos', modelVersion: '1', arm: 'champion', entityKey: null },
      ...{ eventTime: Number(timestamp), scoredAt: Date.now(), score: (score!.data as Float32Array)[i]!, label: null, outputs: null },
      ...{ status: 'OK', degradedFeatures: [], source: { topic: TOPICS.input, partition, offset: Number(offset) } },
    }),
  }));
}

function slowly(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SLOW_MS));
}
