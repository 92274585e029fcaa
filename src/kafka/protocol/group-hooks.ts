/**
 * A guarded extension of kafkajs 2.2.4: lets a consumer see what its group does and fetch for itself.
 *
 * Stock kafkajs rejoins a group the moment it hears of a rebalance, so whatever is in flight is lost to the next owner and
 * processed twice. Here the rejoin waits for `beforeRejoin`: the coordinator accepts commits of the old generation as long
 * as the member has not rejoined. Stock also keeps fetch positions of its own, in which a seek made just before a
 * rebalance is applied after it, resets them silently when retention has passed them, and rejoins the group when a leader
 * moves. Here the consumer says what it wants and is handed what came; kafkajs keeps connections, metadata, membership and
 * heartbeats.
 *
 * The hooks ride on the consumer's own partition assigner, so several consumers in one process do not disturb each other,
 * and consumers without hooks behave as stock.
 */
import type { PartitionAssigner } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';
import { fetchForGroup, type FetchHooks, type FetchingGroup } from './group-fetch.ts';
import { breakConnection } from './break-connection.ts';
import { errorFromCode } from './flexible.ts';
import { closedWhileJoining, type Coordinator, type JoiningGroup, joinUnlessClosed } from './join-until-closed.ts';
import { fetchStableOffsets } from './stable-offsets.ts';
import { fetchStockOffsets } from './stock-offsets.ts';
import { isStock } from './switches.ts';

/** A member that has just joined. */
export interface JoinedMember {
  readonly generationId: number;
  readonly memberId: string;
  readonly assignment: ReadonlyMap<string, readonly number[]>;
  /**
   * Positions that the group has committed, by partition; waits while a transaction that may move one is open (KIP-447).
   * @throws what kafkajs throws
   */
  committed(topic: string, partitions: readonly number[], isCancelled: () => boolean): Promise<Map<number, number>>;
  /**
   * Another request has shown that the coordinator does not know the member: it joins again, without waiting to hear so from a
   * heartbeat. A coordinator that has lost the group may hold heartbeats for many seconds before it answers. Does nothing once
   * the member has joined another generation.
   */
  rejoin(): void;
  /** Commits offsets by partition under this generation, also when the member has joined another since. @throws what kafkajs throws */
  commit(topic: string, offsets: ReadonlyMap<number, number>): Promise<void>;
}

/** What a consumer wants to know of its group. None of these may throw. */
export interface GroupHooks extends FetchHooks {
  /** True once the consumer is closed: a join under way must leave again, for kafkajs cannot stop a first join. */
  isClosed(): boolean;
  /** Calls `listener` when the consumer is closed, which waits for it. @returns a function that takes it back */
  onClosed(listener: () => Promise<void>): () => void;
  /** Before a member that has an assignment joins again; the join waits for it. */
  beforeRejoin(): Promise<void>;
  /** After each join, before heartbeats go on: must not wait for anything. */
  afterJoin(member: JoinedMember): void;
  /** Again and again while the positions of partitions that were given to us hang on a transaction that is still open. */
  onUnstable(): void;
}

interface HookedAssigner {
  protocol(subscription: { topics: readonly string[] }): object;
  weirHooks?: GroupHooks;
}

/** The part of kafkajs' `ConsumerGroup` that is used here. */
interface ConsumerGroupInternals extends FetchingGroup, JoiningGroup {
  cluster: FetchingGroup['cluster'] & JoiningGroup['cluster'];
  assigners: HookedAssigner[];
  generationId: number | null;
  /** Of the last join. */
  readonly coordinator: Coordinator | null;
  assigned(): { topic: string; partitions: number[] }[];
  joinAndSync(): Promise<void>;
  leave(): Promise<void>;
  /** Of the generation joined last; each join makes another one. */
  readonly offsetManager: {
    commitOffsets(offsets: { topics: { topic: string; partitions: { partition: number; offset: string }[] }[] }): Promise<void>;
  };
  fetch(nodeId: string): Promise<unknown[]>;
  heartbeat(options: { interval: number }): Promise<void>;
}

/**
 * Groups whose last join failed, or whose member is known to be lost. kafkajs goes on fetching after a lost answer to SyncGroup,
 * and the coordinator, which has sent it, is content with the member's heartbeats: nobody else would make it join again.
 */
