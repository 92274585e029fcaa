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
import type { PartitionAssigner } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';

/** What a consumer wants to know of its group. None of these may throw. */
export interface GroupHooks {
  /** Before a member that has an assignment joins again; the join waits for it. */
  beforeRejoin(): Promise<void>;
  /** After each join, before the first fetch of the new generation. */
  afterJoin(member: { generationId: number; memberId: string; assignment: ReadonlyMap<string, readonly number[]> }): void;
  /** A position lies outside the log. The offset to go on from, or undefined to stay where we are. */
  onOutOfRange(topic: string, partition: number): Promise<number | undefined>;
}

interface HookedAssigner {
  weirHooks?: GroupHooks;
}

/** The part of kafkajs' `ConsumerGroup` that is used here. */
interface ConsumerGroupInternals {
  assigners: HookedAssigner[];
  generationId: number | undefined;
  memberId: string | null;
  assigned(): { topic: string; partitions: number[] }[];
  seek(target: { topic: string; partition: number; offset: string }): void;
  joinAndSync(): Promise<void>;
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
    if (this.generationId !== undefined && this.assigned().length > 0) await hooks.beforeRejoin();
    await join.call(this);
    const assignment = new Map(this.assigned().map(({ topic, partitions }) => [topic, partitions]));
    hooks.afterJoin({ generationId: this.generationId ?? -1, memberId: this.memberId ?? '', assignment });
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

function hooksOf(group: ConsumerGroupInternals): GroupHooks | undefined {
  for (const assigner of group.assigners) if (assigner.weirHooks) return assigner.weirHooks;
  return undefined;
}
