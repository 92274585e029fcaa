import type { Consumer, Kafka } from 'kafkajs';
import kafkajs from 'kafkajs';
import { type GroupHooks, withGroupHooks } from './protocol/group-hooks.ts';

/** How a member of a consumer group reads. */
export interface GroupConsumerOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long a fetch waits for data; it also bounds how soon a resume takes effect. */
  readonly maxWaitTimeMs: number;
  readonly maxBytesPerPartition: number;
}

/**
 * A consumer of kafkajs that tells `hooks` what its group does.
 * @param mayRestart whether kafkajs may start it again after a crash that waiting can cure
 */
export function createGroupConsumer(options: GroupConsumerOptions, hooks: GroupHooks, mayRestart: () => boolean): Consumer {
  return options.kafka.consumer({
    groupId: options.groupId,
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    heartbeatInterval: options.heartbeatIntervalMs,
    maxWaitTimeInMs: options.maxWaitTimeMs,
    maxBytesPerPartition: options.maxBytesPerPartition,
    allowAutoTopicCreation: false,
    readUncommitted: false,
    retry: { retries: 10, restartOnFailure: async () => mayRestart() },
    partitionAssigners: [withGroupHooks(kafkajs.PartitionAssigners.roundRobin, hooks)],
  });
}
