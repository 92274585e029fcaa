import type { Kafka, Producer } from 'kafkajs';
import kafkajs from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import { maxMessageBytes, withAdmin } from './admin.ts';
import { weirErrorFromKafka } from './errors.ts';
import { produceRequests, type TopicLimits } from './produce-requests.ts';

/** Bytes of one partition in one produce request, at most: what is above gains nothing and costs memory. */
const MAX_PARTITION_BYTES = 800_000;

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** Header of a record batch (61 bytes) and framing of its one record, with room to spare. */
const BATCH_OVERHEAD = 256;

/** How outputs are written. */
export interface ProducerOptions {
  readonly kafka: Kafka;
  readonly compression: 'none' | 'gzip';
}

/** Writes `OutputRecords` with acks from all in-sync replicas and without duplicates of its own making (KIP-98 idempotence). */
export class OutputProducer {
  private readonly options: ProducerOptions;
  private producer: Producer | undefined;
  private readonly partitionCounts = new Map<string, number>();
  private messageLimits: ReadonlyMap<string, number> = new Map();

  constructor(options: ProducerOptions) {
    this.options = options;
  }

  /** Connects and looks the topics up. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async start(topics: readonly string[]): Promise<void> {
    await withAdmin(this.options.kafka, 'looking topics up', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length > 0) throw new WeirError('topic_missing', `There is no topic ${missing.join(', ')}. Run weir topics apply.`);
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
      for (const { name, partitions } of found) this.partitionCounts.set(name, partitions.length);
      this.messageLimits = await maxMessageBytes(admin, topics);
    });
    await this.connected();
  }

  /** Bytes of key, value and headers that a record of a topic given to `start` may have. */
  maxRecordBytes(topic: string): number {
    return (this.messageLimits.get(topic) ?? DEFAULT_MAX_MESSAGE_BYTES) - BATCH_OVERHEAD;
  }

  private limitsOf(topic: string): TopicLimits {
    return {
      partitions: this.partitionCounts.get(topic) ?? 0,
      // kafkajs never splits a record batch, and a broker refuses one above max.message.bytes.
      partitionBytes: Math.min(MAX_PARTITION_BYTES, this.maxRecordBytes(topic)),
    };
  }

  /**
   * Resolves when all records are acknowledged. After an error the producer is replaced: kafkajs rolls its sequence
   * numbers back after a produce that timed out, and the broker may then drop new records as duplicates.
   * @throws WeirError
   */
  async send(outputs: readonly OutputRecords[]): Promise<void> {
    const producer = await this.connected();
    try {
      for (const topicMessages of produceRequests(outputs, (topic) => this.limitsOf(topic))) {
        await producer.sendBatch({
          topicMessages,
          acks: -1,
          compression: this.options.compression === 'gzip' ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None,
        });
      }
    } catch (thrown) {
      this.producer = undefined;
      void producer.disconnect().catch(() => {}); // It is being thrown away; the error that counts is below.
      throw weirErrorFromKafka(thrown, `writing to ${outputs.map((o) => o.topic).join(', ')}`);
    }
  }

  async close(): Promise<void> {
    await this.producer?.disconnect();
    this.producer = undefined;
  }

  private async connected(): Promise<Producer> {
    if (this.producer) return this.producer;
    const producer = this.options.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      // Retries that matter are the pipeline's: it knows when to give up and keeps the metrics.
      retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 1_000 },
    });
    try {
      await producer.connect();
    } catch (thrown) {
      throw weirErrorFromKafka(thrown, 'connecting the producer');
    }
    this.producer = producer;
    return producer;
  }
}
