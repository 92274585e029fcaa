import { WeirError } from '../../core/errors.ts';
import type { BrokerInternals } from './cluster-extension.ts';
import { rootCause } from '../errors.ts';
import { type FetchBroker, type FetchedPartition, fetchColumns, type PartitionFetch } from './columnar-fetch.ts';
import { hold, letGo } from './response-buffers.ts';
import { fetchByStock } from './stock-fetch.ts';
import { isStock } from './switches.ts';

/** What a consumer that fetches for itself says and is told. None of these may throw. */
export interface FetchHooks {
  /** Pauses after a fetch that brought little, so that the next brings more: each costs as much as scoring hundreds of records. */
  pause(): Promise<void>;
  /** What to fetch now; empty while there is no room or no position. */
  wanted(): readonly PartitionFetch[];
  /** Resolves when something may be wanted again, after `timeoutMs` at the latest. */
  untilWanted(timeoutMs: number): Promise<void>;
  /** What one partition of a fetch brought. Whoever keeps its buffer must `hold` it. */
  onFetched(fetched: FetchedPartition): void;
  /** A position lies outside the log; resolves when there is another, or when the consumer has given up. */
  onOutOfRange(topic: string, partition: number): Promise<void>;
  /** The brokers say that they do not know a topic or partition; resolves when it is worth while to ask again. */
  onTopicUnknown(): Promise<void>;
  /** Fetching cannot go on. */
  onFetchFailed(error: WeirError): void;
}

/** The part of kafkajs' `ConsumerGroup` that fetching needs. */
export interface FetchingGroup {
  readonly cluster: {
    refreshMetadataIfNecessary(): Promise<void>;
    refreshMetadata(): Promise<void>;
    findBroker(options: { nodeId: string }): Promise<FetchBroker>;
    findGroupCoordinator(options: { groupId: string }): Promise<BrokerInternals>;
  };
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  checkForStaleAssignment(): void;
  findReadReplicaForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  recoverFromFetch(error: unknown): Promise<void>;
}

/** Less than this of a whole response is little: with pauses of 2 ms 8 MB/s still come. */
const LITTLE_BYTES = 16_384;

/** Errors that new metadata cures: the partition is led by another broker now, or will be in a moment. */
const LEADER_MOVED = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
]);

/**
 * One fetch of a group member from one broker, in place of kafkajs' own.
 * @throws what kafkajs' fetch loop knows how to treat: connection trouble, a rebalance
 */
export async function fetchForGroup(group: FetchingGroup, hooks: FetchHooks, nodeId: string): Promise<void> {
  try {
    await group.cluster.refreshMetadataIfNecessary();
    group.checkForStaleAssignment();
    const wanted = ledBy(group, nodeId, hooks.wanted());
    if (wanted.length === 0) return await hooks.untilWanted(group.maxWaitTime);
    const broker = await group.cluster.findBroker({ nodeId });
    const { maxWaitTime: maxWaitTimeMs, minBytes, maxBytes } = group;
    const fetch = isStock('columnar-fetch') ? fetchByStock : fetchColumns;
    const fetched = await fetch(broker, wanted, { maxWaitTimeMs, minBytes, maxBytes, isolation: 'read_committed' });
    // What came is handed on before what went wrong elsewhere is treated.
    handOn(hooks, fetched);
    await treatErrors(group, hooks, fetched);
    if (isLittle(fetched)) await hooks.pause();
  } catch (thrown) {
    if (thrown instanceof WeirError) {
      hooks.onFetchFailed(thrown);
      return await hooks.untilWanted(group.maxWaitTime);
    }
    // kafkajs would join the group again, and again, and never say that the topic is gone.
    if (isUnknownTopic(thrown)) return await hooks.onTopicUnknown();
    await group.recoverFromFetch(thrown);
  }
}

/** Something, but far from what a fetch could bring. After nothing the broker has waited already. */
function isLittle(fetched: readonly FetchedPartition[]): boolean {
  let bytes = 0;
  for (const { segments } of fetched) for (const { start, end } of segments) bytes += end - start;
  return bytes > 0 && bytes < LITTLE_BYTES;
}

function isUnknownTopic(thrown: unknown): boolean {
  return rootCause(thrown).type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

/** The partitions of a response share its memory: it must not be used again before the last one was looked at. */
function handOn(hooks: FetchHooks, fetched: readonly FetchedPartition[]): void {
  const buffers = fetched.map(({ buffer }) => buffer);
  for (const buffer of buffers) hold(buffer);
  for (const partition of fetched) if (!partition.error) hooks.onFetched(partition);
  for (const buffer of buffers) letGo(buffer);
}

/** Those of the partitions that a broker leads. */
function ledBy(group: FetchingGroup, nodeId: string, wanted: readonly PartitionFetch[]): PartitionFetch[] {
  const byTopic = Map.groupBy(wanted, ({ topic }) => topic);
  return [...byTopic].flatMap(([topic, partitions]) => {
    const replicas = group.findReadReplicaForPartitions(
      topic,
      partitions.map(({ partition }) => partition),
    );
    const here = new Set(replicas[nodeId]);
    return partitions.filter(({ partition }) => here.has(partition));
  });
}

async function treatErrors(group: FetchingGroup, hooks: FetchHooks, fetched: readonly FetchedPartition[]): Promise<void> {
  let hasLeaderMoved = false;
  let other: Error | undefined;
  for (const { topic, partition, error } of fetched) {
    if (!error) continue;
    if (error.name === 'KafkaJSOffsetOutOfRange') await hooks.onOutOfRange(topic, partition);
    else if (LEADER_MOVED.has((error as { type?: string }).type ?? '')) hasLeaderMoved = true;
    else other ??= error;
  }
  if (other) throw other;
  if (!hasLeaderMoved) return;
  // Elections take a moment, and the partitions of other leaders must not wait for it in a busy loop.
  await group.cluster.refreshMetadata();
  await hooks.untilWanted(group.maxWaitTime);
}
