import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../../src/core/errors.ts';
import { COMPRESSIONS, compress, installCodecs } from '../../../../src/kafka/compression.ts';
import { fetchColumns } from '../../../../src/kafka/protocol/columnar-fetch.ts';
import { RecordColumns } from '../../../../src/kafka/protocol/record-walker.ts';
import {
  answering,
  decodedByStock,
  fetchResponse,
  type MadeBatch,
  type MadeRecord,
  recordBatch,
  recordsBytes,
  resealed,
  type StockMessage,
} from '../../../support/fetch-responses.ts';
import { type FetchedRecord, fetchedFrom, recordsOf } from '../../../support/fetched-records.ts';

installCodecs();

const OPTIONS = { maxWaitTimeMs: 10, minBytes: 1, maxBytes: 1 << 20, isolation: 'read_committed' } as const;
const batchOf = (baseOffset: number, ...values: string[]) =>
  recordBatch({ baseOffset, records: values.map((v) => ({ value: Buffer.from(v) })) });

async function compressedBatch(codec: number, made: MadeBatch): Promise<Buffer> {
  const body = await compress(COMPRESSIONS[codec]!, recordsBytes(made.records));
  return recordBatch({ ...made, attributes: (made.attributes ?? 0) | codec, body });
}

const someBytes = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { nil: null },
);
const someRecord: fc.Arbitrary<MadeRecord> = fc.record({
  timestampDelta: fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
  key: someBytes,
  value: fc.oneof({ weight: 9, arbitrary: someBytes }, { weight: 1, arbitrary: fc.constant(Buffer.alloc(20_000, 'v')) }),
  headers: fc.array(fc.tuple(fc.constantFrom('', 'a', 'b', 'ü', 'a longer name'), someBytes), { maxLength: 4 }),
});
const someBatch = fc.record({
  records: fc.array(someRecord, { maxLength: 80 }),
  codec: fc.integer({ min: 0, max: 4 }),
  isLogAppendTime: fc.boolean(),
  gap: fc.nat(3),
  baseTimestamp: fc.constantFrom(0, 1_700_000_000_000),
});

/** A log of a few batches, with the offset after it. */
async function logOf(
  batches: readonly (typeof someBatch extends fc.Arbitrary<infer T> ? T : never)[],
): Promise<{ log: Buffer; end: number }> {
  const parts: Buffer[] = [];
  let end = 0;
  for (const { records, codec, isLogAppendTime, gap, baseTimestamp } of batches) {
    const lastOffsetDelta = Math.max(0, records.length - 1 + gap);
    const made = {
      baseOffset: end,
      records,
      lastOffsetDelta,
      baseTimestamp,
      maxTimestamp: 1_800_000_000_000,
      attributes: isLogAppendTime ? 8 : 0,
    };
    parts.push(records.length === 0 ? recordBatch(made) : await compressedBatch(codec, made));
    end += lastOffsetDelta + 1;
  }
  return { log: Buffer.concat(parts), end };
}

/** In the form in which kafkajs has them: repeated names become a list. */
function asStock({ offset, timestamp, key, value, headers }: FetchedRecord): StockMessage {
  const byName: StockMessage['headers'] = {};
  for (const [name, bytes] of headers) {
    const before = byName[name];
    byName[name] = before === undefined ? bytes : Array.isArray(before) ? [...before, bytes] : [before, bytes];
  }
  return { offset: String(offset), timestamp: String(timestamp), key, value, headers: byName };
}

