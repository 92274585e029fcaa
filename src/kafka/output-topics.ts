import type { Kafka } from 'kafkajs';
import { type Clock, systemClock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { maxMessageBytes, withAdmin } from './admin.ts';
import type { TopicLimits } from './produce-requests.ts';

/** Bytes of one partition in one produce request, at most: what is above gains nothing and costs memory. */
const MAX_PARTITION_BYTES = 800_000;

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** Header of a record batch (61 bytes) and framing of its one record, with room to spare. */
const BATCH_OVERHEAD = 256;

/** How soon after a look the brokers are asked again for partitions that were not there. */
const LOOK_AGAIN_MS = 30_000;

/** What the topics that are written accept: their partitions and the size of a record. */
export class OutputTopics {
  private readonly kafka: Kafka;
  private readonly clock: Clock;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  /** The largest partition that was looked for and not found everywhere. */
  private missed = -1;
  private readonly partitionCounts = new Map<string, number>();
  private messageLimits: ReadonlyMap<string, number> = new Map();

  constructor(kafka: Kafka, clock: Clock = systemClock) {
    this.kafka = kafka;
    this.clock = clock;
  }

  /** Asks the brokers. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async lookUp(topics: readonly string[]): Promise<void> {
    await withAdmin(this.kafka, 'looking topics up', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length > 0) throw new WeirError('topic_missing', `There is no topic ${missing.join(', ')}. Run weir topics apply.`);
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
      for (const { name, partitions } of found) this.partitionCounts.set(name, partitions.length);
      this.messageLimits = await maxMessageBytes(admin, topics);
    });
    this.lookedAtMs = this.clock.monotonicMs();
  }

  /**
   * To be called before records of an input partition are written: they go to the same partition number where there is
   * one, so when input and output have grown together, the new partitions must be known.
   * @throws WeirError
   */
  async expect(partition: number): Promise<void> {
    const isKnown = [...this.partitionCounts.values()].every((count) => partition < count);
    if (isKnown || (partition <= this.missed && this.clock.monotonicMs() - this.lookedAtMs < LOOK_AGAIN_MS)) return;
    this.missed = Math.max(this.missed, partition);
    await this.lookUp([...this.partitionCounts.keys()]);
  }

  /** Bytes of key, value and headers that a record of a topic may have. */
  maxRecordBytes(topic: string): number {
    return (this.messageLimits.get(topic) ?? DEFAULT_MAX_MESSAGE_BYTES) - BATCH_OVERHEAD;
  }

  /** @throws WeirError `topic_missing` for a topic that was not looked up */
  limitsOf(topic: string): TopicLimits {
    const partitions = this.partitionCounts.get(topic);
    if (partitions === undefined) throw new WeirError('topic_missing', `Topic ${topic} was not looked up when the producer started.`);
    return {
      partitions,
      // kafkajs never splits a record batch, and a broker refuses one above max.message.bytes.
      partitionBytes: Math.min(MAX_PARTITION_BYTES, this.maxRecordBytes(topic)),
    };
  }
}
