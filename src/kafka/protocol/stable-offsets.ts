/**
 * A guarded addition to kafkajs 2.2.4: the committed offsets of a group once no open transaction can change them (KIP-447).
 *
 * kafkajs speaks OffsetFetch up to version 4, which answers at once with what was committed last. When the previous owner
 * of a partition has an open transaction with offsets of it, that is too early: the transaction may still commit, and the
 * new owner would have read its records again. Version 7 (Kafka 2.5) with `require_stable` is refused by
 * UNSTABLE_OFFSET_COMMIT until the transaction ends; here that is waited for.
 */
import { type Clock, sleep, systemClock } from '../../core/clock.ts';
import { API_KEYS, type BrokerInternals, type BrokerRequest, requireVersion, sendRequest } from './cluster-extension.ts';
import { type Decoder, decoder, encoder, endTags, errorFromCode, readStructures, skipTags } from './flexible.ts';

/** Which offsets to fetch. */
export interface StableOffsetsQuery {
  readonly groupId: string;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** True ends the wait: the partitions are not ours any more, or the worker stops. */
  isCancelled(): boolean;
  /** Called at each pause, for a wait may outlast the session time-out: the place for a heartbeat. What it throws ends the wait. */
  onWait?(): Promise<void>;
}

/** Committed positions as a broker gives them; offset −1: none. */
interface OffsetFetchResponse {
  readonly clientSideThrottleTime: number;
  readonly partitions: readonly { readonly partition: number; readonly offset: number; readonly errorCode: number }[];
  readonly errorCode: number;
}

const VERSION = 7;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 50;
const UNSTABLE = 'UNSTABLE_OFFSET_COMMIT';

/**
 * The committed offsets of `partitions`, after every transaction with offsets of them has ended. A partition without a
 * commit is not in the map. The wait has no end of its own: a broker ends a transaction after its time-out.
 * @param broker the coordinator of the group
 * @throws KafkaJSProtocolError as the broker says; UNSTABLE_OFFSET_COMMIT when the wait was cancelled
 * @throws WeirError `config_invalid` when the broker is older than Kafka 2.5
 */
export async function fetchStableOffsets(
  broker: BrokerInternals,
  query: StableOffsetsQuery,
  clock: Clock = systemClock,
): Promise<Map<number, number>> {
  requireVersion(broker, 'OffsetFetch', VERSION, '2.5');
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs + 10, MAX_PAUSE_MS)) {
    try {
      const { partitions } = await sendRequest(broker, offsetFetch(query));
      return new Map(partitions.filter(({ offset }) => offset >= 0).map(({ partition, offset }) => [partition, offset]));
    } catch (error) {
      if ((error as { type?: string }).type !== UNSTABLE || query.isCancelled()) throw error;
    }
    await query.onWait?.();
    await sleep(clock, pauseMs);
  }
}

/** OffsetFetch version 7, one topic. */
export function offsetFetch({
  groupId,
  topic,
  partitions,
}: Pick<StableOffsetsQuery, 'groupId' | 'topic' | 'partitions'>): BrokerRequest<OffsetFetchResponse> {
  /*
   * OffsetFetch Request (Version: 7) => header_tags group_id [topics] require_stable tags
   *   group_id => COMPACT_STRING
   *   topics => name [partition_indexes] tags
   *     name => COMPACT_STRING
   *     partition_indexes => INT32
   *   require_stable => BOOLEAN
   */
  const encode = (): unknown => {
    const indexes = partitions.map((partition) => encoder().writeInt32(partition));
    const asked = endTags(encoder().writeUVarIntString(topic).writeUVarIntArray(indexes));
    return endTags(endTags(encoder()).writeUVarIntString(groupId).writeUVarIntArray([asked]).writeBoolean(true));
  };
  return {
    request: {
      apiKey: API_KEYS['OffsetFetch']!,
      apiVersion: VERSION,
      apiName: 'OffsetFetch',
      encode: () => Promise.resolve(encode()),
    },
    response: { decode: (bytes) => Promise.resolve(decode(bytes)), parse },
    logResponseError: false, // To wait is the purpose of this request; what ends it is thrown.
  };
}

/**
 * OffsetFetch Response (Version: 7) => header_tags throttle_time_ms [topics] error_code tags
 *   throttle_time_ms => INT32
 *   topics => name [partitions] tags
 *     name => COMPACT_STRING
 *     partitions => partition_index committed_offset committed_leader_epoch metadata error_code tags
 *       partition_index, committed_leader_epoch => INT32
 *       committed_offset => INT64
 *       metadata => COMPACT_NULLABLE_STRING
 *       error_code => INT16
 *   error_code => INT16
 */
function decode(bytes: Buffer): OffsetFetchResponse {
  const from = decoder(bytes);
  skipTags(from);
  const clientSideThrottleTime = from.readInt32();
  const topics = readStructures(from, () => {
    from.readUVarIntString();
    return readStructures(from, decodePartition);
  });
  return { clientSideThrottleTime, partitions: topics.flat(), errorCode: from.readInt16() };
}

function decodePartition(from: Decoder): OffsetFetchResponse['partitions'][number] {
  const partition = from.readInt32();
  const offset = Number(from.readInt64());
  from.readInt32();
  from.readUVarIntString();
  return { partition, offset, errorCode: from.readInt16() };
}

function parse(data: OffsetFetchResponse): Promise<OffsetFetchResponse> {
  for (const { errorCode } of [data, ...data.partitions]) if (errorCode !== 0) return Promise.reject(errorFromCode(errorCode));
  return Promise.resolve(data);
}
