import type { Consumer } from 'kafkajs';
import type { Clock } from '../core/clock.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { Source, SourceListener } from '../core/ports.ts';
import type { Position, RecordBatch, TopicPartition } from '../core/records.ts';
import { isRebalanceError, rootCause, weirErrorFromKafka } from './errors.ts';
import { type FetchBounds, FetchQueue } from './fetch-queue.ts';
import { createGroupConsumer, type GroupConsumerOptions } from './group-consumer.ts';
import { GroupPositions } from './group-positions.ts';
import { Membership } from './membership.ts';
import { type OutOfRangeOptions, offsetAfterGap } from './out-of-range.ts';
import { PartitionEnds } from './partition-ends.ts';
import type { JoinedMember } from './protocol/group-hooks.ts';
import { recordBatchFromMessages } from './record-batch.ts';
import { settleBeforeRejoin } from './settling.ts';
import { pinToEnd } from './start-positions.ts';

/** How a topic is read. */
export interface KafkaSourceOptions extends GroupConsumerOptions, OutOfRangeOptions, FetchBounds {
  readonly topic: string;
  /** Where a partition without a committed position begins. */
  readonly startFrom: 'earliest' | 'latest';
  readonly clock: Clock;
}

/** What the source holds and has seen; metrics and readiness live on it. */
export interface SourceStats {
  readonly queuedRows: number;
  readonly queuedBytes: number;
  readonly rebalances: number;
  readonly isPaused: boolean;
  readonly recordsRead: number;
  /** False before the first join, and from a crash of the consumer until it has joined again. */
  readonly isInGroup: boolean;
  /** Time since the group's coordinator last answered. */
  readonly msSinceContact: number;
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
  private readonly queue: FetchQueue;
  private paused = false;
  private stopping = false;
  private closed = false;
  /** False while kafkajs has no group to pause, resume or commit in: then those calls throw. */
  private inGroup = false;
  private rebalances = 0;
  private recordsRead = 0;
  /** Epoch of each partition of ours. */
  private epochs = new Map<number, number>();
  private nextEpoch = 1;
  private readonly membership: Membership;
  private readonly positions: GroupPositions;
  private readonly ends: PartitionEnds;
  private joined: { resolve: () => void; reject: (error: WeirError) => void } | undefined;

  constructor(options: KafkaSourceOptions) {
    this.options = options;
    this.positions = new GroupPositions(options);
    this.ends = new PartitionEnds({ ...options, positions: this.positions });
    this.queue = new FetchQueue(options);
    const hooks = {
      isClosed: () => this.closed,
      beforeRejoin: () => this.beforeRejoin(),
      afterJoin: (member: JoinedMember) => this.afterJoin(member),
      onOutOfRange: (topic: string, partition: number) => this.outOfRange(topic, partition),
    };
    this.consumer = createGroupConsumer(options, hooks, () => !this.stopping);
    this.membership = new Membership(this.consumer, options.clock);
  }

  /**
   * Resolves at the first join, its positions known, or when closed before that.
   * @throws WeirError
   */
  async start(listener: SourceListener): Promise<void> {
    if (this.closed) return;
    this.listener = listener;
    const { topic, startFrom } = this.options;
    const joined = new Promise<void>((resolve, reject) => {
      this.joined = { resolve, reject };
    });
    joined.catch(() => {}); // Awaited below; a crash before that must not count as unhandled.
    // kafkajs drops its group before it reports a crash, and makes a new one 300 ms later or when the brokers are back.
    this.consumer.on('consumer.stop', () => this.leftGroup());
    this.consumer.on('consumer.crash', ({ payload }) => {
      if (this.closed) return;
      if (payload.restart) this.options.logger.warn({ topic, reason: rootCause(payload.error).message }, 'consumer restarts');
      else this.fail(weirErrorFromKafka(payload.error, `reading topic ${topic}`));
    });
    try {
      await this.consumer.connect();
      if (!this.closed) await this.consumer.subscribe({ topics: [topic], fromBeginning: startFrom === 'earliest' });
      if (!this.closed) {
        await this.consumer.run({
          autoCommit: false,
          partitionsConsumedConcurrently: 1,
          eachBatch: async ({ batch }) => this.accept(batch),
        });
      }
    } catch (thrown) {
      if (!this.closed) throw weirErrorFromKafka(thrown, `reading topic ${topic}`);
    }
    // What was being connected when it was closed may have connected since.
    if (this.closed) await this.consumer.disconnect();
    await joined;
  }

  take(): RecordBatch | undefined {
    return this.queue.take();
  }

  release(rows: number, bytes: number): void {
    this.queue.release(rows, bytes);
    if (this.paused && !this.stopping && this.queue.isHalfEmpty) this.setPaused(false);
  }

  owns({ topic, partition, epoch }: TopicPartition & { readonly epoch: number }): boolean {
    return topic === this.options.topic && this.epochs.get(partition) === epoch;
  }

  assignment(): readonly TopicPartition[] {
    return [...this.epochs.keys()].map((partition) => ({ topic: this.options.topic, partition }));
  }

