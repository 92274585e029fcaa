import type { Kafka, Message, Producer, TopicMessages } from 'kafkajs';
import kafkajs from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import { decodeHeaders, type OutputRecords } from '../core/outputs.ts';
import { weirErrorFromKafka } from './errors.ts';

/**
 * Bytes of one partition in one produce request. kafkajs never splits a record batch, and a broker refuses batches above
 * `max.message.bytes` (1,048,588 by default); keys, values and headers here, 200 kB left for framing.
 */
const MAX_PARTITION_BYTES = 800_000;

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** Header of a record batch (61 bytes) and framing of its one record, with room to spare. */
const BATCH_OVERHEAD = 256;

/** Framing of a record in a batch, at most. */
const RECORD_OVERHEAD = 40;

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
  private readonly messageLimits = new Map<string, number>();

  constructor(options: ProducerOptions) {
    this.options = options;
  }

  /** Connects and looks the topics up. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async start(topics: readonly string[]): Promise<void> {
    const admin = this.options.kafka.admin();
    try {
      await admin.connect();
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length > 0) throw new WeirError('topic_missing', `There is no topic ${missing.join(', ')}. Run weir topics apply.`);
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
      for (const { name, partitions } of found) this.partitionCounts.set(name, partitions.length);
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ['max.message.bytes'] })),
      });
      for (const { resourceName, configEntries } of resources) {
        const limit = Number(configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue);
        if (limit > 0) this.messageLimits.set(resourceName, limit);
      }
    } catch (thrown) {
      throw weirErrorFromKafka(thrown, 'looking topics up');
    } finally {
      await admin.disconnect();
    }
    await this.connected();
  }

  /** Bytes of key, value and headers that a record of a topic given to `start` may have. */
  maxRecordBytes(topic: string): number {
    return (this.messageLimits.get(topic) ?? DEFAULT_MAX_MESSAGE_BYTES) - BATCH_OVERHEAD;
  }

  /** Number of partitions of a topic given to `start`. */
  partitionCount(topic: string): number {
    return this.partitionCounts.get(topic) ?? 0;
  }

  /**
   * Resolves when all records are acknowledged. After an error the producer is replaced: kafkajs rolls its sequence
   * numbers back after a produce that timed out, and the broker may then drop new records as duplicates.
   * @throws WeirError
   */
  async send(outputs: readonly OutputRecords[]): Promise<void> {
    const producer = await this.connected();
    try {
      for (const topicMessages of requestsFrom(outputs, (topic) => this.partitionCount(topic))) {
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

/** Cuts outputs into produce requests in which no partition exceeds `MAX_PARTITION_BYTES`. Order within a partition is kept. */
function* requestsFrom(outputs: readonly OutputRecords[], partitionCount: (topic: string) => number): Generator<TopicMessages[]> {
  let request: TopicMessages[] = [];
  for (const output of outputs) {
    let messages: Message[] = [];
    const sizes = new Map<number, number>();
    const partitions = partitionCount(output.topic);
    for (let i = 0; i < output.count; i++) {
      const hint = output.partition[i]!;
      const partition = hint < partitions ? hint : -1;
      const size = RECORD_OVERHEAD + Math.max(0, output.keyLength[i]!) + Math.max(0, output.valueLength[i]!) + output.headerLength[i]!;
      const filled = (sizes.get(partition) ?? 0) + size;
      if (filled > MAX_PARTITION_BYTES && messages.length > 0) {
        yield [...request, { topic: output.topic, messages }];
        request = [];
        messages = [];
        sizes.clear();
        sizes.set(partition, size);
      } else sizes.set(partition, filled);
      messages.push(messageFrom(output, i, partition));
    }
    if (messages.length > 0) request.push({ topic: output.topic, messages });
  }
  if (request.length > 0) yield request;
}

function messageFrom(output: OutputRecords, i: number, partition: number): Message {
  const { buffer } = output;
  const slice = (start: number, length: number): Buffer | null => (length < 0 ? null : buffer.subarray(start, start + length));
  const message: Message = {
    key: slice(output.keyStart[i]!, output.keyLength[i]!),
    value: slice(output.valueStart[i]!, output.valueLength[i]!),
    timestamp: String(output.timestamps[i]!),
  };
  if (partition >= 0) message.partition = partition;
  if (output.headerLength[i]! > 0) {
    const headers: Record<string, Buffer | Buffer[]> = Object.create(null) as Record<string, Buffer>;
    for (const { key, value } of decodeHeaders(buffer, output.headerStart[i]!, output.headerLength[i]!)) {
      const bytes = Buffer.from(value ?? []);
      const before = headers[key];
      headers[key] = before === undefined ? bytes : [...(Array.isArray(before) ? before : [before]), bytes];
    }
    message.headers = headers;
  }
  return message;
}
