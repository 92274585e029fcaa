import type { Consumer } from 'kafkajs';
import kafkajs from 'kafkajs';
import type { Clock } from '../core/clock.ts';
import { type WeirError, weirErrorFrom } from '../core/errors.ts';
import type { Source, SourceListener } from '../core/ports.ts';
import type { Position, RecordBatch, TopicPartition } from '../core/records.ts';
import { isRebalanceError, rootCause, weirErrorFromKafka } from './errors.ts';
import { type OutOfRangeOptions, offsetAfterGap } from './out-of-range.ts';
import { PartitionEnds } from './partition-ends.ts';
import { withGroupHooks } from './protocol/group-hooks.ts';
import { recordBatchFromMessages } from './record-batch.ts';

/** How a topic is read. */
export interface KafkaSourceOptions extends OutOfRangeOptions {
  readonly topic: string;
  /** Where a partition without a committed position begins. */
  readonly startFrom: 'earliest' | 'latest';
  readonly maxQueuedRows: number;
  readonly maxQueuedBytes: number;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long a fetch waits for data; it also bounds how soon a resume takes effect. */
  readonly maxWaitTimeMs: number;
  readonly maxBytesPerPartition: number;
  readonly clock: Clock;
}

/** What the source holds and has seen; metrics and readiness live on it. */
export interface SourceStats {
  readonly queuedRows: number;
  readonly queuedBytes: number;
  readonly rebalances: number;
  readonly isPaused: boolean;
  readonly recordsRead: number;
}

/**
 * A topic read by a member of a consumer group.
 *
 * The fetch loop of kafkajs hands a batch over and goes on at once (heartbeats live in that loop), so the queue here is
 * what bounds memory: above `maxQueuedRows` or `maxQueuedBytes`, records in the pipeline included, every partition is
 * paused; below half of both they are resumed. Offsets are committed by `commit` alone, never by kafkajs.
 */
export class KafkaSource implements Source {
  failure: WeirError | undefined;
  readonly ended = false;
  private readonly options: KafkaSourceOptions;
  private readonly consumer: Consumer;
  private listener: SourceListener | undefined;
  private queue: RecordBatch[] = [];
  /** Rows and bytes handed out by the broker and not yet released, queued or in the pipeline. */
  private rows = 0;
  private bytes = 0;
  private paused = false;
  private stopping = false;
  private rebalances = 0;
  private recordsRead = 0;
  /** Epoch of each partition of ours. */
  private epochs = new Map<number, number>();
  private nextEpoch = 1;
  private readonly ends = new PartitionEnds();
  private joined: { resolve: () => void; reject: (error: WeirError) => void } | undefined;

