/**
 * A guarded extension of kafkajs 2.2.4: tells a consumer what its group does, where kafkajs has no event for it.
 *
 * kafkajs rejoins a group the moment it hears of a rebalance, so whatever is in flight is lost to the next owner and
 * processed twice. Here the rejoin waits for `beforeRejoin`: the coordinator accepts commits of the old generation as
 * long as the member has not rejoined. kafkajs also resets silently to the default offset when retention has passed a
 * position; here `onOutOfRange` decides.
 *
 * The hooks ride on the consumer's own partition assigner, so several consumers in one process do not disturb each other.
 */
import kafkajs, { type PartitionAssigner } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';

/** A member that has just joined. */
export interface JoinedMember {
  readonly generationId: number;
  readonly memberId: string;
  readonly assignment: ReadonlyMap<string, readonly number[]>;
  /** Commits offsets by partition under the new generation; kafkajs goes on from there. @throws what kafkajs throws */
  commit(topic: string, offsets: ReadonlyMap<number, number>): Promise<void>;
}

/** What a consumer wants to know of its group. None of these may throw. */
export interface GroupHooks {
  /** True once the consumer is closed: a join under way must leave again, for kafkajs cannot stop a first join. */
  isClosed(): boolean;
  /** Before a member that has an assignment joins again; the join waits for it. */
  beforeRejoin(): Promise<void>;
  /** After each join; the first fetch of the new generation waits for it. */
  afterJoin(member: JoinedMember): Promise<void>;
  /** A position lies outside the log. The offset to go on from, or undefined to stay where we are. */
  onOutOfRange(topic: string, partition: number): Promise<number | undefined>;
}

const { KafkaJSNonRetriableError } = kafkajs;

interface HookedAssigner {
  weirHooks?: GroupHooks;
}

/** The part of kafkajs' `ConsumerGroup` that is used here. */
interface ConsumerGroupInternals {
  assigners: HookedAssigner[];
  generationId: number | null;
  memberId: string | null;
  assigned(): { topic: string; partitions: number[] }[];
  seek(target: { topic: string; partition: number; offset: string }): void;
  joinAndSync(): Promise<void>;
  leave(): Promise<void>;
  commitOffsets(offsets: { topics: { topic: string; partitions: { partition: number; offset: string }[] }[] }): Promise<void>;
  recoverFromOffsetOutOfRange(error: { topic: string; partition: number }): Promise<void>;
}

let isInstalled = false;

/**
 * Patches kafkajs once per process. Consumers without hooks behave as before.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function installGroupHooks(): void {
  if (isInstalled) return;
  const group = kafkajsInternal<{ prototype: ConsumerGroupInternals }>('src/consumer/consumerGroup.js').prototype;
  const join = group.joinAndSync;
  const recover = group.recoverFromOffsetOutOfRange;
  if (typeof join !== 'function' || typeof recover !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  group.joinAndSync = async function joinWithHooks(): Promise<void> {
    const hooks = hooksOf(this);
    if (!hooks) return join.call(this);
    // After a crash kafkajs makes a new object of this class, which has nothing assigned.
    if (this.assigned().length > 0) await hooks.beforeRejoin();
    if (!hooks.isClosed()) {
      await join.call(this);
      if (!hooks.isClosed()) await hooks.afterJoin(joinedMember(this));
    }
    if (hooks.isClosed()) {
      await this.leave();
      throw new KafkaJSNonRetriableError('The consumer was closed during a rebalance and has left the group.');
    }
  };
  group.recoverFromOffsetOutOfRange = async function recoverWithHooks(error): Promise<void> {
    const hooks = hooksOf(this);
    if (!hooks) return recover.call(this, error);
    const offset = await hooks.onOutOfRange(error.topic, Number(error.partition));
    if (offset !== undefined) this.seek({ topic: error.topic, partition: Number(error.partition), offset: String(offset) });
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
  return {
    generationId: group.generationId ?? -1,
    memberId: group.memberId ?? '',
    assignment: new Map(group.assigned().map(({ topic, partitions }) => [topic, partitions])),
    commit: (topic, offsets) =>
      group.commitOffsets({
        topics: [{ topic, partitions: [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) })) }],
      }),
  };
}

function hooksOf(group: ConsumerGroupInternals): GroupHooks | undefined {
  for (const assigner of group.assigners) if (assigner.weirHooks) return assigner.weirHooks;
  return undefined;
}
