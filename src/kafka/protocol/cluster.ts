/**
 * A guarded look into kafkajs 2.2.4: its `Cluster` (connections, metadata, leaders), for reading a topic without a consumer
 * group, and for a word with a coordinator. kafkajs keeps the maker of clusters under a symbol; nothing is patched.
 */
import type { Kafka } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import { kafkajsInternal } from './guard.ts';

/** What is used of kafkajs' `Cluster`. */
export interface Cluster<Broker> {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Partitions by the node id of their leader. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(options: { groupId: string }): Promise<Broker>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  /** ListOffsets, of what is read uncommitted: ends are high watermarks, behind transactions that are still open. */
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
      readonly fromBeginning?: boolean;
      /** Milliseconds since the epoch. */
      readonly fromTimestamp?: number;
    }[],
  ): Promise<{ readonly topic: string; readonly partitions: { readonly partition: number; readonly offset: string }[] }[]>;
}

/** Kafka's number for isolation level read_uncommitted. */
const READ_UNCOMMITTED = 0;

type CreateCluster<Broker> = (options: {
  allowAutoTopicCreation: boolean;
  metadataMaxAge: number;
  isolationLevel: number;
}) => Cluster<Broker>;

/**
 * A cluster of its own, with the settings of the client.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function createCluster<Broker>(kafka: Kafka): Cluster<Broker> {
  kafkajsInternal('src/index.js');
  const symbol = symbolsOf(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  const create = symbol === undefined ? undefined : (kafka as unknown as Record<symbol, unknown>)[symbol];
  if (typeof create !== 'function') throw new WeirError('state_invalid', 'This kafkajs client has no maker of clusters.');
  // Of a client's own admin, kafkajs asks for last stable offsets; they hide records that are committed already.
  return (create as CreateCluster<Broker>)({ allowAutoTopicCreation: false, metadataMaxAge: 300_000, isolationLevel: READ_UNCOMMITTED });
}

/** Symbols of a client and of those it stands before (`withClusterExtension`). */
function symbolsOf(object: object | null): symbol[] {
  return object === null ? [] : [...Object.getOwnPropertySymbols(object), ...symbolsOf(Object.getPrototypeOf(object) as object | null)];
}
