import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RecordBatch } from '../../src/core/records.ts';
import { createTopic, eventually, produce, testKafka, testSource } from '../support/kafka.ts';
import { closeSources, started, type StartedSource } from '../support/sources.ts';
import { services, uniqueName } from '../support/services.ts';
import { cutAround, holdFrom, removeMember, stockKafka } from '../support/transactions.ts';

const numbered = (count: number): { value: string; partition: number }[] =>
  Array.from({ length: count }, (_, i) => ({ value: `${i}`, partition: i % 4 }));

afterEach(closeSources);

describe('a rebalance while records are in flight', { timeout: 120_000 }, () => {
  it('repeats them in stock kafkajs, which joins again before its consumer has settled them', async () => {
    const topic = uniqueName('stock');
    await createTopic(topic, 4);
    await produce(topic, numbered(400));
    const values: string[] = [];
    const order: string[] = [];
    const consumers = ['first', 'second'].map((name) => {
      const consumer = testKafka().consumer({ groupId: topic, maxWaitTimeInMs: 50, heartbeatInterval: 300, sessionTimeout: 10_000 });
      consumer.on('consumer.group_join', () => void order.push(`${name} joined`));
      let settled = Promise.resolve();
      // All that stock offers: an event. The records are in flight until the next join, for which nobody would wait in vain.
      consumer.on('consumer.rebalancing', () => {
        const joins = order.length;
        settled = eventually(() => order.slice(joins).includes(`${name} joined`)).then(() => void order.push(`${name} settled`));
      });
      const run = async (): Promise<void> => {
        await consumer.connect();
        await consumer.subscribe({ topics: [topic], fromBeginning: true });
        await consumer.run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            for (const { value } of batch.messages) values.push(String(value));
          },
        });
      };
      return { consumer, run, settled: () => settled };
    });
    const [first, second] = consumers as [(typeof consumers)[0], (typeof consumers)[0]];
    try {
      await first.run();
      await eventually(() => values.length === 400);
      await second.run();
      await eventually(() => order.includes('first settled') && order.includes('second joined') && values.length > 400);
      await first.settled();
      expect(order.indexOf('first joined', 1)).toBeGreaterThan(0);
      expect(order.indexOf('first settled')).toBeGreaterThan(order.indexOf('first joined', 1));
      expect(new Set(values).size).toBe(400);
    } finally {
      await Promise.all(consumers.map(({ consumer }) => consumer.disconnect()));
    }
  });

  it('repeats nothing with the hooks, which let it settle before it joins again', async () => {
    const topic = uniqueName('hooked');
    await createTopic(topic, 4);
    await produce(topic, numbered(400));
    const order: string[] = [];
    const settle = async (): Promise<void> => {
      // As long in flight as the rebalance takes elsewhere.
      await new Promise((resolve) => setTimeout(resolve, 500));
      order.push('settled');
      const ends = first.batches.map(({ partition, epoch, nextOffset }: RecordBatch) => ({ topic, partition, epoch, nextOffset }));
      expect(await first.source.commit([...new Map(ends.map((end) => [end.partition, end])).values()])).toBe(true);
    };
    const first: StartedSource = await started(
      { topic, groupId: topic },
      { onRebalance: settle, onResumed: () => void order.push('joined') },
    );
    await eventually(() => first.values().length === 400);
    const second = await started({ topic, groupId: topic });
    await eventually(() => first.source.assignment().length === 2 && second.source.assignment().length === 2);
    // What is published now comes once, and behind everything that would be read again.
    await produce(
      topic,
      [0, 1, 2, 3].map((partition) => ({ value: `last ${partition}`, partition })),
    );
    await eventually(() => [...first.values(), ...second.values()].filter((value) => value.startsWith('last')).length === 4);
    expect(order.slice(0, 3)).toEqual(['joined', 'settled', 'joined']);
    const all = [...first.values(), ...second.values()];
    expect([all.length, new Set(all).size]).toEqual([404, 404]);
  });
});

