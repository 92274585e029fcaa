import type { Kafka, Producer } from 'kafkajs';
import type { OutputRecords } from '../core/outputs.ts';
import { COMPRESSIONS, type Compression } from './compression.ts';
import { weirErrorFromKafka } from './errors.ts';
import { OutputTopics } from './output-topics.ts';
import { assertAcknowledged, produceRequests } from './produce-requests.ts';
import { onEachBroker, withClusterExtension } from './protocol/cluster-extension.ts';
import { produceOnce } from './protocol/produce-once.ts';
import { isStock } from './protocol/switches.ts';

/** How outputs are written. */
export interface ProducerOptions {
  readonly kafka: Kafka;
  readonly compression: Compression;
}

/** Writes `OutputRecords` with acks from all in-sync replicas and without duplicates of its own making (KIP-98 idempotence). */
export class OutputProducer {
  private readonly options: ProducerOptions;
  private producer: Producer | undefined;
  /** What the topics given to `start` accept. */
  readonly topics: OutputTopics;

  constructor(options: ProducerOptions) {
    this.options = options;
    this.topics = new OutputTopics(options.kafka);
  }

  /** Looks the topics up and connects. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async start(topics: readonly string[]): Promise<void> {
    await this.topics.lookUp(topics);
    await this.connected();
  }

  /**
   * Resolves when all records are acknowledged. After an error the producer is replaced: kafkajs rolls its sequence
   * numbers back after a produce that timed out, and the broker may then drop new records as duplicates.
   * @throws WeirError
   */
  async send(outputs: readonly OutputRecords[]): Promise<void> {
    const producer = await this.connected();
    try {
      for (const topicMessages of produceRequests(outputs, (topic) => this.topics.limitsOf(topic))) {
        const acknowledged = await producer.sendBatch({
          topicMessages,
          acks: -1,
          compression: COMPRESSIONS.indexOf(this.options.compression),
        });
        assertAcknowledged(topicMessages, acknowledged);
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
    const { kafka } = this.options;
    const client = isStock('produce-once') ? kafka : withClusterExtension(kafka, (cluster) => onEachBroker(cluster, produceOnce));
    const producer = client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // Of connections and metadata: the pipeline repeats what failed, and keeps the metrics.
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
