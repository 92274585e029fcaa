/**
 * An addition to kafkajs 2.2.4, not a patch: a fetch whose records stay bytes. kafkajs makes an object, two strings and
 * four Longs of every record, checks no checksum, lets aborted records through (see `aborted.ts`) and cannot pass a fetch
 * that holds nothing but a batch that compaction has emptied. Here the request is encoded and sent by kafkajs, over its own
 * connection with its authentication, throttling, time-outs and events; only the response is read anew.
 */
import { WeirError } from '../../core/errors.ts';
import { AbortedTransactions } from './aborted.ts';
import { type PartitionResponse, readFetchResponse } from './columnar-fetch-response.ts';
import { kafkajsInternal } from './guard.ts';
import { readRecordSet, type Segment } from './record-sets.ts';

interface FetchRequest {
  readonly request: { readonly apiVersion: number };
  readonly response: unknown;
}

/** The part of kafkajs' internal `Broker` that is used here; `cluster.findBroker({nodeId})` gives one, connected. */
export interface FetchBroker {
  lookupRequest(apiKey: number, definition: unknown): (options: object) => FetchRequest;
  readonly connectionPool: { send(request: FetchRequest): Promise<unknown> };
  disconnect(): Promise<void>;
}

/** From where to read a partition. */
export interface PartitionFetch {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Most bytes of the partition, but for one batch that is larger. */
  readonly maxBytes: number;
}

/** How to fetch. */
export interface FetchOptions {
  readonly maxWaitTimeMs: number;
  readonly minBytes: number;
  /** Of the response as a whole. */
  readonly maxBytes: number;
  readonly isolation: 'read_committed' | 'read_uncommitted';
  /** KIP-392; see `FetchedPartition.preferredReadReplica`. */
  readonly rackId?: string;
}

/**
 * One partition of a fetch response: visible segments over one buffer. Control batches, aborted and emptied ones and those
 * before the fetched offset are left out. The buffer may be that of the whole response, shared with other partitions.
 */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** What was asked for. */
  readonly fetchedOffset: number;
  /** Where to go on: after the last whole batch that was looked at; `fetchedOffset` when nothing whole came. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** −1 when the broker is too old to say (before 1.0). */
  readonly logStartOffset: number;
  /** As kafkajs makes them: `KafkaJSProtocolError`, or `KafkaJSOffsetOutOfRange` with topic and partition. */
  readonly error: Error | undefined;
  readonly buffer: Buffer;
  readonly segments: readonly Segment[];
  /** Sum of the segments' counts: upper bound of the records, for some may lie before `fetchedOffset`. */
  readonly maxCount: number;
  /** Of the last batch only the beginning came: its whole size in bytes, as far as it is known. Else 0. */
  readonly partialBytes: number;
  /** Node id of a replica in our rack to fetch from instead; there are no records then. −1: none. */
  readonly preferredReadReplica: number;
}

const FETCH_KEY = 1;
const FIRST_VERSION = 4;
/** From here on the broker leaves throttling to the client (KIP-219). */
const CLIENT_THROTTLE_VERSION = 8;
const OFFSET_OUT_OF_RANGE = 1;
const EMPTY = Buffer.alloc(0);

interface ErrorsInternals {
  createErrorFromCode(code: number): Error;
}

interface RequestsInternals {
  readonly requests: { readonly Fetch: unknown };
}

interface KafkajsErrors {
  readonly KafkaJSOffsetOutOfRange: new (error: Error, where: { topic: string; partition: number }) => Error;
}

/**
 * Fetches from one broker, which must be connected.
 * @returns one entry per partition of the response, in the broker's order; a partition may be missing
 * @throws what kafkajs throws when the connection fails or the request as a whole is refused; WeirError
 *   `record_batch_corrupt`, `record_batch_too_large`, `compression_unsupported` or `record_format_unsupported` when the log
 *   holds what cannot be read; `state_invalid` when another version of kafkajs is installed
 */
