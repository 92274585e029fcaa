import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { RecordBatch } from '../../src/core/records.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { TopicTail } from '../../src/kafka/topic-tail.ts';
import { createTopic, eventually, produce, testKafka, withAdmin } from '../support/kafka.ts';
import { uniqueName } from '../support/services.ts';

const valuesOf = ({ count, buffer, valueStart, valueLength }: RecordBatch): string[] =>
  Array.from({ length: count }, (_, i) => buffer.toString('utf8', valueStart[i], valueStart[i]! + valueLength[i]!));

async function tailOf(topic: string): Promise<TopicTail> {
  const tail = new TopicTail({ kafka: testKafka(), topic, clock: systemClock, logger: silentLogger });
  await tail.start();
  return tail;
}

describe('the tail of a topic', { timeout: 60_000 }, () => {
  it('gives all partitions from the positions that it is told, and moves them', async () => {
    const topic = uniqueName('tail');
    await createTopic(topic, 2);
    const tail = await tailOf(topic);
    try {
      const positions = new Map(tail.partitions().map((partition) => [partition, 0]));
      expect(new Set(positions.keys())).toEqual(new Set([0, 1]));
      expect(await tail.poll(positions, 20)).toEqual([]);
      expect([tail.isDrained(0), tail.isDrained(1)]).toEqual([true, true]);
      await produce(
        topic,
        [0, 1, 0].map((partition, i) => ({ partition, value: `v${i}` })),
      );
      const found = new Map<number, string[]>();
      await eventually(async () => {
        for (const batch of await tail.poll(positions, 50))
          found.set(batch.partition, [...(found.get(batch.partition) ?? []), ...valuesOf(batch)]);
        return found.size === 2;
      });
      expect(found).toEqual(
        new Map([
          [0, ['v0', 'v2']],
          [1, ['v1']],
        ]),
      ); // prettier-ignore
      expect(positions).toEqual(
        new Map([
          [0, 2],
          [1, 1],
        ]),
      ); // prettier-ignore
      expect((await tail.poll(new Map([[0, 1]]), 50)).flatMap(valuesOf)).toContain('v2');
    } finally {
      await tail.close();
    }
  });

  it('leaves out what is not committed, and does not go beyond', async () => {
    const topic = uniqueName('tail');
    await createTopic(topic);
    const producer = testKafka().producer({ transactionalId: uniqueName('tail'), maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const tail = await tailOf(topic);
    try {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'open' }] });
      await produce(topic, [{ value: 'behind' }]);
      const positions = new Map([[0, 0]]);
      expect(await tail.poll(positions, 20)).toEqual([]);
      expect(positions.get(0)).toBe(0);
      await transaction.abort();
      const found: string[] = [];
      await eventually(async () => {
        found.push(...(await tail.poll(positions, 50)).flatMap(valuesOf));
        return found.length > 0;
      });
      expect(found).toEqual(['behind']);
    } finally {
      await producer.disconnect();
      await tail.close();
    }
  });

  it('goes on with the first record there is when retention has taken the next one', async () => {
    const topic = uniqueName('tail');
    await createTopic(topic);
    await produce(
      topic,
      ['a', 'b', 'c'].map((value) => ({ value })),
    );
    await withAdmin(async (admin) => {
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    });
    const tail = await tailOf(topic);
    try {
      const positions = new Map([[0, 0]]);
      const found: string[] = [];
      await eventually(async () => {
        found.push(...(await tail.poll(positions, 50)).flatMap(valuesOf));
        return found.length > 0;
      });
      expect([found, positions.get(0)]).toEqual([['c'], 3]);
    } finally {
      await tail.close();
    }
  });

  it('gives up when the topic has become another one', async () => {
    const topic = uniqueName('tail');
    await createTopic(topic);
    await produce(topic, [{ value: 'a' }]);
    const tail = await tailOf(topic);
    try {
      await expect(tail.poll(new Map([[0, 7]]), 20)).rejects.toMatchObject({ code: 'state_invalid' });
    } finally {
      await tail.close();
    }
  });

  it('says which topic is missing', async () => {
    await expect(tailOf(uniqueName('nowhere'))).rejects.toMatchObject({ code: 'topic_missing' });
  });
});