describe('a rejoin whose connection breaks', { timeout: 60_000 }, () => {
  it.each([
    ['JoinGroup', 11, 'before'],
    ['SyncGroup', 14, 'before'],
    // The coordinator counts the member as synced then, and its heartbeats succeed: kafkajs would never join again.
    ['SyncGroup', 14, 'after'],
  ] as const)('is made again: %s (%i) cut %s', async (_name, key, when) => {
    const topic = uniqueName('source');
    await createTopic(topic, 2);
    const cut = cutAround(key, when);
    const timing = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000, heartbeatIntervalMs: 500 };
    const first = await started({ topic, groupId: topic, ...timing, kafka: stockKafka(services().kafkaBrokers, undefined, cut.open) });
    cut.arm();
    const second = await started({ topic, groupId: topic, ...timing });
    await produce(topic, [
      { partition: 0, value: 'x' },
      { partition: 1, value: 'y' },
    ]);
    // Nothing is committed here, so what was read before the last join is read again.
    const values = (): Set<string> => new Set([...first.values(), ...second.values()]);
    await eventually(() => first.source.stats.isInGroup && values().size === 2, 25_000);
    const owners = [first, second].map(({ source }) => source.assignment().map(({ partition }) => partition));
    expect(new Set(owners.flat())).toEqual(new Set([0, 1]));
  });
});

describe('a member that the coordinator does not know any more', { timeout: 60_000 }, () => {
  const HEARTBEAT = 12;
  const timing = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, heartbeatIntervalMs: 100 };

  it('joins again at once when that is known, also while a heartbeat waits for its answer', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 2);
    const hold = holdFrom(HEARTBEAT);
    const { source, values } = await started({
      topic,
      groupId: topic,
      ...timing,
      kafka: stockKafka(services().kafkaBrokers, undefined, hold.open),
    });
    const before = source.member!;
    hold.arm();
    await eventually(() => hold.isHolding());
    await removeMember(testKafka(), before);
    const lostAtMs = performance.now();
    // As a transaction does whose TxnOffsetCommit was answered by UNKNOWN_MEMBER_ID; and again, which must not disturb the join.
    source.rewind(true);
    source.rewind(true);
    await eventually(() => source.member !== undefined && source.member.memberId !== before.memberId, 10_000);
    expect(performance.now() - lostAtMs).toBeLessThan(8_000);
    expect(source.assignment().length).toBe(2);
    await produce(topic, [{ partition: 1, value: 'x' }]);
    await eventually(() => values().includes('x'));
  });
});

describe('a member that is closed while it waits for others to join', { timeout: 60_000 }, () => {
  const timing = { sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 40_000, heartbeatIntervalMs: 300 };

  async function membersOf(groupId: string): Promise<() => Promise<number>> {
    const admin = testKafka().admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    return async () => (await admin.describeGroups([groupId])).groups[0]!.members.length;
  }

  it('leaves at once, and nobody waits for it, in its first join', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 2);
    const members = await membersOf(topic);
    // The coordinator waits for this one, which does not let go of what it has.
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = await started({ topic, groupId: topic, ...timing }, { onRebalance: () => promise });
    const second = testSource({ topic, groupId: topic, ...timing });
    const joining = second.start({ onReady: () => {}, onRevoked: () => {}, onRebalance: async () => {}, onResumed: () => {} });
    await eventually(async () => (await members()) === 2);
    const before = performance.now();
    await second.close();
    await joining;
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(await members()).toBe(1);
    resolve();
    await eventually(() => first.source.stats.isInGroup && first.source.assignment().length === 2, 10_000);
  });

  it('leaves at once, and nobody waits for it, when it joins again', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 3);
    const members = await membersOf(topic);
    let pause = Promise.resolve();
    const first = await started({ topic, groupId: topic, ...timing }, { onRebalance: () => pause });
    const second = await started({ topic, groupId: topic, ...timing });
    await eventually(() => first.source.assignment().length + second.source.assignment().length === 3);
    const { promise, resolve } = Promise.withResolvers<void>();
    pause = promise;
    const third = started({ topic, groupId: topic, ...timing });
    await eventually(() => !second.source.stats.isInGroup);
    const before = performance.now();
    await second.source.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(await members()).toBe(2);
    resolve();
    const { source } = await third;
    await eventually(() => first.source.assignment().length + source.assignment().length === 3, 10_000);
  });
});
