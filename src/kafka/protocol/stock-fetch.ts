/**
 * Stands in for `columnar-fetch.ts` while that is switched off: fetches by kafkajs' own `Broker.fetch`, filters by its own
 * `Batch`, and writes what is left as one segment, so that nothing behind it knows the difference. For diagnosis: what stock
 * gets wrong (see `aborted.ts`) stays wrong, and headers lose the order of repeated keys.
 */
import kafkajs, { type KafkaMessage } from 'kafkajs';
import { encodeHeaders, type Header } from '../../core/headers.ts';
import type { FetchBroker, FetchedPartition, FetchOptions, PartitionFetch } from './columnar-fetch.ts';
import { type Encoder, encoder } from './flexible.ts';
import { kafkajsInternal } from './guard.ts';
import type { Segment } from './record-sets.ts';

/** A partition of a response of `Broker.fetch`; offsets are decimal text. */
interface StockPartition {
  readonly partition: number;
  readonly highWatermark: string;
  readonly lastStableOffset?: string;
  /** From version 5 of the request. */
  readonly lastStartOffset?: string;
}

type StockMessage = Pick<KafkaMessage, 'key' | 'value' | 'headers' | 'offset' | 'timestamp'>;

interface StockBatch {
  readonly messages: readonly StockMessage[];
  isEmpty(): boolean;
  isEmptyDueToFiltering(): boolean;
  lastOffset(): string;
}

type StockFetch = (options: object) => Promise<{ responses: readonly { topicName: string; partitions: readonly StockPartition[] }[] }>;

/** What kafkajs' `Encoder` can do beyond the flexible versions. */
interface RecordEncoder extends Encoder {
  writeInt8(value: number): RecordEncoder;
  writeVarInt(value: number): RecordEncoder;
  writeVarLong(value: number): RecordEncoder;
  writeVarIntBytes(value: Buffer | null): RecordEncoder;
  writeBuffer(value: Buffer): RecordEncoder;
}

/**
 * As `fetchColumns`, by stock kafkajs.
 * @throws what `Broker.fetch` throws; an offset out of range is the error of its partition, in which nothing else came
 */
export async function fetchByStock(
  broker: FetchBroker,
  partitions: readonly PartitionFetch[],
  options: FetchOptions,
): Promise<FetchedPartition[]> {
  const Batch = kafkajsInternal<new (topic: string, offset: string, data: StockPartition) => StockBatch>('src/consumer/batch.js');
  const offsets = new Map(partitions.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
  const topics = Array.from(
    Map.groupBy(partitions, ({ topic }) => topic),
    ([topic, of]) => ({
      topic,
      partitions: of.map(({ partition, offset, maxBytes }) => ({ partition, fetchOffset: String(offset), maxBytes })),
    }),
  );
  try {
    const { responses } = await (broker as FetchBroker & { fetch: StockFetch }).fetch({
      maxWaitTime: options.maxWaitTimeMs,
      minBytes: options.minBytes,
      maxBytes: options.maxBytes,
      isolationLevel: options.isolation === 'read_committed' ? 1 : 0,
      topics,
    });
    return responses.flatMap(({ topicName: topic, partitions: of }) =>
      of.map((data) => {
        const fetchedOffset = offsets.get(`${topic}-${data.partition}`)!;
        return fetchedFrom(topic, fetchedOffset, data, new Batch(topic, String(fetchedOffset), data));
      }),
    );
  } catch (thrown) {
    if (!(thrown instanceof kafkajs.KafkaJSOffsetOutOfRange)) throw thrown;
    const { topic, partition } = thrown;
    return [{ ...nothing(topic, partition, offsets.get(`${topic}-${partition}`)!), error: thrown }];
  }
}

function fetchedFrom(topic: string, fetchedOffset: number, data: StockPartition, batch: StockBatch): FetchedPartition {
  const head = {
    ...nothing(topic, data.partition, fetchedOffset),
    highWatermark: Number(data.highWatermark),
    lastStableOffset: Number(data.lastStableOffset ?? data.highWatermark),
    logStartOffset: Number(data.lastStartOffset ?? -1),
  };
  // As kafkajs' runner moves its positions: on after what was filtered out, and not where nothing came.
  if (batch.isEmpty() && !batch.isEmptyDueToFiltering()) return head;
  const nextOffset = Number(batch.lastOffset()) + 1;
  if (batch.isEmpty()) return { ...head, nextOffset };
  const { messages } = batch;
  const buffer = Buffer.concat(messages.map((message) => recordOf(message, messages[0]!)));
  return { ...head, nextOffset, buffer, segments: [segmentOf(messages, buffer.length)], maxCount: messages.length };
}

function nothing(topic: string, partition: number, fetchedOffset: number): FetchedPartition {
  return {
    ...{ topic, partition, fetchedOffset, nextOffset: fetchedOffset, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 },
    ...{ error: undefined, buffer: Buffer.alloc(0), segments: [], maxCount: 0, partialBytes: 0, preferredReadReplica: -1 },
  };
}

function segmentOf(messages: readonly StockMessage[], end: number): Segment {
  const baseTimestamp = Number(messages[0]!.timestamp);
  return {
    baseOffset: Number(messages[0]!.offset),
    lastOffset: Number(messages.at(-1)!.offset),
    count: messages.length,
    start: 0,
    end,
    baseTimestamp,
    maxTimestamp: baseTimestamp,
    isLogAppendTime: false, // The time of each record is its own here, whatever it was in the log.
  };
}

/** A record as in a record batch that begins with `first`; see `walkRecords`. */
function recordOf({ offset, timestamp, key, value, headers }: StockMessage, first: StockMessage): Buffer {
  const body = (encoder() as RecordEncoder)
    .writeInt8(0)
    .writeVarLong(Number(timestamp) - Number(first.timestamp))
    .writeVarInt(Number(offset) - Number(first.offset))
    .writeVarIntBytes(key)
    .writeVarIntBytes(value)
    .writeBuffer(encodeHeaders(headersOf(headers))).buffer;
  return (encoder() as RecordEncoder).writeVarInt(body.length).writeBuffer(body).buffer;
}

function headersOf(headers: StockMessage['headers']): Header[] {
  return Object.entries(headers ?? {}).flatMap(([key, values]) =>
    // Stock reads bytes, and null where the header has none.
    (Array.isArray(values) ? values : [values]).map((value) => ({ key, value: (value as Buffer | null) ?? null })),
  );
}
