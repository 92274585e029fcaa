import type { Consumer } from 'kafkajs';
import { type Clock, sleep } from '../core/clock.ts';
import { Doorbell } from '../core/doorbell.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { Position } from '../core/records.ts';
import { Assignment } from './assignment.ts';
import { isRebalanceError, isUnknownMemberError, rootCause, weirErrorFromKafka } from './errors.ts';
import { createGroupConsumer, type GroupConsumerOptions } from './group-consumer.ts';
import type { GroupPositions, LogEnds } from './group-positions.ts';
import type { GroupSessionListener } from './group-session-listener.ts';
import { leaveInTime, Membership } from './membership.ts';
import { type OutOfRangeOptions, offsetAfterGap } from './out-of-range.ts';
import type { FetchedPartition, PartitionFetch } from './protocol/columnar-fetch.ts';
import type { JoinedMember } from './protocol/group-hooks.ts';
import { settleBeforeRejoin } from './settling.ts';
import { findPositions } from './start-positions.ts';
import { TopicWatch } from './topic-watch.ts';
import type { GroupMember } from './transactional-producer.ts';

/** How a topic is read by a member of a group. */
export interface GroupSessionOptions extends GroupConsumerOptions, OutOfRangeOptions {
  readonly topic: string;
  /** Where a partition without a committed position begins. */
  readonly startFrom: 'earliest' | 'latest';
  /** Called again and again while positions hang on an open transaction: its writer may have died, and can be replaced. */
  readonly onUnstable?: () => void;
  readonly clock: Clock;
}

/**
 * A member of a consumer group: which partitions are ours, where they stand, and what is fetched of them.
 *
 * A rebalance: what is in flight is settled and committed, then the member joins again with what is queued still in its
 * hands. Partitions that come back while the group stands where the pipeline let go continue; all others are revoked, and
 * begin at what the group has committed. See docs/adr/0008-rebalances.md.
 */
export class GroupSession {
  rebalances = 0;
  /** Partitions that a rebalance left with us and that went on without reading anything again. */
  continued = 0;
  readonly assigned: Assignment;
  private readonly options: GroupSessionOptions;
  private readonly listener: GroupSessionListener;
  private readonly positions: GroupPositions;
  private readonly consumer: Consumer;
  private readonly membership: Membership;
  private readonly bell: Doorbell;
  private stopping = false;
  private closed = false;
  private readonly closeListeners = new Set<() => Promise<void>>();
  /** The generation whose positions are known; undefined while joining, and while kafkajs has no group. */
  private current: { readonly group: GroupMember; readonly joined: JoinedMember } | undefined;
  /** Counts joins, leaves and rewinds: what was begun under another number is over. */
  private turn = 0;
  /** From the moment a member leaves its generation until it has joined the next: a rewind must not bring the old one back. */
  private isRejoining = false;
  /** What the last generation gave us, and which it was: the next assignment leaves as much of it here as it can. */
  private generation = -1;
  private lastPartitions: number[] = [];
  private readonly topicWatch: TopicWatch;
  private joined: { resolve: () => void; reject: (error: WeirError) => void } | undefined;

  constructor(options: GroupSessionOptions, positions: GroupPositions, listener: GroupSessionListener) {
    this.options = options;
    this.positions = positions;
    this.listener = listener;
    this.assigned = new Assignment(options.topic, options.maxBytesPerPartition, options.clock);
    this.bell = new Doorbell(options.clock);
    this.topicWatch = new TopicWatch(options.topic, () => positions.topicExists(), options.clock);
    const hooks = {
      pause: async () => {
        if (options.fetchPauseMs) await sleep(options.clock, options.fetchPauseMs);
      },
      isClosed: () => this.closed,
      onClosed: (listener: () => Promise<void>) => {
        this.closeListeners.add(listener);
        return () => void this.closeListeners.delete(listener);
      },
      beforeRejoin: () => this.beforeRejoin(),
      afterJoin: (member: JoinedMember) => this.afterJoin(member),
      onUnstable: () => options.onUnstable?.(),
      wanted: () => this.wanted(),
      untilWanted: (timeoutMs: number) => this.bell.wait(timeoutMs),
      onFetched: (fetched: FetchedPartition) => this.accept(fetched),
      onOutOfRange: (topic: string, partition: number) => this.outOfRange(topic, partition),
      onTopicUnknown: () => this.topicUnknown(),
      onFetchFailed: (error: WeirError) => this.fail(error),
    };
    const owned = (): { generation: number; partitions: Map<string, number[]> } => ({
      generation: this.generation,
      partitions: new Map([[options.topic, this.lastPartitions]]),
    });
    this.consumer = createGroupConsumer(options, hooks, owned, () => !this.stopping);
    this.membership = new Membership(this.consumer, options.clock);
  }