  get stats(): SourceStats {
    return {
      queuedRows: this.queue.rows,
      queuedBytes: this.queue.bytes,
      rebalances: this.rebalances,
      isPaused: this.paused,
      recordsRead: this.recordsRead,
      isInGroup: this.inGroup,
      msSinceContact: this.membership.msSinceContact,
    };
  }

  /** Has the ends of partitions that have not been fetched lately looked up in the background; see `PartitionEnds`. */
  refreshEnds(): void {
    if (this.inGroup && !this.closed) this.ends.refresh([...this.epochs.keys()]);
  }

  /** Records of each partition of ours that are in the log and not committed, as of its last fetch or refresh. */
  lag(): Map<number, number> {
    return this.ends.lag();
  }

  /** Records of each partition of ours that are in the log and not fetched, as of its last fetch or refresh. */
  unread(): Map<number, number> {
    return this.ends.unread();
  }

  /**
   * Commits positions of partitions that are still ours.
   * @returns false when the group has moved on meanwhile or is lost; the next owner starts from the last commit
   * @throws WeirError also when the group is lost while stopping
   */
  async commit(positions: readonly Position[]): Promise<boolean> {
    if (!this.inGroup) {
      // These are the last positions: to drop them without a word would look like a clean stop.
      if (this.stopping) throw new WeirError('kafka_unavailable', 'Kafka, committing offsets: the consumer group was lost while stopping.');
      return false;
    }
    const ours = positions.filter((p) => this.owns(p));
    if (ours.length === 0) return true;
    const { commits } = this.membership;
    try {
      await this.consumer.commitOffsets(ours.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: String(nextOffset) })));
      // While its runner stops, kafkajs drops commits without a word.
      if (this.membership.commits === commits) return false;
      for (const { partition, nextOffset } of ours) this.ends.committed(partition, nextOffset);
      return true;
    } catch (thrown) {
      if (isRebalanceError(thrown) || !this.inGroup) return false;
      throw weirErrorFromKafka(thrown, 'committing offsets');
    }
  }

  async stopFetching(): Promise<void> {
    this.stopping = true;
    // Not stop(): kafkajs commits nothing after stop(). Paused, the loop goes on with heartbeats until close().
    this.setPaused(true);
    this.queue.drop();
  }

  /** Leaves the group. May be called while `start` is pending, which then resolves. */
  async close(): Promise<void> {
    this.stopping = true;
    this.closed = true;
    this.joined?.resolve();
    await Promise.all([this.consumer.disconnect(), this.positions.close()]);
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
    this.recordsRead += records.count;
    if (!this.paused && this.queue.isFull) this.setPaused(true);
    this.listener?.onReady();
  }

  private async beforeRejoin(): Promise<void> {
    if (this.epochs.size === 0) return;
    await settleBeforeRejoin(() => this.listener!.onRebalance(), this.options);
    this.revokeAll();
  }

  private async afterJoin({ assignment, commit }: JoinedMember): Promise<void> {
    const { topic, startFrom, logger } = this.options;
    const partitions = assignment.get(topic) ?? [];
    this.revokeAll();
    try {
      if (startFrom === 'latest') {
        const pinned = await pinToEnd(this.positions, partitions, (offsets) => commit(topic, offsets));
        if (pinned.size > 0) logger.info({ topic, positions: Object.fromEntries(pinned) }, 'no committed position: beginning at the end');
      }
    } catch (thrown) {
      // A group that has moved on makes us join again; until then nothing is ours and nothing is accepted.
      if (!this.closed && !isRebalanceError(thrown)) this.fail(weirErrorFromKafka(thrown, `committing where to begin in ${topic}`));
      return;
    }
    if (this.closed) return;
    this.rebalances++;
    this.epochs = new Map(partitions.map((partition) => [partition, this.nextEpoch]));
    this.nextEpoch++;
    this.inGroup = true;
    // kafkajs keeps its pauses across a rejoin, but not across a restart.
    this.setPaused(this.stopping);
    logger.info({ topic, partitions }, 'partitions assigned');
    this.joined?.resolve();
    this.listener?.onReady();
  }

  /** kafkajs has no group any more: what we hold is read again after the next join. */
  private leftGroup(): void {
    this.inGroup = false;
    this.paused = this.stopping;
    if (!this.closed) this.revokeAll();
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    if (!this.inGroup) return;
    if (paused) this.consumer.pause([{ topic: this.options.topic }]);
    else this.consumer.resume([{ topic: this.options.topic }]);
  }

  private revokeAll(): void {
    if (this.epochs.size === 0) return;
    const gone = this.assignment();
    this.epochs = new Map();
    this.ends.clear();
    this.queue.drop();
    this.listener?.onRevoked(gone);
  }

  private async outOfRange(topic: string, partition: number): Promise<number | undefined> {
    try {
      return await offsetAfterGap(this.options, topic, partition);
    } catch (thrown) {
      if (this.inGroup) this.consumer.pause([{ topic, partitions: [partition] }]);
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
