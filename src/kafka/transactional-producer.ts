import kafkajs, { type Kafka, type Producer, type Transaction } from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { Position } from '../core/records.ts';
import { COMPRESSIONS, type Compression } from './compression.ts';
import { weirErrorFromKafka } from './errors.ts';
import { assertAcknowledged, produceRequests, type TopicLimits } from './produce-requests.ts';
import { type ClusterInternals, onEachBroker, withClusterExtension } from './protocol/cluster-extension.ts';
import { rememberCoordinators } from './protocol/coordinator-cache.ts';
import { isStock } from './protocol/switches.ts';
import { retryConcurrentTransactions } from './protocol/transaction-retry.ts';
import { sendMembersWithOffsets, type TopicOffsets, withMember } from './protocol/txn-offset-commit.ts';

/** Who commits offsets: a member of a consumer group as of its last join, not as of the commit (KIP-447). */
export interface GroupMember {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
}

/** How to write in transactions. */
export interface TransactionalProducerOptions {
  readonly kafka: Kafka;
  /** At most one producer of an id can write: the one that was started last (KIP-98). */
  readonly transactionalId: string;
  /** A broker aborts a transaction that is open for longer. Readers of committed records wait that long for a worker that died. */
  readonly transactionTimeoutMs: number;
  readonly compression: Compression;
}

/**
 * `new`: not started. `ready`: no transaction is open. `open`: one is. `failed`: an error has happened while one was open,
 * and all that can be done is `abort` and `close`. `ended`: nothing but `close` can be done: an error has happened while a
 * transaction was being ended, at the start, or after `failed` and `abort`.
 */
type State = 'new' | 'ready' | 'open' | 'failed' | 'ended' | 'closed';

/**
 * Writes outputs and moves a group's offsets in transactions: all of one is seen by readers with read_committed, or none.
 *
 * `new → ready` by `start`; `ready → open` by `begin`; `open → ready` by `commit`, `commitOutputs` or `abort`. Any error makes it useless
 * for good: kafkajs' sequence numbers cannot be trusted after a write whose outcome is unknown. Make a new one with the
 * same id; its `start` ends what this one left open, and after it the group's committed offsets say what was committed.
 *
 * An error of `write`, or of `commit` before its last step, means that the transaction will not be committed. An error
 * of the last step of `commit` (EndTxn, which kafkajs sends once) says nothing about the outcome.
 */
export class TransactionalProducer {
  private readonly options: TransactionalProducerOptions;
  private readonly producer: Producer;
  private state: State = 'new';
  /** The transaction that is open; or the first one, before `begin`. */
  private transaction: Transaction | undefined;

  constructor(options: TransactionalProducerOptions) {
    this.options = options;
    this.producer = withClusterExtension(options.kafka, extendForTransactions).producer({
      // Not `idempotent: true` as well: kafkajs would ask for a second producer id and not use it.
      transactionalId: options.transactionalId,
      transactionTimeout: options.transactionTimeoutMs,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      // When the request to one of several leaders fails, kafkajs' retry also repeats those that the others have not
      // answered yet, under new sequence numbers: duplicates inside the transaction.
      retry: { retries: 0 },
    });
  }

  /** True from `begin` until `commit` or `abort` has ended the transaction or has failed to say how it ended. */
  get isOpen(): boolean {
    return this.state === 'open' || this.state === 'failed';
  }

  /**
   * Connects and initialises the producer id: no older producer of the same transactional id can write from now on, and
   * what it left open is aborted or, if its commit had been accepted, completed. When this resolves, that is done.
   * @throws WeirError `kafka_unavailable`, `not_authorized`
   */
  async start(): Promise<void> {
    this.enter('new', 'ended');
    await this.attempt('starting', 'ready', async () => {
      await this.producer.connect();
      // kafkajs initialises the producer id at the first transaction, not when it connects.
      this.transaction = await this.producer.transaction();
    });
  }

  /** Begins a transaction. Brokers hear of it with the first write. */
  async begin(): Promise<void> {
    this.enter('ready', 'ended');
    await this.attempt('beginning a transaction', 'open', async () => {
      this.transaction ??= await this.producer.transaction();
    });
  }

