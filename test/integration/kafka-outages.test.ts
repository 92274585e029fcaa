import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaSource } from '../../src/kafka/source.ts';
import { wholeOf } from '../../src/core/records.ts';
import { cuttableKafka } from '../support/cuttable-kafka.ts';
import { createTopic, eventually, produce, testKafka, testSource, withAdmin } from '../support/kafka.ts';
import { uniqueName } from '../support/services.ts';
import { closeSources, started } from '../support/sources.ts';

// A fresh broker has no group coordinator yet, and the client of these tests is not patient.
beforeAll(() =>
  eventually(() =>
    withAdmin((admin) => admin.describeGroups(['none'])).then(
      () => true,
      () => false,
    ),
  ),
);
afterEach(closeSources);

describe('KafkaSource, when Kafka is away', () => {
  it('gives up what it holds when kafkajs restarts its consumer, and reads it again', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    await produce(topic, [{ value: 'a' }, { value: 'b' }]);
    const network = cuttableKafka();
    let revoked = 0;
    const { source, batches, values } = await started(
      { topic, groupId: topic, maxQueuedRows: 1, sessionTimeoutMs: 6_000, kafka: network.kafka },
      { onRevoked: () => void revoked++ },
    );
    await eventually(() => source.stats.isPaused && values().length === 2);
    const [before] = batches;
    network.cut();
    await eventually(() => !source.stats.isInGroup);
    // All of these are errors in kafkajs while it has no group.
    source.release([wholeOf(before!)]);
    expect(await source.commit([{ topic, partition: 0, epoch: before!.epoch, nextOffset: 2 }])).toBe(false);
    expect([revoked, source.assignment(), source.failure]).toEqual([1, [], undefined]);
    network.restore();
    await eventually(() => values().length === 4);
    const after = batches.at(-1)!;
    expect([values(), source.stats.isInGroup, source.failure]).toEqual([['a', 'b', 'a', 'b'], true, undefined]);
    expect(await source.commit([{ topic, partition: 0, epoch: after.epoch, nextOffset: 2 }])).toBe(true);
    expect(source.stats.isPaused).toBe(true);
    source.release([wholeOf(after)]);
    await produce(topic, [{ value: 'c' }]);
    await eventually(() => values().at(-1) === 'c');
    network.cut();
    await eventually(() => !source.stats.isInGroup);
    await source.stopFetching();
    await expect(source.commit([{ topic, partition: 0, epoch: after.epoch, nextOffset: 3 }])).rejects.toMatchObject({
      code: 'kafka_unavailable',
    });
  });

  it('knows since when it has not heard from its group, also as a member without partitions', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    const network = cuttableKafka();
    const options = { topic, groupId: topic, kafka: network.kafka };
    const members = [await started(options), await started(options)].map(({ source }) => source);
    const idle = (): KafkaSource | undefined => members.find((s) => s.assignment().length === 0);
    await eventually(() => idle() !== undefined && members.some((s) => s.assignment().length === 1));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await eventually(() => idle()!.stats.msSinceContact < 1_000);
    network.stall();
    await eventually(() => members.every((s) => s.stats.msSinceContact > 2_000));
    network.restore();
    await eventually(() => members.every((s) => s.stats.msSinceContact < 1_000));
    expect(members.map((s) => s.failure)).toEqual([undefined, undefined]);
  });

  it('can be closed while it starts, and leaves no member behind', async () => {
    const topic = uniqueName('source');
    await createTopic(topic, 1);
    const members = (): Promise<number> => withAdmin(async (admin) => (await admin.describeGroups([topic])).groups[0]!.members.length);
    const listener = { onReady: () => {}, onRevoked: () => {}, onRebalance: async () => {}, onResumed: () => {} };
    const unreachable = cuttableKafka();
    unreachable.stall();
    const first = testSource({ topic, groupId: topic, kafka: unreachable.kafka });
    const connecting = first.start(listener);
    await first.close();
    unreachable.restore();
    await connecting;
    // Closed while it asks where to begin: it has joined, and nothing is its own yet.
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const kafka = testKafka();
    const slow = Object.assign(Object.create(kafka), {
      admin: () =>
        Object.assign(kafka.admin(), {
          fetchTopicOffsets: async () => {
            asked();
            await new Promise((resolve) => setTimeout(resolve, 1_000));
            return [];
          },
        }),
    }) as typeof kafka;
    const second = testSource({ topic, groupId: topic, kafka: slow, startFrom: 'latest' });
    const joining = second.start(listener);
    await isAsked;
    expect(await members()).toBe(1);
    await second.close();
    await joining;
    await eventually(async () => (await members()) === 0, 5_000);
  });
});
