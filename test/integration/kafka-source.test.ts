import { afterEach, describe, expect, it } from 'vitest';
import { wholeOf } from '../../src/core/records.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Position, RecordBatch } from '../../src/core/records.ts';
import type { KafkaSource } from '../../src/kafka/source.ts';
import { committed, createTopic, eventually, produce, testKafka, withAdmin } from '../support/kafka.ts';
import { closeSources, started } from '../support/sources.ts';
import { uniqueName } from '../support/services.ts';

afterEach(closeSources);

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ partition: (from + i) % 4, value: `v${from + i}` }));

describe('KafkaSource', () => {
  it('reads all partitions in order from the beginning, with keys, headers and timestamps', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 4);
    await produce(topic, [...numbered(40), { partition: 0, key: 'k', value: null, headers: { h: ['1', '2'] }, timestamp: '1234' }]);
    const { batches } = await started({ topic, groupId: topic });
    await eventually(() => batches.reduce((n, b) => n + b.count, 0) === 41);
    for (let partition = 0; partition < 4; partition++) {
      const offsets = batches.filter((b) => b.partition === partition).flatMap((b) => [...b.offsets.subarray(0, b.count)]);
      expect(offsets).toEqual(offsets.map((_, i) => i));
    }
    const last = batches.filter((b) => b.partition === 0).at(-1)!;
    const i = last.count - 1;
    expect([last.valueLength[i], last.keyLength[i], last.timestamps[i], last.headerLength[i]! > 0]).toEqual([-1, 1, 1234, true]);
    expect(last.nextOffset).toBe(11);
  });

  it('goes on from what was committed, and commits nothing by itself', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(topic, [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    const first = await started({ topic, groupId: topic });
    await eventually(() => first.values().length === 3);
    const { epoch } = first.batches[0]!;
    expect(await committed(topic, topic)).toEqual(new Map([[0, -1]]));
    expect([first.source.lag().get(0), first.source.unread().get(0)]).toEqual([3, 0]);
    expect(await first.source.commit([{ topic, partition: 0, epoch, nextOffset: 2 }])).toBe(true);
    expect(first.source.lag().get(0)).toBe(1);
    await first.source.close();
    const second = await started({ topic, groupId: topic });
    await eventually(() => second.values().length === 1);
    expect(second.values()).toEqual(['c']);
  });

  it('begins at the end when told to, and only where nothing is committed', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(topic, [{ value: 'old' }, { value: 'older' }]);
    const first = await started({ topic, groupId: topic, startFrom: 'latest' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await produce(topic, [{ value: 'new' }]);
    await eventually(() => first.values().length > 0);
    expect(first.values()).toEqual(['new']);
    expect(await first.source.commit([{ topic, partition: 0, epoch: first.batches[0]!.epoch, nextOffset: 1 }])).toBe(true);
    await first.source.close();
    const second = await started({ topic, groupId: topic, startFrom: 'latest' });
    await eventually(() => second.values().length === 2);
    expect(second.values()).toEqual(['older', 'new']);
  });

  it('keeps its place in the group while nobody takes what is queued for longer than the session time-out', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(topic, [{ value: 'a' }]);
    const { source, values } = await started({ topic, groupId: topic, sessionTimeoutMs: 6_000, maxQueuedRows: 1 }, { onReady: () => {} });
    await eventually(() => source.stats.isPaused);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect([source.stats.rebalances, source.assignment().length, values().length]).toEqual([1, 1, 0]);
    const records = source.take()!;
    expect(await source.commit([{ topic, partition: 0, epoch: records.epoch, nextOffset: records.nextOffset }])).toBe(true);
  });

  it('pauses above its bound of rows, and resumes when rows are released', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    for (let i = 0; i < 10; i++)
      await produce(
        topic,
        Array.from({ length: 100 }, (_, j) => ({ value: `v${i * 100 + j}` })),
      );
    const { source, batches, values } = await started({ topic, groupId: topic, maxQueuedRows: 150, maxBytesPerPartition: 2_000 });
    await eventually(() => source.stats.isPaused);
    const held = values().length;
    // The bound, and a fetch, which is of up to four times 2,000 bytes where batches are large.
    expect(held).toBeLessThan(1_000);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(values().length).toBe(held);
    let released = 0;
    await eventually(() => {
      for (; released < batches.length; released++) source.release([wholeOf(batches[released]!)]);
      return values().length === 1_000;
    });
    expect(values()).toEqual(Array.from({ length: 1_000 }, (_, i) => `v${i}`));
    expect([source.stats.queuedRows, source.stats.queuedBytes]).toEqual([0, 0]);
  });

  it('pauses above its bound of bytes, and resumes when they are released', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    for (let i = 0; i < 10; i++) await produce(topic, [{ value: String(i).repeat(1_000) }]);
    const { source, batches, values } = await started({ topic, groupId: topic, maxQueuedBytes: 2_500, maxBytesPerPartition: 1_000 });
    await eventually(() => source.stats.isPaused);
    expect(source.stats.queuedRows).toBeLessThan(10);
    expect(source.stats.queuedBytes).toBeGreaterThanOrEqual(2_500);
    let released = 0;
    await eventually(() => {
      for (; released < batches.length; released++) source.release([wholeOf(batches[released]!)]);
      return values().length === 10;
    });
    expect(values().map((v) => v[0])).toEqual([...'0123456789']);
    await eventually(() => !source.stats.isPaused);
  });

  it('knows how far behind it is while it is paused', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(topic, [{ value: 'a' }]);
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const { source } = await started({ topic, groupId: topic, maxQueuedRows: 1, clock }, { onReady: () => {} });
    await eventually(() => source.stats.isPaused);
    await produce(
      topic,
      numbered(400).map(({ value }) => ({ value })),
    );
    aheadMs = 5_000;
    await eventually(() => {
      source.refreshEnds();
      return source.lag().get(0) === 401;
    });
    expect(source.unread().get(0)).toBe(400);
    expect(source.stats.isPaused).toBe(true);
  });

  it('loses nothing published between a stop and a start, though nothing was committed and it begins at the end', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 4);
    await produce(topic, numbered(10));
    const first = await started({ topic, groupId: topic, startFrom: 'latest' });
    // Ready means that the positions stand.
    expect(await committed(topic, topic)).toEqual(new Map([0, 1, 2, 3].map((p) => [p, p < 2 ? 3 : 2])));
    await first.source.close();
    await produce(topic, numbered(500, 10));
    const second = await started({ topic, groupId: topic, startFrom: 'latest' });
    await eventually(() => second.values().length === 500);
    expect(first.values()).toEqual([]);
    expect(new Set(second.values()).size).toBe(500);
  });

  it('ends, and says why, when it cannot commit where to begin', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    const kafka = testKafka();
    const failing = Object.assign(Object.create(kafka), {
      admin: () => Object.assign(kafka.admin(), { fetchTopicOffsets: () => Promise.reject(new TypeError('broken')) }),
    }) as typeof kafka;
    await expect(started({ topic, groupId: topic, startFrom: 'latest', kafka: failing })).rejects.toMatchObject({ code: 'unknown' });
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads what is compressed with %s', async (codec) => {
    const topic = uniqueName('source');
    await createTopic(topic, 1, { 'compression.type': codec });
    await produce(topic, [{ value: 'a'.repeat(10_000) }, { value: 'b' }]);
    const { values } = await started({ topic, groupId: topic });
    await eventually(() => values().length === 2);
    expect(values()).toEqual(['a'.repeat(10_000), 'b']);
  });

  it('lets a member commit before it rejoins, so that an orderly rebalance repeats nothing', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 4);
    const reached = new Map<number, Position>();
    let revoked = 0;
    const settleAll = (source: () => KafkaSource, batches: () => RecordBatch[]) => async (): Promise<void> => {
      for (const b of batches()) reached.set(b.partition, { topic, partition: b.partition, epoch: b.epoch, nextOffset: b.nextOffset });
      expect(await source().commit([...reached.values()])).toBe(true);
    };
    const first: Awaited<ReturnType<typeof started>> = await started(
      { topic, groupId: topic },
      {
        onRevoked: () => void revoked++,
        onRebalance: () =>
          settleAll(
            () => first.source,
            () => first.batches,
          )(),
      },
    );
    await produce(topic, numbered(400));
    await eventually(() => first.values().length === 400);
    const second = await started({ topic, groupId: topic });
    await eventually(() => first.source.assignment().length === 2 && second.source.assignment().length === 2);
    await produce(topic, numbered(400, 400));
    await eventually(() => first.values().length + second.values().length === 800);
    const all = [...first.values(), ...second.values()];
    expect(new Set(all).size).toBe(800);
    expect(all.length).toBe(800);
    expect(revoked).toBe(1);
    expect(first.source.owns({ topic, partition: 0, epoch: 1 })).toBe(false);
  });

  it.each([
    ['fail', undefined],
    ['earliest', ['v6', 'v7', 'v8', 'v9', 'new']],
    ['latest', ['new']],
  ] as const)('when retention has passed the position: %s', async (onOutOfRange, expected) => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(
      topic,
      Array.from({ length: 10 }, (_, i) => ({ value: `v${i}` })),
    );
    await withAdmin(async (admin) => {
      await admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: '3' }] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    });
    const { source, values } = await started({ topic, groupId: topic, onOutOfRange });
    if (expected === undefined) {
      await eventually(() => source.failure !== undefined);
      expect(source.failure).toMatchObject({ code: 'offset_out_of_range' });
      expect(source.failure!.message).toMatch(/6 to 10/);
      expect(values()).toEqual([]);
    } else {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await produce(topic, [{ value: 'new' }]);
      await eventually(() => values().includes('new'));
      expect(values()).toEqual(expected);
    }
  });

  it('says which topic is missing', async () => {
    const topic = uniqueName('nowhere');
    await expect(started({ topic, groupId: topic })).rejects.toMatchObject({ code: 'topic_missing' });
  });
});
