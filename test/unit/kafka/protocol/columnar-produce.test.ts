import { beforeAll, describe, expect, it } from 'vitest';
import { type Header } from '../../../../src/core/headers.ts';
import { OutputRecords } from '../../../../src/core/outputs.ts';
import { installColumnarProduce } from '../../../../src/kafka/protocol/columnar-produce.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { PartitionDraft, recordBytes } from '../../../../src/kafka/protocol/partition-draft.ts';
import { HEADROOM_BYTES } from '../../../../src/kafka/protocol/request-headroom.ts';

interface TestRecord {
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

interface Encoder {
  readonly buf: Buffer;
  readonly buffer: Buffer;
  writeInt32(value: number): Encoder;
  writeEncoder(value: Encoder): Encoder;
}

interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  expectResponse(): boolean;
  encode(): Promise<Encoder>;
}

interface Definition {
  readonly versions: string[];
  protocol(options: { version: number }): (given: object) => { request: Request; response: unknown };
}

// The module is stock's own; what is patched is the table that brokers look it up in.
const stockProduce = kafkajsInternal<Definition>('src/protocol/requests/produce/index.js');
const { requests } = kafkajsInternal<{ requests: { Produce: Definition } }>('src/protocol/requests/index.js');
const createRequest =
  kafkajsInternal<(given: { correlationId: number; clientId: string; request: Request }) => Promise<Encoder>>('src/protocol/request.js');
const EncoderOfKafkajs = kafkajsInternal<new () => Encoder>('src/protocol/encoder.js');

/** Records of stock: `messages` of a partition. */
function messagesOf(records: readonly TestRecord[]): object[] {
  return records.map(({ timestampMs, key, value, headers }) => {
    const byName: Record<string, Buffer[]> = {};
    for (const header of headers) (byName[header.key] ??= []).push(Buffer.from(header.value!));
    const names = Object.entries(byName).map(([name, values]) => [name, values.length === 1 ? values[0] : values]);
    return { timestamp: String(timestampMs), key, value, headers: Object.fromEntries(names) };
  });
}

/** The same records in drafts. All partitions share their columns, which change after every `perColumns` records. */
function draftsOf(partitions: readonly (readonly TestRecord[])[], perColumns: number): PartitionDraft[] {
  const drafts = partitions.map(() => new PartitionDraft());
  let columns = new OutputRecords('t', 64);
  for (let i = 0; i < Math.max(...partitions.map((records) => records.length)); i++) {
    for (const [p, records] of partitions.entries()) {
      const record = records[i];
      if (!record) continue;
      if (columns.count === perColumns) columns = new OutputRecords('t', 64);
      columns.push(record);
      drafts[p]!.add(columns, columns.count - 1, recordBytes(columns, columns.count - 1));
    }
  }
  return drafts;
}

/** What kafkajs puts in front of a request, written by hand. */
function framed(body: Buffer, version: number, correlationId: number, clientId: string): Buffer {
  const name = Buffer.from(clientId);
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + name.length + body.length, 0);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(name.length, 12);
  return Buffer.concat([header, name, body]);
}

/** Whole numbers below `below`, the same ones every time. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

type Random = ReturnType<typeof seeded>;

function randomRecord(random: Random): TestRecord {
  const pick = <T>(...from: readonly (() => T)[]): T => from[random(from.length)]!();
  const bytes = (most: number): Buffer => Buffer.from(Array.from({ length: random(most + 1) }, () => random(256)));
  const text = (): Buffer => Buffer.from(`ключ-ü-${random(1_000)}`);
  const some = (name: string, count: number): Header[] => Array.from({ length: count }, () => ({ key: name, value: bytes(6) }));
  return {
    timestampMs:
      1_700_000_000_000 +
      pick(
        () => 0,
        () => random(50),
        () => random(8_000_000) * 1_000,
      ),
    key: pick<Buffer | null>(
      () => null,
      () => Buffer.alloc(0),
      text,
      () => bytes(20),
      () => bytes(300),
    ),
    value: pick<Buffer | null>(
      () => null,
      () => Buffer.alloc(0),
      text,
      () => bytes(120),
      () => bytes(120),
      () => bytes(random(40) === 0 ? 40_000 : 500),
    ),
    headers: pick<Header[]>(
      () => [],
      () => [],
      () => some('a', 1),
      () => [...some('múltiple', 1 + random(3)), ...some('', 1), ...some('b'.repeat(70), 1)],
    ),
  };
}

/** Sizes on both sides of where a varint grows, now and then. */
const countOf = (random: Random, i: number): number => (i % 40 === 0 ? [3_000, 63, 64, 65, 8_193][random(5)]! : 1 + random(30));

