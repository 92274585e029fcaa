import { describe, expect, it } from 'vitest';
import { fetchColumns } from '../../../../src/kafka/protocol/columnar-fetch.ts';
import { answering, fetchResponse, recordBatch } from '../../../support/fetch-responses.ts';
import { type FetchedRecord, fetchedFrom, recordsOf } from '../../../support/fetched-records.ts';

const text = (value: string) => Buffer.from(value);
const valuesOf = (records: FetchedRecord[]) => records.map(({ value }) => value?.toString());
const batchOf = (baseOffset: number, ...values: string[]) => recordBatch({ baseOffset, records: values.map((v) => ({ value: text(v) })) });
const OPTIONS = { maxWaitTimeMs: 10, minBytes: 1, maxBytes: 1 << 20, isolation: 'read_committed' } as const;

describe('fetchColumns', () => {
  it.each([4, 5, 6, 7, 8, 9, 10, 11])('reads version %i of the response', async (version) => {
    const records = Buffer.concat([batchOf(5, 'a', 'b'), batchOf(7, 'c')]);
    const broker = answering(version, fetchResponse(version, [{ topic: 'tö', partition: 3, records, preferredReadReplica: 2 }]));
    const [fetched] = await fetchColumns(broker, [{ topic: 'tö', partition: 3, offset: 6, maxBytes: 99 }], OPTIONS);
    expect(fetched).toMatchObject({
      topic: 'tö',
      partition: 3,
      fetchedOffset: 6,
      nextOffset: 8,
      highWatermark: 1_000_000,
      lastStableOffset: 999_999,
      logStartOffset: version >= 5 ? 3 : -1,
      preferredReadReplica: version >= 11 ? 2 : -1,
      error: undefined,
      maxCount: 3,
      partialBytes: 0,
    });
    expect(recordsOf(fetched!).map(({ offset, value }) => [offset, String(value)])).toEqual([
      [6, 'b'],
      [7, 'c'],
    ]);
    // KIP-219: from version 8 on the client waits.
    expect(broker.throttledMs).toBe(version >= 8 ? 7 : undefined);
  });

  it('asks as kafkajs asks, for all partitions, and gives each back', async () => {
    const wanted = [0, 1, 2, 3, 4, 5, 6, 7].map((partition) => ({
      topic: partition % 2 ? 'odd' : 'even',
      partition,
      offset: 2 ** 40 + partition,
      maxBytes: 77,
    }));
    const answer = wanted.map(({ topic, partition, offset }) => ({ topic, partition, records: batchOf(offset, `${topic}${partition}`) }));
    const broker = answering(11, fetchResponse(11, answer));
    const fetched = await fetchColumns(broker, wanted, { ...OPTIONS, rackId: 'rack-9' });
    expect(fetched.map((f) => [f.nextOffset, ...valuesOf(recordsOf(f))])).toEqual(
      wanted.map((w) => [w.offset + 1, `${w.topic}${w.partition}`]),
    );
    const [request] = broker.sent;
    expect(request!.readInt32BE(4)).toBe(10);
    expect(request![16]).toBe(1);
    expect(request!.toString('latin1').endsWith('rack-9')).toBe(true);
    for (const { partition, offset } of wanted) {
      const bytes = Buffer.alloc(16);
      bytes.writeInt32BE(partition, 0);
      bytes.writeInt32BE(-1, 4);
      bytes.writeBigInt64BE(BigInt(offset), 8);
      expect(request!.includes(bytes)).toBe(true);
    }
  });

  it('reports the error of a partition beside what others brought', async () => {
    const answer = [
      { partition: 0, errorCode: 1, records: null },
      { partition: 1, errorCode: 6, records: Buffer.alloc(0) },
      { partition: 2, records: batchOf(4, 'x') },
    ];
    const wanted = [0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 4, maxBytes: 99 }));
    const fetched = await fetchColumns(answering(11, fetchResponse(11, answer)), wanted, OPTIONS);
    expect(fetched[0]!.error).toMatchObject({ name: 'KafkaJSOffsetOutOfRange', type: 'OFFSET_OUT_OF_RANGE', topic: 't', partition: 0 });
    expect(fetched[1]!.error).toMatchObject({ name: 'KafkaJSProtocolError', type: 'NOT_LEADER_FOR_PARTITION' });
    expect(fetched.map((f) => [f.nextOffset, f.maxCount])).toEqual([
      [4, 0],
      [4, 0],
      [5, 1],
    ]);
  });

  it('throws what refuses the whole request, and closes the broker of a connection that is gone', async () => {
    const wanted = [{ topic: 't', partition: 0, offset: 0, maxBytes: 99 }];
    const refused = answering(11, fetchResponse(11, [], 70));
    await expect(fetchColumns(refused, wanted, OPTIONS)).rejects.toMatchObject({ type: 'FETCH_SESSION_ID_NOT_FOUND' });
    for (const [name, disconnects] of [
      ['KafkaJSConnectionClosedError', 1],
      ['KafkaJSRequestTimeoutError', 0],
    ] as const) {
      const broken = answering(11, Object.assign(new Error('gone'), { name }));
      await expect(fetchColumns(broken, wanted, OPTIONS)).rejects.toMatchObject({ name });
      expect(broken.disconnects).toBe(disconnects);
    }
    await expect(fetchColumns(answering(3, Buffer.alloc(0)), wanted, OPTIONS)).rejects.toMatchObject({ code: 'record_format_unsupported' });
  });

  it('ignores a partial batch at the end, and reports how large it is', async () => {
    const whole = batchOf(0, 'a', 'b');
    const second = batchOf(2, 'c'.repeat(300));
    for (let cut = 0; cut < second.length; cut++) {
      const after = await fetchedFrom({ records: Buffer.concat([whole, second.subarray(0, cut)]) });
      const bytes = cut < 12 ? cut : second.length;
      expect([after.nextOffset, after.partialBytes, after.maxCount]).toEqual([2, bytes, 2]);
      const alone = await fetchedFrom({ records: second.subarray(0, cut) }, 2);
      expect([alone.nextOffset, alone.maxCount]).toEqual([2, 0]);
      expect(alone.partialBytes).toBe(bytes);
    }
  });

  it('goes on after a batch that compaction has emptied', async () => {
    const emptied = recordBatch({ baseOffset: 10, records: [], lastOffsetDelta: 99 });
    expect(await fetchedFrom({ records: emptied }, 10)).toMatchObject({ nextOffset: 110, maxCount: 0, segments: [], partialBytes: 0 });
    const gaps = recordBatch({
      baseOffset: 110,
      records: [
        { offsetDelta: 3, value: text('x') },
        { offsetDelta: 7, value: text('y') },
      ],
      lastOffsetDelta: 20,
    });
    const fetched = await fetchedFrom({ records: Buffer.concat([emptied, gaps]) }, 10);
    expect([fetched.nextOffset, ...recordsOf(fetched).map(({ offset }) => offset)]).toEqual([131, 113, 117]);
  });

  it('leaves out batches before the fetched offset without looking into them', async () => {
    const old = batchOf(0, 'old');
    old[old.length - 1]! ^= 1;
    const fetched = await fetchedFrom({ records: Buffer.concat([old, batchOf(1, 'a', 'b'), batchOf(3, 'c')]) }, 2);
    expect([fetched.segments.length, ...valuesOf(recordsOf(fetched))]).toEqual([2, 'b', 'c']);
  });

  it('gives every record of a batch with LogAppendTime the time of the batch', async () => {
    const records = [
      { timestampDelta: -5, value: text('a') },
      { timestampDelta: 7, value: text('b') },
    ];
    const batch = recordBatch({ attributes: 8, baseTimestamp: 1000, maxTimestamp: 2000, records });
    expect(recordsOf(await fetchedFrom({ records: batch })).map(({ timestamp }) => timestamp)).toEqual([2000, 2000]);
    const create = recordBatch({ baseTimestamp: 1000, maxTimestamp: 2000, records });
    expect(recordsOf(await fetchedFrom({ records: create })).map(({ timestamp }) => timestamp)).toEqual([995, 1007]);
  });
});