const mustJoin = new WeakSet<object>();

/** Groups that wait for the answer to a heartbeat. */
const beating = new WeakSet<object>();

/** Makes kafkajs stop fetching from all brokers and join once. */
const REBALANCE_IN_PROGRESS = 27;

let isInstalled = false;

/**
 * Patches kafkajs once per process. Consumers without hooks behave as before.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function installGroupHooks(): void {
  if (isInstalled) return;
  const group = kafkajsInternal<{ prototype: ConsumerGroupInternals }>('src/consumer/consumerGroup.js').prototype;
  const { joinAndSync, fetch, heartbeat } = group;
  if (typeof joinAndSync !== 'function' || typeof fetch !== 'function' || typeof heartbeat !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  group.joinAndSync = async function joinWithHooks(): Promise<void> {
    const hooks = hooksOf(this);
    if (!hooks) return joinAndSync.call(this);
    // After a crash kafkajs makes a new object of this class, which has nothing assigned.
    if (this.assigned().length > 0) await hooks.beforeRejoin();
    if (!hooks.isClosed()) {
      mustJoin.add(this);
      await joinUnlessClosed(this, hooks.onClosed, () => joinAndSync.call(this));
      mustJoin.delete(this);
      if (!hooks.isClosed()) hooks.afterJoin(joinedMember(this));
    }
    if (hooks.isClosed()) {
      await this.leave();
      throw closedWhileJoining();
    }
  };
  group.fetch = async function fetchWithHooks(nodeId): Promise<unknown[]> {
    const hooks = hooksOf(this);
    if (!hooks) return fetch.call(this, nodeId);
    // There is a loop for each broker: joining from here would join as often as there are brokers.
    if (mustJoin.has(this)) throw errorFromCode(REBALANCE_IN_PROGRESS);
    await fetchForGroup(this, hooks, nodeId);
    // Nothing for kafkajs to hand on: it goes on with a heartbeat and the next fetch.
    return [];
  };
  group.heartbeat = async function heartbeatUnlessLost(options): Promise<void> {
    if (mustJoin.has(this)) return; // The fetch that follows joins.
    beating.add(this);
    try {
      await heartbeat.call(this, options);
    } catch (thrown) {
      if (!mustJoin.has(this)) throw thrown;
    } finally {
      beating.delete(this);
    }
  };
  isInstalled = true;
}

/**
 * Wraps a partition assigner of kafkajs so that its consumer calls `hooks`.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function withGroupHooks(assigner: PartitionAssigner, hooks: GroupHooks): PartitionAssigner {
  installGroupHooks();
  return (config) => Object.assign(assigner(config), { weirHooks: hooks });
}

function joinedMember(group: ConsumerGroupInternals): JoinedMember {
  const { groupId, offsetManager } = group;
  const generationId = group.generationId ?? -1;
  return {
    generationId,
    memberId: group.memberId ?? '',
    assignment: new Map(group.assigned().map(({ topic, partitions }) => [topic, partitions])),
    committed: async (topic, partitions, isCancelled) => {
      const coordinator = await group.cluster.findGroupCoordinator({ groupId });
      const fetchOffsets = isStock('stable-offsets') ? fetchStockOffsets : fetchStableOffsets;
      const onWait = async (): Promise<void> => hooksOf(group)?.onUnstable();
      return await fetchOffsets(coordinator, { groupId, topic, partitions, isCancelled, onWait });
    },
    rejoin() {
      // A join that is under way, or to be made again, is what is wanted; its connection must not be broken.
      if (group.generationId !== generationId || mustJoin.has(group)) return;
      mustJoin.add(group);
      group.memberId = null;
      // A broker that holds the heartbeat reads nothing else of its connection.
      const [connection] = group.coordinator?.connectionPool.pool ?? [];
      if (connection && beating.has(group)) void breakConnection(connection, 'the coordinator does not know the member');
    },
    commit: (topic, offsets) =>
      offsetManager.commitOffsets({
        topics: [{ topic, partitions: [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) })) }],
      }),
  };
}

function hooksOf(group: ConsumerGroupInternals): GroupHooks | undefined {
  for (const assigner of group.assigners) if (assigner.weirHooks) return assigner.weirHooks;
  return undefined;
}
