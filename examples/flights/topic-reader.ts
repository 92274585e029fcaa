/** Reads topics from their first record to the last one present, with the stock client and not with weir's own source. */
import { type Admin, type Consumer, Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { installIdleTimerFix } from '../../src/kafka/protocol/idle-timer.ts';

/** Gives up when nothing has arrived for this long: the counts then say what is missing. */
const QUIET_MS = 15_000;

/** Offsets of a partition when the reading began: records `[low, high)`. */
export interface PartitionRange {
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

/** Ranges of some topics, by topic name. */
export type TopicRanges = ReadonlyMap<string, readonly PartitionRange[]>;

/** A client that says nothing of its own; errors reach the caller. */
export function quietKafka(clientId: string, brokers: readonly string[]): Kafka {
  installIdleTimerFix(); // else kafkajs has Node warn of negative time-outs in the midst of the panel
  return new Kafka({ clientId, brokers: [...brokers], logLevel: logLevel.NOTHING });
}

/** First and next offsets of all partitions of the topics. */
export async function fetchRanges(admin: Admin, topics: readonly string[]): Promise<TopicRanges> {
  const ranges = await Promise.all(
    topics.map(async (topic) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return [topic, offsets.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))] as const;
    }),
  );
  return new Map(ranges);
}

/**
 * Reads all records of `ranges` and hands them over batch by batch; resolves when every partition has been read to its
 * `high`, or when nothing arrives for 15 s.
 * @param groupId a group of this call's own; deleted at the end
 * @returns partitions that were not read to their end; empty when all is well
 */
export async function readTopics(
  kafka: Kafka,
  groupId: string,
  ranges: TopicRanges,
  onBatch: (topic: string, partition: number, messages: readonly KafkaMessage[]) => void,
): Promise<string[]> {
  const open = new Map<string, number>();
  for (const [topic, partitions] of ranges) {
    for (const { partition, low, high } of partitions) if (high > low) open.set(`${topic}-${partition}`, high);
  }
  if (open.size === 0) return [];
  const consumer = kafka.consumer({
    groupId,
    // One fetch brings up to 8 MB of a partition: the year is read in some twenty round trips.
    maxBytesPerPartition: 8 << 20,
    maxBytes: 64 << 20,
    maxWaitTimeInMs: 100,
    sessionTimeout: 30_000,
  });
  await consumer.connect();
  try {
    for (const topic of ranges.keys()) await consumer.subscribe({ topic, fromBeginning: true });
    await consume(consumer, open, onBatch);
  } finally {
    await consumer.disconnect();
  }
  await deleteGroup(kafka, groupId);
  return [...open.keys()];
}

function consume(
  consumer: Consumer,
  open: Map<string, number>,
  onBatch: (topic: string, partition: number, messages: readonly KafkaMessage[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let quiet = setTimeout(resolve, QUIET_MS);
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          clearTimeout(quiet);
          const name = `${batch.topic}-${batch.partition}`;
          const high = open.get(name);
          if (high !== undefined) {
            onBatch(batch.topic, batch.partition, batch.messages);
            if (Number(batch.lastOffset()) + 1 >= high) open.delete(name);
          }
          if (open.size === 0) resolve();
          else quiet = setTimeout(resolve, QUIET_MS);
        },
      })
      .catch(reject);
  });
}

/** Best effort: a group without members vanishes by itself after the broker's retention. */
async function deleteGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteGroups([groupId]).catch(() => undefined);
  await admin.disconnect();
}
