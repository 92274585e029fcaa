/**
 * Part of `group-hooks.ts`, which guards the version: a member that is closed while it joins leaves at once.
 *
 * A coordinator answers JoinGroup when all members have come or are given up, which takes up to the rebalance time-out (after
 * the coordinator has moved, for one), and stock's `stop()` waits for that answer, and for a join that follows it.
 */
import kafkajs from 'kafkajs';
import { sleep, systemClock } from '../../core/clock.ts';
import { API_KEYS, type BrokerInternals, type BrokerRequest, sendRequest } from './cluster-extension.ts';
import { kafkajsInternal } from './guard.ts';

const { KafkaJSConnectionError, KafkaJSNonRetriableError } = kafkajs;

/** The part of kafkajs' `ConsumerGroup` that is used here. */
export interface JoiningGroup {
  cluster: { findGroupCoordinator(options: { groupId: string }): Promise<BrokerInternals> };
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly topicsSubscribed: readonly string[];
  readonly assigners: readonly { protocol(subscription: { topics: readonly string[] }): object }[];
  memberId: string | null;
  /** Of the join under way, or of the one before while this one looks for it. */
  readonly coordinator: { readonly connectionPool: { readonly pool: readonly Connection[] } } | null;
}

/** The part of kafkajs' `Connection` that is used here. */
interface Connection {
  rejectRequests(error: Error): void;
  disconnect(): Promise<unknown>;
}

/** The part of kafkajs' `Broker` that is used here. */
interface LeavableGroup {
  leaveGroup(member: { groupId: string; memberId: string }): Promise<unknown>;
}

/** How long it tries to leave. */
const LEAVE_TIMEOUT_MS = 3_000;

/**
 * Joins, but not for longer than the consumer is open.
 * @param onClosed calls back when the consumer is closed, which waits for it; returns a function that takes this back
 * @throws what the join throws; `closedWhileJoining()`, or what wraps it, when the consumer was closed
 */
export async function joinUnlessClosed(
  group: JoiningGroup,
  onClosed: (listener: () => Promise<void>) => () => void,
  join: () => Promise<void>,
): Promise<void> {
  let leaving: Promise<void> | undefined;
  const stopListening = onClosed(() => (leaving ??= leaveWhileJoining(group)));
  try {
    await takeMemberId(group);
    await join();
  } finally {
    stopListening();
    await leaving;
  }
}

/**
 * Has the coordinator name a new member, which it does by refusing its first JoinGroup (KIP-394). kafkajs does this inside of a
 * call that returns when all have joined, so it could not leave before that.
 */
async function takeMemberId(group: JoiningGroup): Promise<void> {
  const { groupId, sessionTimeout, rebalanceTimeout, topicsSubscribed: topics } = group;
  if (group.memberId) return;
  try {
    const coordinator = await group.cluster.findGroupCoordinator({ groupId });
    const { requests } = kafkajsInternal<{ requests: Record<string, unknown> }>('src/protocol/requests/index.js');
    const joinGroup = coordinator.lookupRequest(API_KEYS['JoinGroup']!, requests['JoinGroup']) as (member: object) => BrokerRequest;
    const groupProtocols = group.assigners.map((assigner) => assigner.protocol({ topics }));
    const member = { groupId, sessionTimeout, rebalanceTimeout, memberId: '', protocolType: 'consumer', groupProtocols };
    await sendRequest(coordinator, joinGroup(member));
  } catch (thrown) {
    // Any other error meets kafkajs next, which knows what to do about it.
    const { name, memberId } = thrown as Error & { memberId?: string };
    if (name === 'KafkaJSMemberIdRequired' && memberId) group.memberId = memberId;
  }
}

/** Ends a join for good: kafkajs does not repeat it. */
export function closedWhileJoining(): Error {
  return new KafkaJSNonRetriableError('The consumer was closed during a rebalance and has left the group.');
}

/**
 * Breaks a join off and leaves. While a broker holds a JoinGroup it reads nothing else of its connection, so that is given up, and
 * the member, for which the coordinator would wait otherwise, leaves over a new one. Never rejects: a member that could not
 * leave is forgotten after its session time-out.
 */
async function leaveWhileJoining(group: JoiningGroup): Promise<void> {
  const { cluster, groupId, coordinator } = group;
  // kafkajs joins again when the connection is gone.
  const refuse = async (): Promise<never> => {
    throw closedWhileJoining();
  };
  group.cluster = Object.create(cluster, { findGroupCoordinator: { value: refuse } }) as typeof cluster;
  const leave = async (): Promise<void> => {
    // The first connection of a broker is for all but fetches. kafkajs' disconnect() waits for every answer.
    const [connection] = coordinator?.connectionPool.pool ?? [];
    connection?.rejectRequests(new KafkaJSConnectionError('closed while joining'));
    await connection?.disconnect();
    const { memberId } = group;
    group.memberId = null;
    if (!memberId) return;
    const found = (await cluster.findGroupCoordinator({ groupId })) as unknown as LeavableGroup;
    await found.leaveGroup({ groupId, memberId });
  };
  await Promise.race([leave().catch(() => {}), sleep(systemClock, LEAVE_TIMEOUT_MS)]);
}
