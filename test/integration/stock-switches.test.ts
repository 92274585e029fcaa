import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXTENSIONS, STOCK_VARIABLE } from '../../src/kafka/protocol/switches.ts';
import type { StockUse } from '../support/copy-topic.ts';
import { flightsPipeline, publish, readPredictions, someFlights, startWorker } from '../support/flights.ts';
import { committed, createTopic, eventually, testKafka } from '../support/kafka.ts';
import { headerBytes, produceRaw, randomBytes, type RawRecord, readRaw, smallVarint } from '../support/raw-records.ts';
import { services, uniqueName } from '../support/services.ts';

const PARTITIONS = 3;
const EVERYTHING = Object.keys(EXTENSIONS).join(',');

/** What a copy of a topic left behind. */
interface Copied {
  readonly records: RawRecord[];
  /** Committed positions by partition. */
  readonly positions: Map<number, number>;
  readonly stockUse: StockUse;
}

/** Copies a topic in a process of its own. */
async function copy(topic: string, count: number, stock: string): Promise<Copied> {
  const [output, groupId] = [uniqueName('copy'), uniqueName('copy')];
  await createTopic(output, PARTITIONS);
  const script = fileURLToPath(new URL('../support/copy-topic.ts', import.meta.url));
  const options = JSON.stringify({ brokers: services().kafkaBrokers, topic, output, groupId, count });
  const env = { ...process.env, [STOCK_VARIABLE]: stock };
  const { stdout } = await promisify(execFile)(process.execPath, [script, options], { env, timeout: 120_000 });
  return { records: await readRaw(output), positions: await committed(groupId, topic), stockUse: JSON.parse(stdout) as StockUse };
}

/** Records of every kind that stock can express; a stretch of an aborted transaction lies between them. */
async function publishOddRecords(topic: string): Promise<RawRecord[]> {
  const bytes = randomBytes(11);
  const headers = [
    Buffer.alloc(0),
    Buffer.concat([smallVarint(1), headerBytes(Buffer.from('trace'), Buffer.from([0xff, 0, 0x80]))]),
    Buffer.concat([
      smallVarint(4),
      headerBytes(Buffer.from('b'), Buffer.alloc(0)),
      headerBytes(Buffer.from('a'), Buffer.from('1')),
      headerBytes(Buffer.from('a'), Buffer.from('2')),
      headerBytes(Buffer.from('ключ'), bytes(50)),
    ]),
  ];
  const records = Array.from({ length: 600 }, (_, i) => ({
    partition: i % PARTITIONS,
    timestampMs: 1_700_000_000_000 + ((i * 7_919) % 5_000) - 2_500,
    key: i % 5 === 0 ? null : bytes(i % 40),
    value: i % 11 === 0 ? null : bytes((i * 37) % 900),
    headers: headers[i % headers.length]!,
  }));
  await produceRaw(topic, records.slice(0, 300));
  const aborting = testKafka().producer({
    ...{ transactionalId: uniqueName('aborted'), maxInFlightRequests: 1 },
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await aborting.connect();
  const transaction = await aborting.transaction();
  await transaction.send({ topic, messages: [0, 1, 2].map((partition) => ({ partition, value: 'aborted' })) });
  await transaction.abort();
  await aborting.disconnect();
  await produceRaw(topic, records.slice(300));
  return await readRaw(topic);
}

const withoutOffset = ({ offset: _, ...record }: RawRecord): Omit<RawRecord, 'offset'> => record;

describe('WEIR_KAFKAJS_STOCK', { timeout: 240_000 }, () => {
  let topic: string;
  let published: RawRecord[];
  beforeAll(async () => {
    topic = uniqueName('odd');
    await createTopic(topic, PARTITIONS);
    published = await publishOddRecords(topic);
  });

  it('copies the same bytes with every extension switched off as with all of them', async () => {
    expect(published).toHaveLength(600);
    const extended = await copy(topic, published.length, '');
    const stock = await copy(topic, published.length, EVERYTHING);
    expect(extended.records.map(withoutOffset)).toEqual(published.map(withoutOffset));
    expect(stock.records).toEqual(extended.records);
    expect(stock.positions).toEqual(extended.positions);
    expect(extended.stockUse).toEqual({ fetch: false, offsetFetch: false, produce: false, idleTimer: false });
    expect(stock.stockUse).toEqual({ fetch: true, offsetFetch: true, produce: true, idleTimer: true });
  });

  it('refuses a name that is no extension', async () => {
    await expect(copy(topic, 1, 'columnar-fetch,group-hooks')).rejects.toThrow(
      /there is no extension group-hooks; name some of idle-timer, /,
    );
  });

  it('is a warning of a worker that delivers at least once', async () => {
    const pipeline = await flightsPipeline({ [STOCK_VARIABLE]: EVERYTHING }, 2);
    const count = await publish(pipeline, someFlights(500, 109));
    const worker = await startWorker(pipeline);
    await eventually(async () => (await readPredictions(pipeline)).length >= count, 90_000);
    await worker.drain();
    expect(new Set((await readPredictions(pipeline)).map((p) => p.predictionId)).size).toBe(count);
    expect(worker.log()).toContain(`${STOCK_VARIABLE} switches off extensions of kafkajs, for diagnosis only: idle-timer`);
  });

  it('still delivers exactly once without what makes that quick', async () => {
    const stock = 'transaction-retry,coordinator-cache,columnar-produce,idle-timer,framed-sockets';
    const pipeline = await flightsPipeline({ FLIGHTS_DELIVERY: 'exactly-once', [STOCK_VARIABLE]: stock }, 2);
    const count = await publish(pipeline, someFlights(500, 109));
    const worker = await startWorker(pipeline);
    await eventually(async () => (await readPredictions(pipeline)).length >= count, 90_000);
    await worker.drain();
    const predictions = await readPredictions(pipeline);
    expect([predictions.length, new Set(predictions.map((p) => p.predictionId)).size]).toEqual([count, count]);
  });

  it('keeps a worker from starting that could not deliver exactly once', async () => {
    const pipeline = await flightsPipeline({ FLIGHTS_DELIVERY: 'exactly-once', [STOCK_VARIABLE]: 'idle-timer,member-offsets' }, 2);
    await expect(startWorker(pipeline)).rejects.toThrow(/worker ended with 2:[^]*config_invalid[^]*switches off member-offsets/);
  });
});
