import { afterEach, describe, expect, it } from 'vitest';
import type { SourceListener } from '../../src/core/ports.ts';
import type { Position, RecordBatch } from '../../src/core/records.ts';
import type { KafkaSource } from '../../src/kafka/source.ts';
import { committed, createTopic, eventually, produce, testSource, withAdmin } from '../support/kafka.ts';
import { uniqueName } from '../support/services.ts';

const open: KafkaSource[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((s) => s.close()));
});

/** Starts a source and collects what it hands out. */
async function started(options: Parameters<typeof testSource>[0], listener: Partial<SourceListener> = {}) {
  const source = testSource(options);
  open.push(source);
  const batches: RecordBatch[] = [];
  const pull = (): void => {
    for (let b = source.take(); b; b = source.take()) batches.push(b);
  };
  await source.start({ onReady: pull, onRevoked: () => {}, onRebalance: async () => {}, ...listener });
  const values = (): string[] =>
    batches.flatMap((b) =>
      Array.from({ length: b.count }, (_, i) => b.buffer.toString('utf8', b.valueStart[i], b.valueStart[i]! + b.valueLength[i]!)),
    );
  return { source, batches, values };
}

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
      const offsets = batches.filter((b) => b.partition === partition).flatMap((b) => [...b.offsets]);
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

  it('pauses above its bounds, keeps its membership, and resumes when rows are released', async () => {
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
    expect(held).toBeLessThan(600);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(values().length).toBe(held);
    expect(source.stats.rebalances).toBe(1);
    let released = 0;
    await eventually(() => {
      for (; released < batches.length; released++) source.release(batches[released]!.count, batches[released]!.bytes);
      return values().length === 1_000;
    });
    expect(values()).toEqual(Array.from({ length: 1_000 }, (_, i) => `v${i}`));
    expect([source.stats.queuedRows, source.stats.queuedBytes]).toEqual([0, 0]);
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