describe('installColumnarProduce', () => {
  beforeAll(installColumnarProduce);

  it('writes what stock writes for the same records, byte for byte', async () => {
    const cases = 450;
    let compressed = 0;
    let transactional = 0;
    for (let i = 0; i < cases; i++) {
      const random = seeded(i + 1);
      const version = 3 + random(5);
      const clientId = 'c'.repeat([0, 4, 30, HEADROOM_BYTES - 14, HEADROOM_BYTES - 13, 1_000][random(6)]!);
      const transactionalId = [undefined, null, 'worker-é-0'][random(3)];
      const compression = random(4) === 0 ? 1 : 0;
      if (compression) compressed++;
      if (transactionalId) transactional++;
      const given = {
        acks: [-1, 1, 0][random(3)]!,
        timeout: 1 + random(60_000),
        compression,
        transactionalId,
        // As kafkajs has it: none, −1 before it knows, text of the response.
        producerId: [undefined, -1, '123456789012345'][random(3)],
        producerEpoch: random(100),
      };
      const topics = Array.from({ length: 1 + random(2) }, (_, t) => ({
        topic: `тopic-${t}`,
        partitions: Array.from({ length: 1 + random(3) }, (_, p) => ({
          partition: random(2) ? p : String(p),
          firstSequence: [undefined, 0, random(2_147_483_647)][random(3)],
          records: Array.from({ length: countOf(random, i) }, () => randomRecord(random)),
        })),
      }));
      const topicData = (messages: (partitions: (typeof topics)[0]['partitions']) => unknown[]): object[] =>
        topics.map(({ topic, partitions }) => {
          const all = messages(partitions);
          return {
            topic,
            partitions: partitions.map(({ partition, firstSequence }, p) => ({ partition, firstSequence, messages: all[p] })),
          };
        });
      const perColumns = 1 + random(500);
      const stock = stockProduce.protocol({ version })({
        ...given,
        topicData: topicData((partitions) => partitions.map(({ records }) => messagesOf(records))),
      }).request;
      const ours = requests.Produce.protocol({ version })({
        ...given,
        topicData: topicData((partitions) =>
          draftsOf(
            partitions.map(({ records }) => records),
            perColumns,
          ),
        ),
      }).request;
      expect([ours.apiKey, ours.apiVersion, ours.apiName, ours.expectResponse()]).toEqual([0, version, 'Produce', given.acks !== 0]);
      const expected = framed((await stock.encode()).buffer, version, i, clientId);
      const written = (await createRequest({ correlationId: i, clientId, request: ours })).buffer;
      // Not toEqual: its report on megabytes takes minutes.
      expect(written.equals(expected), `case ${i}`).toBe(true);
    }
    expect(compressed).toBeGreaterThan(cases / 8);
    expect(transactional).toBeGreaterThan(cases / 8);
  }, 180_000);

  it('leaves requests of ordinary messages to stock', async () => {
    const random = seeded(7);
    const partitions = [{ partition: 0, firstSequence: 4, messages: messagesOf(Array.from({ length: 50 }, () => randomRecord(random))) }];
    const given = { acks: -1, timeout: 1_000, producerId: '7', producerEpoch: 1, topicData: [{ topic: 't', partitions }] };
    for (const version of [2, 3, 7]) {
      const [stock, patched] = [stockProduce, requests.Produce].map((definition) => definition.protocol({ version })(given));
      expect((await patched!.request.encode()).buffer.equals((await stock!.request.encode()).buffer)).toBe(true);
      expect(patched!.response).toBe(stock!.response);
    }
    expect(requests.Produce.versions).toEqual(stockProduce.versions);
  });

  it('takes the smallest timestamp as the first one, where stock compares them as text', async () => {
    const records = [999, 1_000, 998].map((timestampMs) => ({ timestampMs, key: null, value: Buffer.from('v'), headers: [] }));
    const stock = await batchOf(stockProduce, messagesOf(records));
    expect(timestampsOf(stock)).toEqual([1_000, 999]);
    expect(timestampsOf(await batchOf(requests.Produce, draftsOf([records], 10)[0]!))).toEqual([998, 1_000]);
  });

  it('writes null header values and far timestamps so that stock reads them', async () => {
    const timestamps = [-1, 0, 1, 2 ** 31, 1_700_000_000_000, 2 ** 52];
    const headers = [
      { key: 'n', value: null },
      { key: 'e', value: Buffer.alloc(0) },
    ];
    const records = timestamps.map((timestampMs) => ({ timestampMs, key: null, value: Buffer.from('v'), headers }));
    const batch = await batchOf(requests.Produce, draftsOf([records], 10)[0]!);
    const decode = kafkajsInternal<(decoder: object) => Promise<{ records: { timestamp: string; headers: object }[] }>>(
      'src/protocol/recordBatch/v0/decoder.js',
    );
    const Decoder = kafkajsInternal<new (bytes: Buffer) => object>('src/protocol/decoder.js');
    const read = (await decode(new Decoder(batch))).records;
    expect(read.map(({ timestamp }) => Number(timestamp))).toEqual(timestamps);
    expect(read[0]!.headers).toEqual({ n: null, e: Buffer.alloc(0) });
  });

  it('refuses to write records that are no longer lent to it', async () => {
    const draft = draftsOf([[randomRecord(seeded(1))]], 10)[0]!;
    draft.release();
    for (const compression of [0, 1]) {
      await expect(batchOf(requests.Produce, draft, { compression })).rejects.toMatchObject({ code: 'state_invalid' });
    }
  });

  it('refuses a broker older than record batches, and a codec that nobody knows', async () => {
    const draft = draftsOf([[randomRecord(seeded(1))]], 10)[0]!;
    await expect(batchOf(requests.Produce, draft, {}, 2)).rejects.toMatchObject({ code: 'state_invalid' });
    await expect(batchOf(requests.Produce, draft, { compression: 7 })).rejects.toMatchObject({ code: 'compression_unsupported' });
  });

  it('frames a request where it lies', async () => {
    const draft = draftsOf([Array.from({ length: 100 }, () => randomRecord(seeded(3)))], 50)[0]!;
    const { request } = produceOf(requests.Produce, draft, {}, 7);
    const body = await request.encode();
    const whole = await createRequest({ correlationId: 1, clientId: 'c', request: { ...request, encode: () => Promise.resolve(body) } });
    expect(whole.buffer.buffer).toBe(body.buf.buffer);
    const far = await createRequest({
      correlationId: 1,
      clientId: 'c'.repeat(400),
      request: { ...request, encode: () => Promise.resolve(body) },
    });
    expect(far.buffer.buffer).not.toBe(body.buf.buffer);
    expect(far.buffer.equals(framed(body.buffer, 7, 1, 'c'.repeat(400)))).toBe(true);
  });

  it('copies as stock when something follows the request', async () => {
    const draft = draftsOf([[randomRecord(seeded(4))]], 50)[0]!;
    const body = await produceOf(requests.Produce, draft, {}, 7).request.encode();
    const copy = Buffer.from(body.buffer);
    const inner = new EncoderOfKafkajs().writeInt32(1).writeEncoder(body).writeInt32(2);
    const outer = new EncoderOfKafkajs().writeInt32(0).writeEncoder(inner);
    expect(outer.buffer.equals(Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 0, 0, 1), copy, Buffer.of(0, 0, 0, 2)]))).toBe(true);
  });
});

function produceOf(definition: Definition, messages: unknown, more: object, version: number): { request: Request } {
  return definition.protocol({ version })({
    acks: -1,
    timeout: 1,
    producerId: -1,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages }] }],
    ...more,
  });
}

/** The record batch of a request of one topic `t` and one partition. */
async function batchOf(definition: Definition, messages: unknown, more: object = {}, version = 7): Promise<Buffer> {
  return (await produceOf(definition, messages, more, version).request.encode()).buffer.subarray(2 + 2 + 4 + 4 + 3 + 4 + 8);
}

function timestampsOf(batch: Buffer): number[] {
  return [27, 35].map((at) => Number(batch.readBigInt64BE(at)));
}
