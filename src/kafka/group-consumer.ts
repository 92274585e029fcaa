import type { Consumer, Kafka } from 'kafkajs';
import kafkajs from 'kafkajs';
import { type GroupHooks, withGroupHooks } from './protocol/group-hooks.ts';
import { createStickyAssigner, type OwnedPartitions } from './sticky-assigner.ts';

/** How a member of a consumer group reads. */
export interface GroupConsumerOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long a fetch waits for data. */
  readonly maxWaitTimeMs: number;
  readonly maxBytesPerPartition: number;
  /** Pause between fetches from a broker while little comes; default: none. */
  readonly fetchPauseMs?: number;
}

const METADATA_MAX_AGE_MS = 30_000;

/**
 * A consumer of kafkajs that leaves fetching and positions to `hooks`.
 * @param owned what this member holds, for the next assignment to leave with it
 * @param mayRestart whether kafkajs may start it again after a crash that waiting can cure
 */
export function createGroupConsumer(
  options: GroupConsumerOptions,
  hooks: GroupHooks,
  owned: () => OwnedPartitions,
  mayRestart: () => boolean,
): Consumer {
  return options.kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    heartbeatInterval: options.heartbeatIntervalMs,
    maxWaitTimeInMs: options.maxWaitTimeMs,
    maxBytesPerPartition: options.maxBytesPerPartition,
    allowAutoTopicCreation: false,
    // How soon added partitions are noticed; kafkajs' default is 5 min.
    metadataMaxAge: METADATA_MAX_AGE_MS,
    readUncommitted: false,
    retry: { retries: 10, restartOnFailure: async () => mayRestart() },
    // The second is what versions before the sticky one know: a group agrees on what all of its members offer.
    partitionAssigners: [createStickyAssigner(owned), kafkajs.PartitionAssigners.roundRobin].map((assigner) =>
      withGroupHooks(assigner, hooks),
    ),
  });
}