describe('against kafkajs', () => {
  it('reads the same records out of the same responses, whatever the codec', async () => {
    const columns = new RecordColumns();
    await fc.assert(
      fc.asyncProperty(
        fc.array(someBatch, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 4, max: 11 }),
        fc.nat(60),
        async (batches, version, from) => {
          const { log, end } = await logOf(batches);
          const stock = (await decodedByStock(version, fetchResponse(version, [{ records: log }]))).filter((m) => Number(m.offset) >= from);
          const fetched = await fetchedFrom({ records: log }, from, { version });
          const ours = recordsOf(fetched, columns).map(asStock);
          expect(ours).toEqual(stock.map(({ offset, timestamp, key, value, headers }) => ({ offset, timestamp, key, value, headers })));
          expect(fetched.nextOffset).toBe(Math.max(from, end));
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('a response that inflates to far more than it has bytes', () => {
  it('is taken in pieces: what exceeds 64 MiB waits for the next fetch', async () => {
    const value = Buffer.alloc(40 << 20);
    const log = Buffer.concat(await Promise.all([0, 1, 2].map((baseOffset) => compressedBatch(4, { baseOffset, records: [{ value }] }))));
    const first = await fetchedFrom({ records: log });
    expect([first.nextOffset, first.maxCount]).toEqual([2, 2]);
    const second = await fetchedFrom({ records: log }, 2);
    expect([second.nextOffset, second.maxCount, recordsOf(second)[0]!.value!.length]).toEqual([3, 1, value.length]);
  });
});

describe('damaged bytes', () => {
  const failure = async (records: Buffer, offset = 0) => {
    const thrown = await fetchedFrom({ topic: 'orders', partition: 2, records }, offset)
      .then((fetched) => recordsOf(fetched))
      .catch((error: unknown) => error);
    return thrown as WeirError;
  };

  it('are found by the checksum, with coordinates', async () => {
    const batch = batchOf(41, 'abc');
    batch[batch.length - 3]! ^= 1;
    const error = await failure(Buffer.concat([batchOf(40, 'x'), batch]), 40);
    expect([error.code, error.kind]).toEqual(['record_batch_corrupt', 'fatal']);
    expect(error.message).toMatch(
      /^The record batch at offset 41 of orders-2 carries CRC-32C [0-9a-f]{8}, but its 71 bytes give [0-9a-f]{8}\.$/,
    );
  });

  it.each([
    ['a length below that of a header', (b: Buffer): void => void b.writeInt32BE(48, 8), /length of 48/],
    ['a negative length', (b: Buffer): void => void b.writeInt32BE(-1, 8), /length of -1/],
    ['an unknown format', (b: Buffer): void => void (b[16] = 3), /format 3/],
    ['a negative count', (b: Buffer): void => void resealed((b.writeInt32BE(-1, 57), b)), /-1 records/],
    ['more records than offsets', (b: Buffer): void => void resealed((b.writeInt32BE(3, 57), b)), /3 records/],
    ['a last offset before the first', (b: Buffer): void => void resealed((b.writeInt32BE(-1, 23), b)), /ends at offset/],
    [
      'more records than bytes',
      (b: Buffer): void => void resealed((b.writeInt32BE(1e9, 57), b.writeInt32BE(2e9, 23), b)),
      /1000000000 records in/,
    ],
    ['fewer records than bytes', (b: Buffer): void => void resealed((b.writeInt32BE(1, 57), b)), /bytes before the end/],
    ['an offset beyond the last', (b: Buffer): void => void resealed(((b[64] = 8), b)), /offset 4 where 0 to 1/],
    ['a record beyond the end', (b: Buffer): void => void resealed(((b[61] = 120), b)), /reaches beyond/],
    ['a key beyond the record', (b: Buffer): void => void resealed(((b[65] = 100), b)), /key of 50 bytes/],
    ['a key of length -2', (b: Buffer): void => void resealed(((b[65] = 3), b)), /key of -2 bytes/],
    ['a value beyond the record', (b: Buffer): void => void resealed(((b[66] = 100), b)), /value of 50 bytes/],
    ['headers without bytes', (b: Buffer): void => void resealed(((b[68] = 6), b)), /3 headers in/],
  ] as const)('are named: %s', async (_what, damage, message) => {
    const batch = batchOf(0, 'a', 'b');
    damage(batch);
    expect(await failure(batch)).toMatchObject({ code: 'record_batch_corrupt', message: expect.stringMatching(message) });
  });

  it('are named: batches that go back, formats of old, codecs of the future, bodies that do not inflate', async () => {
    expect(await failure(Buffer.concat([batchOf(5, 'a'), batchOf(5, 'b')]))).toMatchObject({ code: 'record_batch_corrupt' });
    const old = batchOf(0, 'a');
    old[16] = 1;
    expect(await failure(old)).toMatchObject({ code: 'record_format_unsupported', message: expect.stringContaining('orders-2') });
    const unknown = recordBatch({ records: [{}], attributes: 5 });
    expect(await failure(unknown)).toMatchObject({ code: 'compression_unsupported', message: expect.stringContaining('orders-2') });
    for (const attributes of [1, 2, 3, 4]) {
      const error = await failure(recordBatch({ baseOffset: 9, records: [{}], attributes, body: Buffer.from('no codec wrote this') }), 9);
      expect(error).toMatchObject({ code: 'record_batch_corrupt', message: expect.stringContaining('offset 9 of orders-2') });
    }
    const few = await compress('gzip', recordsBytes([{}]));
    expect(await failure(recordBatch({ records: [{}], count: 2, lastOffsetDelta: 9, attributes: 1, body: few }))).toMatchObject({
      code: 'record_batch_corrupt',
    });
  });

  it('anywhere in a response give an error of ours or records within the buffer, never a crash or a hang', async () => {
    const mutation = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(someBatch, { minLength: 1, maxLength: 3 }),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (batches, mutations, isSealed) => {
          const { log } = await logOf(batches);
          let payload = fetchResponse(11, [{ records: log, aborted: [[1n, 0]] }]);
          const set = payload.length - log.length;
          for (const { at, to, cut } of mutations) {
            if (cut && mutations.length > 2) payload = payload.subarray(0, at % (payload.length + 1));
            else if (payload.length > 0) payload[at % payload.length] = to;
          }
          // Half of the time the checksum of the first batch agrees with the damage, so that the walker meets it.
          if (isSealed && payload.length > set + 61) {
            const end = set + 12 + payload.readInt32BE(set + 8);
            if (end > set + 61 && end <= payload.length) resealed(payload.subarray(set, end));
          }
          try {
            const partitions = await fetchColumns(answering(11, payload), [{ topic: 't', partition: 0, offset: 0, maxBytes: 1 }], OPTIONS);
            for (const fetched of partitions) {
              for (const { key, value } of recordsOf(fetched, new RecordColumns(), false))
                expect((key?.length ?? 0) + (value?.length ?? 0)).toBeLessThan(fetched.buffer.length);
              expect(fetched.nextOffset).toBeGreaterThanOrEqual(fetched.fetchedOffset);
            }
          } catch (thrown) {
            // An error code that the damage has written is thrown as kafkajs throws it.
            if ((thrown as Error).name !== 'KafkaJSProtocolError') expect(thrown).toBeInstanceOf(WeirError);
          }
        },
      ),
      { numRuns: 1_500 },
    );
  });
});
