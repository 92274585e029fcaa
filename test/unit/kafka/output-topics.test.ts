import type { Kafka } from 'kafkajs';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { OutputTopics } from '../../../src/kafka/output-topics.ts';

it('looks for added partitions when a record names one, and not again and again', async () => {
  const clock = new ManualClock();
  let partitions = 4;
  let looks = 0;
  const admin = {
    connect: async () => {},
    disconnect: async () => {},
    listTopics: async () => {
      looks++;
      return ['out'];
    },
    fetchTopicMetadata: async () => ({ topics: [{ name: 'out', partitions: Array.from({ length: partitions }) }] }),
    describeConfigs: async () => ({ resources: [] }),
  };
  const topics = new OutputTopics({ admin: () => admin } as unknown as Kafka, clock);
  expect(() => topics.limitsOf('out')).toThrow(expect.objectContaining({ code: 'topic_missing' }));
  await topics.lookUp(['out']);
  await topics.expect(3);
  expect([looks, topics.limitsOf('out').partitions]).toEqual([1, 4]);
  partitions = 6;
  await topics.expect(5);
  expect([looks, topics.limitsOf('out').partitions]).toEqual([2, 6]);
  // The input has more partitions than the output, for good.
  await topics.expect(7);
  await topics.expect(7);
  await topics.expect(6);
  expect(looks).toBe(3);
  clock.advance(30_000);
  await topics.expect(7);
  expect(looks).toBe(4);
});