export async function fetchColumns(
  broker: FetchBroker,
  partitions: readonly PartitionFetch[],
  options: FetchOptions,
): Promise<FetchedPartition[]> {
  const { requests } = kafkajsInternal<RequestsInternals>('src/protocol/requests/index.js');
  const stock = broker.lookupRequest(
    FETCH_KEY,
    requests.Fetch,
  )({
    maxWaitTime: options.maxWaitTimeMs,
    minBytes: options.minBytes,
    maxBytes: options.maxBytes,
    isolationLevel: options.isolation === 'read_committed' ? 1 : 0,
    topics: requestTopics(partitions),
    ...(options.rackId === undefined ? {} : { rackId: options.rackId }),
  });
  const version = stock.request.apiVersion;
  if (version < FIRST_VERSION) {
    throw new WeirError(
      'record_format_unsupported',
      `The broker speaks version ${version} of the fetch API; weir needs Kafka 0.11 or newer.`,
    );
  }
  const payload = withoutWaste(await send(broker, { ...stock, response: payloadOf(version) }));
  const { errorCode, partitions: responses } = readFetchResponse(payload, version);
  if (errorCode !== 0) throw kafkajsInternal<ErrorsInternals>('src/protocol/error.js').createErrorFromCode(errorCode);
  const offsets = new Map(partitions.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
  return await Promise.all(
    responses.map(async (response) => await fetchedPartition(payload, response, offsets.get(`${response.topic}-${response.partition}`))),
  );
}

/**
 * The partitions by topic in a random order, as kafkajs does it, for the broker fills a response from the front (KIP-74).
 */
function requestTopics(partitions: readonly PartitionFetch[]): { topic: string; partitions: object[] }[] {
  const shuffle = kafkajsInternal<<T>(items: readonly T[]) => T[]>('src/utils/shuffle.js');
  const topics: { topic: string; partitions: object[] }[] = [];
  for (const { topic, partition, offset, maxBytes } of shuffle(partitions)) {
    let last = topics.at(-1);
    if (last?.topic !== topic) topics.push((last = { topic, partitions: [] }));
    last.partitions.push({ partition, fetchOffset: String(offset), maxBytes });
  }
  return topics;
}

/** Takes the place of kafkajs' decoder: hands the bytes out as they are, and the throttle time to kafkajs. */
function payloadOf(version: number): object {
  return {
    decode: async (payload: Buffer) => ({
      payload,
      clientSideThrottleTime: version >= CLIENT_THROTTLE_VERSION && payload.length >= 4 ? payload.readInt32BE(0) : undefined,
    }),
    parse: async ({ payload }: { payload: Buffer }) => payload,
  };
}

/**
 * A small response is a slice of the 64 kB that a socket was read into, and would keep all of that in memory for as long
 * as its records are queued.
 */
function withoutWaste(payload: Buffer): Buffer {
  if (payload.length * 4 >= payload.buffer.byteLength) return payload;
  const own = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(own);
  return own;
}

/** Sends as `Broker` itself does, which keeps its own way of sending private. */
async function send(broker: FetchBroker, request: FetchRequest): Promise<Buffer> {
  try {
    return (await broker.connectionPool.send(request)) as Buffer;
  } catch (thrown) {
    if ((thrown as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw thrown;
  }
}

async function fetchedPartition(
  payload: Buffer,
  response: PartitionResponse,
  fetchedOffset: number | undefined,
): Promise<FetchedPartition> {
  const { aborted, errorCode, start, end, ...head } = response;
  const { topic, partition } = head;
  if (fetchedOffset === undefined) {
    throw new WeirError('record_batch_corrupt', `The fetch response holds ${topic}-${partition}, which was not asked for.`);
  }
  const error = errorCode === 0 ? undefined : partitionError(errorCode, topic, partition);
  const records =
    error || start === end
      ? { buffer: EMPTY, segments: [], maxCount: 0, nextOffset: fetchedOffset, partialBytes: 0 }
      : await readRecordSet({ topic, partition, buffer: payload, start, end, fetchedOffset, aborted: new AbortedTransactions(aborted) });
  return { ...head, fetchedOffset, error, ...records };
}

function partitionError(code: number, topic: string, partition: number): Error {
  const error = kafkajsInternal<ErrorsInternals>('src/protocol/error.js').createErrorFromCode(code);
  if (code !== OFFSET_OUT_OF_RANGE) return error;
  const { KafkaJSOffsetOutOfRange } = kafkajsInternal<KafkajsErrors>('src/errors.js');
  return new KafkaJSOffsetOutOfRange(error, { topic, partition });
}