  constructor(options: KafkaSourceOptions) {
    this.options = options;
    this.consumer = options.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      maxWaitTimeInMs: options.maxWaitTimeMs,
      maxBytesPerPartition: options.maxBytesPerPartition,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      retry: { retries: 10, restartOnFailure: async () => !this.stopping },
      partitionAssigners: [
        withGroupHooks(kafkajs.PartitionAssigners.roundRobin, {
          beforeRejoin: () => this.beforeRejoin(),
          afterJoin: ({ assignment }) => this.afterJoin(assignment.get(options.topic) ?? []),
          onOutOfRange: (topic, partition) => this.outOfRange(topic, partition),
        }),
      ],
    });
  }

  async start(listener: SourceListener): Promise<void> {
    this.listener = listener;
    const { topic, startFrom } = this.options;
    const joined = new Promise<void>((resolve, reject) => {
      this.joined = { resolve, reject };
    });
    joined.catch(() => {}); // Awaited below; a crash before that must not count as unhandled.
    this.consumer.on('consumer.crash', ({ payload }) => {
      if (payload.restart) this.options.logger.warn({ topic, reason: rootCause(payload.error).message }, 'consumer restarts');
      else this.fail(weirErrorFromKafka(payload.error, `reading topic ${topic}`));
    });
    try {
      await this.consumer.connect();
      await this.consumer.subscribe({ topics: [topic], fromBeginning: startFrom === 'earliest' });
      await this.consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async ({ batch }) => this.accept(batch),
      });
    } catch (thrown) {
      throw weirErrorFromKafka(thrown, `reading topic ${topic}`);
    }
    await joined;
  }

  take(): RecordBatch | undefined {
    return this.queue.shift();
  }

  release(rows: number, bytes: number): void {
    this.rows -= rows;
    this.bytes -= bytes;
    const { maxQueuedRows, maxQueuedBytes } = this.options;
    if (this.paused && !this.stopping && this.rows <= maxQueuedRows / 2 && this.bytes <= maxQueuedBytes / 2) {
      this.paused = false;
      this.consumer.resume([{ topic: this.options.topic }]);
    }
  }

  owns({ topic, partition, epoch }: TopicPartition & { readonly epoch: number }): boolean {
    return topic === this.options.topic && this.epochs.get(partition) === epoch;
  }

  assignment(): readonly TopicPartition[] {
    return [...this.epochs.keys()].map((partition) => ({ topic: this.options.topic, partition }));
  }

  get stats(): SourceStats {
    return {
      queuedRows: this.rows,
      queuedBytes: this.bytes,
      rebalances: this.rebalances,
      isPaused: this.paused,
      recordsRead: this.recordsRead,
    };
  }

  /** Records of each partition of ours that are in the log and not committed, as of its last fetch. */
  lag(): Map<number, number> {
    return this.ends.lag();
  }

  /** Records of each partition of ours that are in the log and not fetched, as of its last fetch. */
  unread(): Map<number, number> {
    return this.ends.unread();
  }

  /**
   * Commits positions of partitions that are still ours.
   * @returns false when the group has moved on meanwhile; the new owner starts from the last commit
   * @throws WeirError
   */
  async commit(positions: readonly Position[]): Promise<boolean> {
    const ours = positions.filter((p) => this.owns(p));
    if (ours.length === 0) return true;
    try {
      await this.consumer.commitOffsets(ours.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: String(nextOffset) })));
      for (const { partition, nextOffset } of ours) this.ends.committed(partition, nextOffset);
      return true;
    } catch (thrown) {
      if (isRebalanceError(thrown)) return false;
      throw weirErrorFromKafka(thrown, 'committing offsets');
    }
  }

  async stopFetching(): Promise<void> {
    this.stopping = true;
    this.paused = true;
    // Not stop(): kafkajs commits nothing after stop(). Paused, the loop goes on with heartbeats until close().
    if (this.epochs.size > 0) this.consumer.pause([{ topic: this.options.topic }]);
    for (const { count, bytes } of this.queue.splice(0)) {
      this.rows -= count;
      this.bytes -= bytes;
    }
  }

  async close(): Promise<void> {
    this.stopping = true;
    await this.consumer.disconnect();
  }

  private accept(batch: Parameters<NonNullable<Parameters<Consumer['run']>[0]>['eachBatch'] & {}>[0]['batch']): void {
    const { topic, partition } = batch;
    const epoch = this.epochs.get(partition);
    if (epoch === undefined || this.stopping || batch.messages.length === 0) return;
    const nextOffset = Number(batch.lastOffset()) + 1;
    const records = recordBatchFromMessages(batch.messages, {
      topic,
      partition,
      epoch,
      nextOffset,
      highWatermark: Number(batch.highWatermark),
      arrivedAtMs: this.options.clock.monotonicMs(),
    });
    this.ends.fetched(records);
    this.queue.push(records);
    this.rows += records.count;
    this.bytes += records.bytes;
    this.recordsRead += records.count;
    if (!this.paused && (this.rows >= this.options.maxQueuedRows || this.bytes >= this.options.maxQueuedBytes)) {
      this.paused = true;
      this.consumer.pause([{ topic }]);
    }
    this.listener?.onReady();
  }

  private async beforeRejoin(): Promise<void> {
    const { logger, clock, sessionTimeoutMs, rebalanceTimeoutMs } = this.options;
    if (this.epochs.size === 0) return;
    // Half the shorter time-out: settling must never cost us the membership.
    const limitMs = Math.min(sessionTimeoutMs, rebalanceTimeoutMs) / 2;
    const startedMs = clock.monotonicMs();
    try {
      await Promise.race([this.listener!.onRebalance(), new Promise<void>((resolve) => clock.after(limitMs, resolve))]);
    } catch (thrown) {
      logger.warn({ reason: String(thrown) }, 'could not settle everything before the rebalance; it will be read again');
    }
    logger.info({ settledMs: Math.round(clock.monotonicMs() - startedMs) }, 'rebalance: partitions given back');
    this.revokeAll();
  }

  private afterJoin(partitions: readonly number[]): void {
    this.revokeAll();
    this.rebalances++;
    this.epochs = new Map(partitions.map((partition) => [partition, this.nextEpoch]));
    this.nextEpoch++;
    // kafkajs keeps its pauses across a rejoin.
    if (this.paused && !this.stopping && partitions.length > 0) {
      this.paused = false;
      this.consumer.resume([{ topic: this.options.topic }]);
    }
    this.options.logger.info({ topic: this.options.topic, partitions }, 'partitions assigned');
    this.joined?.resolve();
    this.listener?.onReady();
  }

  private revokeAll(): void {
    if (this.epochs.size === 0) return;
    const gone = this.assignment();
    this.epochs = new Map();
    this.ends.clear();
    for (const { count, bytes } of this.queue.splice(0)) {
      this.rows -= count;
      this.bytes -= bytes;
    }
    this.listener?.onRevoked(gone);
  }

  private async outOfRange(topic: string, partition: number): Promise<number | undefined> {
    try {
      return await offsetAfterGap(this.options, topic, partition);
    } catch (thrown) {
      this.consumer.pause([{ topic, partitions: [partition] }]);
      this.fail(weirErrorFrom(thrown));
      return undefined;
    }
  }

  private fail(error: WeirError): void {
    this.failure ??= error;
    this.joined?.reject(error);
    this.listener?.onReady();
  }
}
