import type { WeirError } from '../core/errors.ts';
import type { Source, SourceListener } from '../core/ports.ts';
import type { AssignmentOrigin, Position, RecordBatch, RecordSlice, TopicPartition } from '../core/records.ts';
import { type FetchBounds, FetchQueue } from './fetch-queue.ts';
import { GroupPositions } from './group-positions.ts';
import { GroupSession, type GroupSessionOptions } from './group-session.ts';
import { PartitionEnds } from './partition-ends.ts';
import type { FetchedPartition } from './protocol/columnar-fetch.ts';
import type { GroupMember } from './transactional-producer.ts';

/** How a topic is read. */
export interface KafkaSourceOptions extends GroupSessionOptions, FetchBounds {}

/** What the source holds and has seen; metrics and readiness live on it. */
export interface SourceStats {
  readonly queuedRows: number;
  readonly queuedBytes: number;
  readonly rebalances: number;
  /** Partitions that a rebalance left with us and that went on without reading anything again. */
  readonly continued: number;
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
 * Fetching never waits for the pipeline (heartbeats live in the fetch loop), so the queue here is what bounds memory: above
 * `maxQueuedRows` or `maxQueuedBytes`, records in the pipeline included, nothing is fetched until half of both is free.
 * Offsets are committed by `commit` or in transactions, never by kafkajs.
 */
export class KafkaSource implements Source {
  failure: WeirError | undefined;
  readonly ended = false;
  private readonly options: KafkaSourceOptions;
  private readonly session: GroupSession;
  private readonly positions: GroupPositions;
  private readonly ends: PartitionEnds;
  private readonly queue: FetchQueue;
  private listener: SourceListener | undefined;
  private isFull = false;
  private stopping = false;
  private closed = false;
  private recordsRead = 0;

  constructor(options: KafkaSourceOptions) {
    this.options = options;
    this.positions = new GroupPositions(options);
    this.ends = new PartitionEnds({ ...options, positions: this.positions });
    this.queue = new FetchQueue(options);
    this.session = new GroupSession(options, this.positions, {
      hasRoom: () => !this.isFull,
      onFetched: (fetched, epoch) => this.accept(fetched, epoch),
      onQueued: () => this.listener?.onReady(),
      onRevoked: (partitions) => this.revoked(partitions),
      onRebalance: () => this.listener!.onRebalance(),
      onResumed: () => {
        this.listener?.onResumed();
        this.listener?.onReady();
      },
      onFailed: (error) => {
        this.failure ??= error;
        this.listener?.onReady();
      },
    });
  }

  /**
   * Resolves at the first join, its positions known, or when closed before that.
   * @throws WeirError
   */
  async start(listener: SourceListener): Promise<void> {
    this.listener = listener;
    await this.session.start();
  }

  take(): RecordBatch | undefined {
    return this.queue.take();
  }

  release(slices: readonly RecordSlice[]): void {
    for (const slice of slices) {
      this.session.assigned.release(slice);
      this.queue.release(slice);
    }
    this.makeRoom();
  }

  takeIdlePositions(): Position[] {
    return this.session.member ? this.session.assigned.takeIdle() : [];
  }

  owns(partition: TopicPartition & { readonly epoch: number }): boolean {
    return this.session.assigned.owns(partition);
  }

  originOf({ topic, partition }: TopicPartition): AssignmentOrigin | undefined {
    return topic === this.options.topic ? this.session.assigned.originOf(partition) : undefined;
  }

  assignment(): readonly TopicPartition[] {
    return this.topicPartitions(this.session.assigned.partitions);
  }

  /** The member under whose generation transactions may move offsets; undefined while there is none. */
  get member(): GroupMember | undefined {
    return this.session.member;
  }

  get stats(): SourceStats {
    const { rebalances, continued, msSinceContact, member } = this.session;
    return {
      queuedRows: this.queue.rows,
      queuedBytes: this.queue.bytes,
      rebalances,
      continued,
      isPaused: this.isFull || this.stopping,
      recordsRead: this.recordsRead,
      isInGroup: member !== undefined,
      msSinceContact,
    };
  }

  /** Has the ends of partitions that have not been fetched lately looked up in the background; see `PartitionEnds`. */
  refreshEnds(): void {
    if (this.session.member && !this.closed) this.ends.refresh(this.session.assigned.partitions);
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
    const committed = await this.session.commit(positions);
    if (committed) this.committed(committed);
    return committed !== undefined;
  }

  /** Takes note of positions that were committed elsewhere: in a transaction. */
  committed(positions: readonly Position[]): void {
    for (const { partition, nextOffset } of positions) this.ends.committed(partition, nextOffset);
  }

  /**
   * Revokes everything and has it read again from what the group has committed: after a transaction that was not, or may
   * not have been, committed. When the group is joining anyway, the join does it.
   * @param isMemberLost the coordinator does not know the member: it joins again at once
   */
  rewind(isMemberLost = false): void {
    this.session.rewind(isMemberLost);
  }

  async stopFetching(): Promise<void> {
    this.stopping = true;
    this.session.stopFetching();
    this.queue.drop(this.session.assigned.partitions);
  }

  /** Leaves the group. May be called while `start` is pending, which then resolves. */
  async close(): Promise<void> {
    this.stopping = true;
    this.closed = true;
    await Promise.all([this.session.close(), this.positions.close()]);
  }

  private accept(fetched: FetchedPartition, epoch: number): number {
    const arrivedAtMs = this.options.clock.monotonicMs();
    const records = this.queue.push(fetched, { epoch, arrivedAtMs });
    this.ends.fetched({ ...fetched, seenAtMs: arrivedAtMs });
    if (!records) return 0;
    this.recordsRead += records.count;
    if (this.queue.isFull) this.isFull = true;
    return records.count;
  }

  private revoked(partitions: readonly number[]): void {
    this.ends.drop(partitions);
    this.queue.drop(partitions);
    this.listener?.onRevoked(this.topicPartitions(partitions));
    this.makeRoom();
  }

  private makeRoom(): void {
    if (!this.isFull || !this.queue.isHalfEmpty) return;
    this.isFull = false;
    this.session.wake();
  }

  private topicPartitions(partitions: readonly number[]): TopicPartition[] {
    return partitions.map((partition) => ({ topic: this.options.topic, partition }));
  }
}
