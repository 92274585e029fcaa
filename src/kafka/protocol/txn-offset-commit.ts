/**
 * A guarded extension of kafkajs 2.2.4: offsets of a transaction that name the group member (KIP-447).
 *
 * kafkajs speaks TxnOffsetCommit up to version 1, which carries neither generation nor member. A broker takes that for a
 * client outside the group and accepts it, so a worker that has lost its partitions in a rebalance can still commit
 * their offsets: 70 duplicates in a chaos run. Version 3 (Kafka 2.5) names generation, member and instance, and the group
 * coordinator refuses what is not of the current generation: ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID.
 *
 * Offsets without a mark go out as stock sends them.
 */
import { API_KEYS, type BrokerInternals, type BrokerRequest, requireVersion, sendRequest } from './cluster-extension.ts';
import { type Encoder, decoder, encoder, endTags, errorFromCode, readStructures, skipTags } from './flexible.ts';

/** Who commits: a member as of its last join. */
export interface OffsetsMember {
  readonly generationId: number;
  readonly memberId: string;
  /** Static membership (KIP-345). */
  readonly groupInstanceId?: string;
}

/** The offsets of one topic as kafkajs takes them. */
export interface TopicOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata?: string | null }[];
}

/** What kafkajs' `Broker.txnOffsetCommit` takes. */
export interface TxnOffsetCommitArgs {
  readonly transactionalId: string;
  readonly groupId: string;
  readonly producerId: number | string;
  readonly producerEpoch: number;
  readonly topics: readonly TopicOffsets[];
}

interface TxnOffsetCommitResponse {
  readonly clientSideThrottleTime: number;
  readonly topics: readonly { readonly topic: string | null; readonly partitions: readonly PartitionError[] }[];
}

interface PartitionError {
  readonly partition: number;
  readonly errorCode: number;
}

const VERSION = 3;

/** Marks by the object that goes through `transaction.sendOffsets` unchanged. */
const members = new WeakMap<object, OffsetsMember>();

/** Marks the `topics` that are given to `transaction.sendOffsets` with the member that commits them. Returns them. */
export function withMember<T extends readonly TopicOffsets[]>(topics: T, member: OffsetsMember): T {
  members.set(topics, member);
  return topics;
}

/**
 * Lets a broker send marked offsets as version 3.
 * The request throws WeirError `config_invalid` when the broker is older than Kafka 2.5: unfenced offsets are never sent in its place.
 */
export function sendMembersWithOffsets(broker: BrokerInternals): void {
  const stock = broker.txnOffsetCommit as (args: TxnOffsetCommitArgs) => Promise<unknown>;
  broker.txnOffsetCommit = async (args: TxnOffsetCommitArgs): Promise<unknown> => {
    const member = members.get(args.topics);
    if (!member) return await stock.call(broker, args);
    requireVersion(broker, 'TxnOffsetCommit', VERSION, '2.5');
    return await sendRequest(broker, txnOffsetCommit(args, member));
  };
}

/** TxnOffsetCommit version 3. */
export function txnOffsetCommit(args: TxnOffsetCommitArgs, member: OffsetsMember): BrokerRequest<TxnOffsetCommitResponse> {
  return {
    request: {
      apiKey: API_KEYS['TxnOffsetCommit']!,
      apiVersion: VERSION,
      apiName: 'TxnOffsetCommit',
      encode: () => Promise.resolve(encode(args, member)),
    },
    response: { decode: (bytes) => Promise.resolve(decode(bytes)), parse },
  };
}

/**
 * TxnOffsetCommit Request (Version: 3) => header_tags transactional_id group_id producer_id producer_epoch generation_id
 *     member_id group_instance_id [topics] tags
 *   transactional_id, group_id, member_id => COMPACT_STRING
 *   group_instance_id => COMPACT_NULLABLE_STRING
 *   producer_id => INT64
 *   producer_epoch => INT16
 *   generation_id => INT32
 *   topics => name [partitions] tags
 *     name => COMPACT_STRING
 *     partitions => partition_index committed_offset committed_leader_epoch committed_metadata tags
 *       partition_index, committed_leader_epoch => INT32
 *       committed_offset => INT64
 *       committed_metadata => COMPACT_NULLABLE_STRING
 */
function encode({ transactionalId, groupId, producerId, producerEpoch, topics }: TxnOffsetCommitArgs, member: OffsetsMember): Encoder {
  return endTags(
    endTags(encoder())
      .writeUVarIntString(transactionalId)
      .writeUVarIntString(groupId)
      .writeInt64(producerId)
      .writeInt16(producerEpoch)
      .writeInt32(member.generationId)
      .writeUVarIntString(member.memberId)
      .writeUVarIntString(member.groupInstanceId ?? null)
      .writeUVarIntArray(topics.map(encodeTopic)),
  );
}

function encodeTopic({ topic, partitions }: TopicOffsets): Encoder {
  return endTags(encoder().writeUVarIntString(topic).writeUVarIntArray(partitions.map(encodePartition)));
}

function encodePartition({ partition, offset, metadata }: TopicOffsets['partitions'][number]): Encoder {
  return endTags(
    encoder()
      .writeInt32(partition)
      .writeInt64(offset)
      .writeInt32(-1) // The leader epoch of the last record is not known.
      .writeUVarIntString(metadata ?? ''),
  );
}

/**
 * TxnOffsetCommit Response (Version: 3) => header_tags throttle_time_ms [topics] tags
 *   throttle_time_ms => INT32
 *   topics => name [partitions] tags
 *     name => COMPACT_STRING
 *     partitions => partition_index error_code tags
 *       partition_index => INT32
 *       error_code => INT16
 */
function decode(bytes: Buffer): TxnOffsetCommitResponse {
  const from = decoder(bytes);
  skipTags(from);
  return {
    clientSideThrottleTime: from.readInt32(),
    topics: readStructures(from, () => ({
      topic: from.readUVarIntString(),
      partitions: readStructures(from, () => ({ partition: from.readInt32(), errorCode: from.readInt16() })),
    })),
  };
}

function parse(data: TxnOffsetCommitResponse): Promise<TxnOffsetCommitResponse> {
  for (const { partitions } of data.topics) {
    for (const { errorCode } of partitions) if (errorCode !== 0) return Promise.reject(errorFromCode(errorCode));
  }
  return Promise.resolve(data);
}
