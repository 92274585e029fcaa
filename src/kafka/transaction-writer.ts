import type { Kafka, Producer } from 'kafkajs';
import kafkajs from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import { maxMessageBytes, withAdmin } from './admin.ts';
import { rootCause, weirErrorFromKafka } from './errors.ts';
import { produceRequests, type TopicLimits } from './produce-requests.ts';

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** Header of a record batch (61 bytes) and framing of its one record, with room to spare. */
const BATCH_OVERHEAD = 256;
const MAX_PARTITION_BYTES = 800_000;
const TRANSACTION_TIMEOUT_MS = 30_000;
const FENCED = /INVALID_PRODUCER_EPOCH|PRODUCER_FENCED|INVALID_PRODUCER_ID_MAPPING/;

/** Who writes, and where to. */
export interface TransactionWriterOptions {
  readonly kafka: Kafka;
  /** At most one writer of a transactional id can write: a newer one shuts the older out (KIP-98). */
  readonly transactionalId: string;
  readonly topics: readonly string[];
}

/** Writes records of several topics all or none, one transaction a call. For tools, not for the path of a record. */
export class TransactionWriter {
  private readonly options: TransactionWriterOptions;
  private producer: Producer | undefined;
  private readonly limits = new Map<string, TopicLimits>();
  private readonly recordBytes = new Map<string, number>();

  constructor(options: TransactionWriterOptions) {
    this.options = options;
  }

  /** Looks the topics up, for `maxRecordBytes`; nobody is shut out. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async lookUp(): Promise<void> {
    const { kafka, topics } = this.options;
    await withAdmin(kafka, 'looking topics up', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length > 0) throw new WeirError('topic_missing', `There is no topic ${missing.join(', ')}.`);
      const bytes = await maxMessageBytes(admin, topics);
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
      for (const { name, partitions } of found) {
        const most = (bytes.get(name) ?? DEFAULT_MAX_MESSAGE_BYTES) - BATCH_OVERHEAD;
        this.recordBytes.set(name, most);
        this.limits.set(name, { partitions: partitions.length, partitionBytes: Math.min(MAX_PARTITION_BYTES, most) });
      }
    });
  }

  /**
   * Connects, looks the topics up and shuts out whoever has the same transactional id; a transaction that it left open is
   * aborted by that.
   * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`
   */
  async start(): Promise<void> {
    const { kafka, transactionalId } = this.options;
    await this.lookUp();
    this.producer = kafka.producer({
      transactionalId,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      // The first transaction of a cluster waits until its coordinator has made its topic.
      retry: { retries: 8 },
      // Unused: records come with their partitions. Named only because kafkajs would warn of its new default.
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    try {
      await this.producer.connect();
      // kafkajs asks for its producer id, which is what shuts others out, at the first transaction and not at connect.
      await (await this.producer.transaction()).abort();
    } catch (thrown) {
      throw this.errorFrom(thrown);
    }
  }

  /** Bytes of key, value and headers that a record of a topic may have. */
  maxRecordBytes(topic: string): number {
    return this.recordBytes.get(topic) ?? DEFAULT_MAX_MESSAGE_BYTES - BATCH_OVERHEAD;
  }

  /**
   * Writes all outputs in one transaction. After an error the writer is of no more use: whether the last transaction
   * was committed is for its readers to see.
   * @throws WeirError `redrive_superseded` when a newer writer has the transactional id
   */
  async write(outputs: readonly OutputRecords[]): Promise<void> {
    const { producer } = this;
    if (!producer) throw new WeirError('state_invalid', 'The writer has not been started.');
    try {
      const transaction = await producer.transaction();
      try {
        for (const topicMessages of produceRequests(outputs, (topic) => this.limits.get(topic)!))
          await transaction.sendBatch({ topicMessages, acks: -1 });
      } catch (thrown) {
        await transaction.abort().catch(() => {}); // Else it times out by itself; the error that counts is below.
        throw thrown;
      }
      await transaction.commit();
    } catch (thrown) {
      throw this.errorFrom(thrown);
    }
  }

  async close(): Promise<void> {
    await this.producer?.disconnect();
    this.producer = undefined;
  }

  private errorFrom(thrown: unknown): WeirError {
    const { topics, transactionalId } = this.options;
    if (FENCED.test(rootCause(thrown).type ?? ''))
      return new WeirError('redrive_superseded', `A newer writer has the transactional id ${transactionalId}.`, { cause: thrown });
    return weirErrorFromKafka(thrown, `writing to ${topics.join(', ')} as ${transactionalId}`);
  }
}
