import { describe, expect, it } from 'vitest';
import { decodeHeaders } from '../../../../src/core/headers.ts';
import type { FetchBroker } from '../../../../src/kafka/protocol/columnar-fetch.ts';
import { errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { RecordColumns, walkRecords } from '../../../../src/kafka/protocol/record-walker.ts';
import { fetchByStock } from '../../../../src/kafka/protocol/stock-fetch.ts';

const OPTIONS = { maxWaitTimeMs: 7, minBytes: 8, maxBytes: 9, isolation: 'read_committed' } as const;
const WANTED = [{ topic: 't', partition: 2, offset: 10, maxBytes: 99 }];
const CONTEXT = { batchContext: { producerId: '5', inTransaction: true }, isControlRecord: false };

/** A broker that answers with one partition. */
function answering(messages: object[], more: object = {}): { broker: FetchBroker; asked: unknown[] } {
  const asked: unknown[] = [];
  const partition = { partition: 2, highWatermark: '50', lastStableOffset: '40', lastStartOffset: '3', abortedTransactions: [], messages };
  const fetch = async (options: unknown): Promise<object> => {
    asked.push(options);
    return { responses: [{ topicName: 't', partitions: [{ ...partition, ...more }] }] };
  };
  return { broker: { fetch } as unknown as FetchBroker, asked };
}

describe('fetchByStock', () => {
  it('hands out what stock reads, as columns: gaps, nulls, headers and timestamps included', async () => {
    const key = Buffer.from('k');
    const { broker, asked } = answering([
      { offset: '9', timestamp: '1', key, value: key, headers: {}, ...CONTEXT }, // Before what was asked for.
      { offset: '10', timestamp: '1700000000000', key, value: null, headers: {}, ...CONTEXT },
      { offset: '14', timestamp: '5', key: null, value: Buffer.alloc(300, 7), headers: { a: [key, Buffer.alloc(0)], b: null }, ...CONTEXT },
      { offset: '15', timestamp: '-1', key: Buffer.alloc(0), value: Buffer.alloc(0), headers: {}, ...CONTEXT },
    ]);
    const [fetched] = await fetchByStock(broker, WANTED, OPTIONS);
    expect(asked).toEqual([
      {
        ...{ maxWaitTime: 7, minBytes: 8, maxBytes: 9, isolationLevel: 1 },
        topics: [{ topic: 't', partitions: [{ partition: 2, fetchOffset: '10', maxBytes: 99 }] }],
      },
    ]);
    expect(fetched).toMatchObject({ fetchedOffset: 10, nextOffset: 16, highWatermark: 50, lastStableOffset: 40, logStartOffset: 3 });
    const columns = new RecordColumns();
    expect(walkRecords(fetched!, columns)).toBe(3);
    expect([...columns.offsets.subarray(0, 3)]).toEqual([10, 14, 15]);
    expect([...columns.timestamps.subarray(0, 3)]).toEqual([1_700_000_000_000, 5, -1]);
    expect([...columns.keyLength.subarray(0, 3)]).toEqual([1, -1, 0]);
    expect([...columns.valueLength.subarray(0, 3)]).toEqual([-1, 300, 0]);
    expect(columns.headerLength[0]).toBe(0);
    expect(decodeHeaders(fetched!.buffer, columns.headerStart[1]!, columns.headerLength[1]!)).toEqual([
      { key: 'a', value: key },
      { key: 'a', value: Buffer.alloc(0) },
      { key: 'b', value: null },
    ]);
  });

  it('moves on as stock does: after what is filtered out, and not where nothing came', async () => {
    const aborted = [{ offset: '10', timestamp: '1', key: null, value: null, headers: {}, ...CONTEXT }];
    const filtered = answering(aborted, { abortedTransactions: [{ producerId: '5', firstOffset: '10' }] });
    expect((await fetchByStock(filtered.broker, WANTED, OPTIONS))[0]).toMatchObject({ nextOffset: 11, maxCount: 0, segments: [] });
    expect((await fetchByStock(answering([]).broker, WANTED, OPTIONS))[0]).toMatchObject({ nextOffset: 10, maxCount: 0 });
  });

  it('gives an offset out of range to its partition, and throws everything else', async () => {
    interface Errors {
      readonly KafkaJSOffsetOutOfRange: new (error: Error, where: object) => Error;
    }
    const { KafkaJSOffsetOutOfRange } = kafkajsInternal<Errors>('src/errors.js');
    const failing = (error: Error): FetchBroker => ({ fetch: () => Promise.reject(error) }) as unknown as FetchBroker;
    const outOfRange = new KafkaJSOffsetOutOfRange(errorFromCode(1), { topic: 't', partition: 2 });
    expect((await fetchByStock(failing(outOfRange), WANTED, OPTIONS))[0]).toMatchObject({
      error: outOfRange,
      nextOffset: 10,
      partition: 2,
    });
    await expect(fetchByStock(failing(errorFromCode(6)), WANTED, OPTIONS)).rejects.toMatchObject({ type: 'NOT_LEADER_FOR_PARTITION' });
  });
});
