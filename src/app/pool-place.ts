import type { Kafka } from 'kafkajs';
import { type Clock, settledWithin } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import { removeDeadMember } from '../kafka/dead-member.ts';
import type { Health, MetricsPage } from '../ops/index.ts';

/** How long a worker that follows a dead one waits for the answer of a group's coordinator. */
const REMOVE_MEMBER_MS = 3_000;

/** A member of a consumer group. */
export interface GroupMemberId {
  readonly groupId: string;
  readonly memberId: string;
}

/** The place of a worker in a pool of processes (`weir run --workers`), whose ops server speaks for all of them. */
export interface PoolPlace {
  /** From 0. Distinguishes its metrics, and its transactional id from those of the others; the same after a restart. */
  readonly index: number;
  /** What the worker that was in this place before was in its groups, when it died. */
  readonly predecessors: readonly GroupMemberId[];
  /** Where the worker shows its metrics and its health instead of serving them. */
  show(metrics: MetricsPage, health: Health): void;
  /** Where it shows what it is in its groups now, for the one that may have to follow it. */
  showMembers(members: () => readonly GroupMemberId[]): void;
}

/**
 * Has the groups of a worker that died in this place forget it. Best called just before its follower joins, so that one
 * rebalance does for both. Never rejects: what it cannot do, the groups do after their session time-out.
 */
export async function leaveForPredecessors(
  { predecessors }: PoolPlace,
  { kafka, clock, logger }: { readonly kafka: Kafka; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const leave = async (member: GroupMemberId): Promise<void> => {
    try {
      const isDone = await settledWithin(clock, REMOVE_MEMBER_MS, removeDeadMember(kafka, member));
      logger.info({ ...member, isDone }, 'took the member out of its group that has died in this place');
    } catch (thrown) {
      logger.warn({ ...member, reason: String(thrown) }, 'the group will miss the member that has died in this place after its session');
    }
  };
  await Promise.all(predecessors.map(leave));
}
