import type { Kafka } from 'kafkajs';
import { sleep, systemClock } from '../core/clock.ts';
import { WeirError, isRetriable } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import { isFencedError, rootCause, weirErrorFromKafka } from './errors.ts';
import { OutputTopics } from './output-topics.ts';
import { TransactionalProducer } from './transactional-producer.ts';

const TRANSACTION_TIMEOUT_MS = 30_000;
/** The first transaction of a cluster waits until its coordinator has made its topic. */
const MAX_STARTS = 20;
const PAUSE_MS = 500;

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
  private readonly accepted: OutputTopics;
  private producer: TransactionalProducer | undefined;

  constructor(options: TransactionWriterOptions) {
    this.options = options;
    this.accepted = new OutputTopics(options.kafka);
  }

  /** Looks the topics up, for `maxRecordBytes`; nobody is shut out. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async lookUp(): Promise<void> {
    await this.accepted.lookUp(this.options.topics);
  }

  /**
   * Looks the topics up, connects and shuts out whoever has the same transactional id; a transaction that it left open is
   * aborted by that.
   * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`
   */
  async start(): Promise<void> {
    await this.lookUp();
    for (let starts = 1; ; starts++) {
      try {
        this.producer = await this.startedProducer();
        return;
      } catch (thrown) {
        if (!isRetriable(thrown) || starts >= MAX_STARTS) throw thrown;
      }
      await sleep(systemClock, PAUSE_MS);
    }
  }

  /** Bytes of key, value and headers that a record of a topic may have. */
  maxRecordBytes(topic: string): number {
    return this.accepted.maxRecordBytes(topic);
  }

  /**
   * Writes all outputs in one transaction. After an error the writer is of no more use: whether the last transaction
   * was committed is for its readers to see. It is not begun anew, for that would shut out a newer writer.
   * @throws WeirError `redrive_superseded` when a newer writer has the transactional id
   */
  async write(outputs: readonly OutputRecords[]): Promise<void> {
    const { producer } = this;
    if (!producer) throw new WeirError('state_invalid', 'The writer has not been started.');
    try {
      await producer.begin();
      await producer.write(outputs, (topic) => this.accepted.limitsOf(topic));
      await producer.commitOutputs();
    } catch (thrown) {
      if (producer.isOpen) await producer.abort().catch(() => {}); // Else it times out by itself; the error that counts is below.
      throw this.errorFrom(thrown);
    }
  }

  async close(): Promise<void> {
    await this.producer?.close();
    this.producer = undefined;
  }

  private async startedProducer(): Promise<TransactionalProducer> {
    const { kafka, transactionalId } = this.options;
    const producer = new TransactionalProducer({
      ...{ kafka, transactionalId },
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      compression: 'none',
    });
    try {
      await producer.start();
      return producer;
    } catch (thrown) {
      await producer.close().catch(() => {}); // The error that counts is below.
      throw thrown;
    }
  }

  private errorFrom(thrown: unknown): WeirError {
    const { topics, transactionalId } = this.options;
    if (isFencedError(thrown) || rootCause(thrown).type === 'INVALID_PRODUCER_ID_MAPPING')
      return new WeirError('redrive_superseded', `A newer writer has the transactional id ${transactionalId}.`, { cause: thrown });
    return weirErrorFromKafka(thrown, `writing to ${topics.join(', ')} as ${transactionalId}`);
  }
}