  /**
   * Resolves at the first join, its positions known, or when closed before that.
   * @throws WeirError
   */
  async start(): Promise<void> {
    if (this.closed) return;
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
      // Batches come through the hooks; kafkajs wants a handler.
      if (!this.closed) await this.consumer.run({ autoCommit: false, eachBatch: async () => {} });
    } catch (thrown) {
      if (!this.closed) throw weirErrorFromKafka(thrown, `reading topic ${topic}`);
    }
    // What was being connected when it was closed may have connected since.
    if (this.closed) await this.consumer.disconnect();
    await joined;
  }

  /** The member under whose generation transactions may move offsets; undefined while positions are not known. */
  get member(): GroupMember | undefined {
    return this.current?.group;
  }

  /** Time since the group's coordinator last answered. */
  get msSinceContact(): number {
    return this.membership.msSinceContact;
  }

  /** There is room again. */
  wake(): void {
    this.bell.ring();
  }

  /**
   * Commits positions of partitions that are still ours.
   * @returns those that are committed; undefined when the group has moved on meanwhile or is lost
   * @throws WeirError also when the group is lost while stopping
   */
  async commit(positions: readonly Position[]): Promise<readonly Position[] | undefined> {
    if (!this.current) {
      // These are the last positions: to drop them without a word would look like a clean stop.
      if (this.stopping) throw new WeirError('kafka_unavailable', 'Kafka, committing offsets: the consumer group was lost while stopping.');
      return undefined;
    }
    const ours = this.assigned.ownedOf(positions);
    if (ours.length === 0) return ours;
    const offsets = new Map(ours.map(({ partition, nextOffset }) => [partition, nextOffset]));
    try {
      // Not the commitOffsets of kafkajs' consumer: it repeats a commit under the next generation, for which it is not meant.
      await this.current.joined.commit(this.options.topic, offsets);
      return ours;
    } catch (thrown) {
      if (isUnknownMemberError(thrown)) this.current?.joined.rejoin();
      if (isRebalanceError(thrown) || !this.current) return undefined;
      throw weirErrorFromKafka(thrown, 'committing offsets');
    }
  }

  /**
   * Revokes everything and has it read again from what the group has committed: after a transaction that was not, or may
   * not have been, committed. When the group is joining anyway, the join does it.
   * @param isMemberLost the coordinator does not know the member: it joins again at once
   */
  rewind(isMemberLost = false): void {
    const { current } = this;
    if (!current) {
      this.revoke();
      return;
    }
    const { partitions } = this.assigned;
    this.current = undefined;
    this.revoke(partitions);
    // The join that is under way, or to come, does it.
    if (isMemberLost) current.joined.rejoin();
    else if (!this.isRejoining) void this.takePositions(current.joined, partitions, ++this.turn);
  }

  /** Fetches no more, and stays a member: kafkajs commits nothing after its own stop(). */
  stopFetching(): void {
    this.stopping = true;
  }

  /** Leaves the group. May be called while `start` is pending, which then resolves. */
  async close(): Promise<void> {
    this.stopping = true;
    this.closed = true;
    this.turn++;
    this.joined?.resolve();
    this.bell.ring();
    await Promise.all([...this.closeListeners].map((listener) => listener()));
    await leaveInTime(this.consumer, this.options);
  }

  private wanted(): PartitionFetch[] {
    return this.current && !this.stopping && this.listener.hasRoom() ? this.assigned.wanted() : [];
  }

  private accept(fetched: FetchedPartition): void {
    if (!this.current || this.stopping || !this.assigned.expects(fetched)) return;
    const { partition, fetchedOffset, nextOffset, partialBytes } = fetched;
    if (nextOffset === fetchedOffset && partialBytes > 0) {
      this.assigned.askForMore(partition, partialBytes);
      return;
    }
    try {
      const records = this.listener.onFetched(fetched, this.assigned.epochOf(partition)!);
      this.assigned.advance(fetched, records);
      // Not before: what is taken may be released at once.
      if (records > 0) this.listener.onQueued();
    } catch (thrown) {
      this.fail(weirErrorFrom(thrown));
    }
  }

  private async beforeRejoin(): Promise<void> {
    this.turn++;
    this.isRejoining = true;
    if (!this.assigned.isEmpty) {
      // Without a current generation nothing was begun since the last rebalance, and what is queued may still come back.
      const isSettled = !this.current || (await settleBeforeRejoin(() => this.listener.onRebalance(), this.options));
      if (!isSettled) this.revoke();
    }
    this.current = undefined;
  }

  private afterJoin(joined: JoinedMember): void {
    this.rebalances++;
    this.isRejoining = false;
    this.generation = joined.generationId;
    this.lastPartitions = [...(joined.assignment.get(this.options.topic) ?? [])];
    void this.takePositions(joined, this.lastPartitions, ++this.turn);
  }

  /**
   * Finds out where to begin and begins there. Beside the fetch loop, which goes on with heartbeats and finds nothing
   * wanted: the group's positions may have to wait until a transaction of their last owner ends. Never rejects.
   */
  private async takePositions(joined: JoinedMember, partitions: readonly number[], turn: number): Promise<void> {
    const isOver = (): boolean => this.turn !== turn || this.closed;
    try {
      const logEnds = (): Promise<Map<number, LogEnds>> => this.positions.logEnds();
      const found = await findPositions(joined, partitions, { ...this.options, logEnds, isOver });
      if (found && !isOver()) this.begin(joined, found.positions, found.committed);
    } catch (thrown) {
      this.fail(weirErrorFrom(thrown));
    }
  }

  private begin(joined: JoinedMember, positions: ReadonlyMap<number, number>, committed: ReadonlyMap<number, number>): void {
    const { topic, groupId, logger } = this.options;
    const { assigned } = this;
    this.revoke(assigned.partitions.filter((p) => !positions.has(p) || !assigned.continuesFrom(p, committed.get(p))));
    const continued = assigned.partitions;
    this.continued += continued.length;
    const { generationId, memberId } = joined;
    for (const partition of continued) assigned.continue(partition, generationId);
    for (const [partition, offset] of positions)
      if (assigned.epochOf(partition) === undefined) assigned.begin(partition, offset, generationId);
    this.current = { group: { groupId, generationId, memberId }, joined };
    logger.info({ topic, partitions: assigned.partitions, continued }, 'partitions assigned');
    this.joined?.resolve();
    this.listener.onResumed();
    this.bell.ring();
  }

  /** kafkajs has no group any more: what we hold is read again after the next join. */
  private leftGroup(): void {
    this.turn++;
    this.current = undefined;
    if (!this.closed) this.revoke();
  }

  private revoke(partitions: readonly number[] = this.assigned.partitions): void {
    const gone = this.assigned.drop(partitions);
    if (gone.length > 0) this.listener.onRevoked(gone);
  }

  private async outOfRange(topic: string, partition: number): Promise<void> {
    const epoch = this.assigned.epochOf(partition);
    try {
      const offset = await offsetAfterGap(this.options, topic, partition);
      // Meanwhile it may have begun anew, at a position that is in the log.
      if (this.assigned.epochOf(partition) === epoch) this.assigned.seek(partition, offset);
    } catch (thrown) {
      this.fail(weirErrorFrom(thrown));
    }
  }

  private async topicUnknown(): Promise<void> {
    try {
      await this.topicWatch.lookAgain();
    } catch (thrown) {
      this.fail(weirErrorFrom(thrown));
    }
  }

  private fail(error: WeirError): void {
    this.joined?.reject(error);
    this.listener.onFailed(error);
  }
}
