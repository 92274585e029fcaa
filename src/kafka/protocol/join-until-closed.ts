/**
 * Part of `group-hooks.ts`, which guards the version: a member that is closed while it joins leaves at once.
 *
 * A coordinator answers JoinGroup when all members have come or are given up, which takes up to the rebalance time-out (after
 * the coordinator has moved, for one), and stock's `stop()` waits for that answer, and for a join that follows it.
 */
import kafkajs from 'kafkajs';
import { settledWithin, sleep, systemClock } from '../../core/clock.ts';
import { type BreakableConnection, breakConnection } from './break-connection.ts';
import { API_KEYS, type BrokerInternals, type BrokerRequest, sendRequest } from './cluster-extension.ts';
import { kafkajsInternal } from './guard.ts';

const { KafkaJSNonRetriableError } = kafkajs;

/** The part of kafkajs' `ConsumerGroup` that is used here. */
export interface JoiningGroup {
  cluster: GroupCluster;
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly topicsSubscribed: readonly string[];
  readonly assigners: readonly { protocol(subscription: { topics: readonly string[] }): object }[];
  memberId: string | null;
}

/** The part of kafkajs' `Cluster` that is used here. */
interface GroupCluster {
  findGroupCoordinator(options: { groupId: string }): Promise<BrokerInternals>;
}

/** The part of kafkajs' `Broker` that is used here. */
export interface Coordinator {
  /** The first connection is for all but fetches. */
  readonly connectionPool: { readonly pool: readonly BreakableConnection[] };
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
}

/** How long it tries to leave, and the pause between two tries. */
const LEAVE_TIMEOUT_MS = 3_000;
const PAUSE_MS = 50;

/** Ends a join for good: kafkajs does not repeat it. */
export function closedWhileJoining(): Error {
  return new KafkaJSNonRetriableError('The consumer was closed during a rebalance and has left the group.');
}

/**
 * Joins, but not for longer than the consumer is open; then the member has left the group, or could not within a few seconds and is
 * forgotten after its session time-out.
 * @param onClosed calls back when the consumer is closed, which waits for it; returns a function that takes this back
 * @throws what the join throws; `closedWhileJoining()`, or what wraps it, when the consumer was closed
 */
export async function joinUnlessClosed(
  group: JoiningGroup,
  onClosed: (listener: () => Promise<void>) => () => void,
  join: () => Promise<void>,
): Promise<void> {
  const joining = new Joining(group);
  const stopListening = onClosed(() => joining.close());
  try {
    await join();
  } finally {
    stopListening();
    await joining.end();
  }
}

/** One join. It sees every lookup of the coordinator, with which each try of kafkajs begins. */
class Joining {
  private readonly group: JoiningGroup;
  private readonly cluster: GroupCluster;
  private coordinator: Coordinator | undefined;
  /** While the coordinator names the member. */
  private naming: Promise<void> | undefined;
  private leaving: Promise<void> | undefined;
  private isClosed = false;

  constructor(group: JoiningGroup) {
    this.group = group;
    this.cluster = group.cluster;
    group.cluster = Object.create(this.cluster, {
      findGroupCoordinator: { value: (options: { groupId: string }) => this.findGroupCoordinator(options) },
    }) as GroupCluster;
  }

  /** Breaks the join off and leaves. Never rejects. */
  close(): Promise<void> {
    this.isClosed = true;
    this.leaving ??= this.leave();
    return this.leaving;
  }

  /** The join has settled. @throws `closedWhileJoining()` when it was to be given up */
  async end(): Promise<void> {
    this.group.cluster = this.cluster;
    await this.leaving;
    if (!this.isClosed) return;
    // It may have been answered meanwhile.
    this.group.memberId = null;
    throw closedWhileJoining();
  }

  private async findGroupCoordinator(options: { groupId: string }): Promise<BrokerInternals> {
    this.assertOpen();
    const found = await this.cluster.findGroupCoordinator(options);
    this.assertOpen();
    this.coordinator = found as unknown as Coordinator;
    if (!this.group.memberId) {
      this.naming = nameMember(this.group, found);
      await this.naming;
      this.assertOpen();
    }
    return found;
  }

  private assertOpen(): void {
    if (this.isClosed) throw closedWhileJoining();
  }

  private async leave(): Promise<void> {
    const inTime = new AbortController();
    const left = async (): Promise<void> => {
      // Without its name it could not leave; this is answered at once.
      await this.naming;
      // While a broker holds a JoinGroup it reads nothing else of its connection.
      const [connection] = this.coordinator?.connectionPool.pool ?? [];
      if (connection) await breakConnection(connection, 'closed while joining');
      while (!inTime.signal.aborted && !(await this.hasLeft())) await sleep(systemClock, PAUSE_MS, inTime.signal);
    };
    await settledWithin(systemClock, LEAVE_TIMEOUT_MS, left());
    inTime.abort();
  }

  /** Tries once. The first may meet the end of the connection that was given up. */
  private async hasLeft(): Promise<boolean> {
    const { groupId, memberId } = this.group;
    if (!memberId) return true;
    try {
      const coordinator = (await this.cluster.findGroupCoordinator({ groupId })) as unknown as Coordinator;
      await coordinator.leaveGroup({ groupId, memberId });
    } catch (thrown) {
      if ((thrown as { type?: string }).type !== 'UNKNOWN_MEMBER_ID') return false;
    }
    this.group.memberId = null;
    return true;
  }
}

/**
 * Has the coordinator name a new member, which it does by refusing its first JoinGroup (KIP-394). kafkajs does this inside of a
 * call that returns when all have joined, and keeps the name to itself until then. Never rejects.
 */
async function nameMember(group: JoiningGroup, coordinator: BrokerInternals): Promise<void> {
  const { groupId, sessionTimeout, rebalanceTimeout, topicsSubscribed: topics } = group;
  const { requests } = kafkajsInternal<{ requests: Record<string, unknown> }>('src/protocol/requests/index.js');
  const groupProtocols = group.assigners.map((assigner) => assigner.protocol({ topics }));
  const member = { groupId, sessionTimeout, rebalanceTimeout, memberId: '', protocolType: 'consumer', groupProtocols };
  try {
    const joinGroup = coordinator.lookupRequest(API_KEYS['JoinGroup']!, requests['JoinGroup']) as (given: object) => BrokerRequest;
    await sendRequest(coordinator, joinGroup(member));
  } catch (thrown) {
    // Any other error meets kafkajs next, which knows what to do about it.
    const { name, memberId } = thrown as Error & { memberId?: string };
    if (name === 'KafkaJSMemberIdRequired' && memberId) group.memberId = memberId;
  }
}