  /**
   * Resolves when all records are acknowledged by all in-sync replicas. The outputs must not change before.
   * @throws WeirError; then nothing of the transaction will be committed
   */
  async write(outputs: readonly OutputRecords[], limitsOf: (topic: string) => TopicLimits): Promise<void> {
    const transaction = this.enter('open', 'failed');
    await this.attempt(`writing to ${outputs.map((o) => o.topic).join(', ')}`, 'open', async () => {
      const compression = COMPRESSIONS.indexOf(this.options.compression);
      for (const topicMessages of produceRequests(outputs, limitsOf)) {
        assertAcknowledged(topicMessages, await transaction.sendBatch({ topicMessages, acks: -1, compression }));
      }
    });
  }

  /**
   * Moves the group's offsets to `positions` with the transaction, and commits it.
   * @param member as of the join under which the records were read; the group's coordinator refuses an older one
   * @throws WeirError; `isOpen` is true when the transaction will not be committed, false when the outcome is not known
   */
  async commit(member: GroupMember, positions: readonly Position[]): Promise<void> {
    const transaction = this.enter('open', 'failed');
    if (positions.length > 0) {
      await this.attempt(`moving the offsets of group ${member.groupId}`, 'failed', async () => {
        const topics = withMember(topicsOf(positions), member);
        await transaction.sendOffsets({ consumerGroupId: member.groupId, topics });
      });
    }
    await this.end(transaction);
  }

  /**
   * Commits the transaction, in which no group's offsets are moved.
   * @throws WeirError; the outcome is not known then
   */
  async commitOutputs(): Promise<void> {
    await this.end(this.enter('open', 'failed'));
  }

  /**
   * Aborts the open transaction, also after an error of `write` or of the offsets in `commit`; the producer is of no more
   * use then. Nothing depends on it: the next `start` with the id aborts too.
   * @throws WeirError
   */
  async abort(): Promise<void> {
    const wasUsable = this.state === 'open';
    const transaction = this.state === 'failed' ? this.enter('failed', 'ended') : this.enter('open', 'ended');
    await this.attempt('aborting a transaction', wasUsable ? 'ready' : 'ended', () => transaction.abort());
    this.transaction = undefined;
  }

  /** Disconnects. A transaction that is still open is left to the next `start` or to its time-out. */
  async close(): Promise<void> {
    this.state = 'closed';
    await this.producer.disconnect();
  }

  private async end(transaction: Transaction): Promise<void> {
    this.state = 'ended';
    await this.attempt('committing a transaction', 'ready', () => transaction.commit());
    this.transaction = undefined;
  }

  /** Leaves state `from` for that of an error, so that nothing else can begin meanwhile. */
  private enter(from: State, onError: State): Transaction {
    if (this.state !== from) {
      const { transactionalId } = this.options;
      throw new WeirError('state_invalid', `The producer ${transactionalId} is ${this.state}, which should be ${from}; make a new one.`);
    }
    this.state = onError;
    return this.transaction!;
  }

  /** Goes on to `next` when `action` succeeds. */
  private async attempt(doing: string, next: State, action: () => Promise<void>): Promise<void> {
    const before = this.state;
    try {
      await action();
    } catch (thrown) {
      throw weirErrorFromKafka(thrown, `${doing} as ${this.options.transactionalId}`);
    }
    // Else it was closed meanwhile.
    if (this.state === before) this.state = next;
  }
}

function extendForTransactions(cluster: ClusterInternals): void {
  if (!isStock('member-offsets')) onEachBroker(cluster, sendMembersWithOffsets);
  if (!isStock('transaction-retry')) onEachBroker(cluster, retryConcurrentTransactions);
  if (!isStock('coordinator-cache')) rememberCoordinators(cluster);
}

/** Positions as kafkajs takes offsets. */
function topicsOf(
  positions: readonly Position[],
): { topic: string; partitions: { partition: number; offset: string }[] }[] & TopicOffsets[] {
  const byTopic = Map.groupBy(positions, ({ topic }) => topic);
  return Array.from(byTopic, ([topic, of]) => ({
    topic,
    partitions: of.map(({ partition, nextOffset }) => ({ partition, offset: String(nextOffset) })),
  }));
}
