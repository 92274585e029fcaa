import type { Kafka } from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import type { RecordBatch } from '../core/records.ts';
import { weirErrorFromKafka } from './errors.ts';
import { type Cluster, createCluster } from './protocol/cluster.ts';
import { type FetchBroker, fetchColumns, type FetchedPartition } from './protocol/columnar-fetch.ts';
import { RecordColumns, walkRecords } from './protocol/record-walker.ts';

/** A stretch of one partition. */
export interface PartitionRange {
  readonly partition: number;
  /** First offset. */
  readonly from: number;
  /** The offset after the last. */
  readonly to: number;
}

/** How to read. */
export interface ReadOptions {
  /** At a transaction that is still open: end the partition there, or wait until it is decided. */
  readonly openTransactions: 'stop' | 'wait';
}

/** A fetch waits so long for data. */
const MAX_WAIT_MS = 500;
const MAX_BYTES = 8 << 20;
/** Fetches in a row that fail or bring nothing before reading is given up. */
const MAX_ATTEMPTS = 10;
const PAUSE_MS = 200;
/** Longer than any transaction of weir may stay open. */
const OPEN_TRANSACTION_MS = 60_000;

/**
 * The partitions of a topic as they are now, from the first record to the high watermark: records of transactions that are
 * still open are within.
 * @param fromMs only records from the first one on whose timestamp is at or after this
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`
 */
export async function partitionRanges(kafka: Kafka, topic: string, fromMs?: number): Promise<PartitionRange[]> {
  return withCluster(kafka, topic, async (cluster) => {
    const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }));
    const offsets = async (from: { fromBeginning: boolean } | { fromTimestamp: number }): Promise<Map<number, number>> => {
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, ...from }]);
      return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    };
    const highs = await offsets({ fromBeginning: false });
    const lows = await offsets({ fromBeginning: true });
    const starts = fromMs === undefined ? undefined : await offsets({ fromTimestamp: Math.floor(fromMs) });
    return [...highs]
      .map(([partition, to]) => {
        const start = starts?.get(partition) ?? 0;
        // −1: no record is so young.
        return { partition, from: start < 0 ? to : Math.max(lows.get(partition) ?? 0, start), to };
      })
      .sort((a, b) => a.partition - b.partition);
  });
}

/**
 * Reads stretches of a topic one after another, without a consumer group: nothing is joined and nothing is committed.
 * Records of aborted transactions are left out. The last batch of a stretch may go beyond it; a batch is void once the
 * next one is asked for. Trouble with the brokers is waited out a few times.
 * @throws WeirError `kafka_unavailable` and what else the brokers say
 */
export async function* readRanges(
  kafka: Kafka,
  topic: string,
  ranges: readonly PartitionRange[],
  options: ReadOptions,
): AsyncGenerator<RecordBatch> {
  const cluster = createCluster<FetchBroker>(kafka);
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    for (const range of ranges) yield* readRange(cluster, topic, range, options);
  } catch (thrown) {
    throw weirErrorFromKafka(thrown, `reading topic ${topic}`);
  } finally {
    await cluster.disconnect();
  }
}

async function withCluster<T>(kafka: Kafka, topic: string, use: (cluster: Cluster<FetchBroker>) => Promise<T>): Promise<T> {
  const cluster = createCluster<FetchBroker>(kafka);
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    return await use(cluster);
  } catch (thrown) {
    throw weirErrorFromKafka(thrown, `looking at topic ${topic}`);
  } finally {
    await cluster.disconnect();
  }
}

async function* readRange(
  cluster: Cluster<FetchBroker>,
  topic: string,
  { partition, from, to }: PartitionRange,
  { openTransactions }: ReadOptions,
): AsyncGenerator<RecordBatch> {
  const columns = new RecordColumns();
  let position = from;
  let maxBytes = MAX_BYTES;
  let failures = 0;
  let waitedMs = 0;
  while (position < to) {
    const fetched = await fetchOnce(cluster, topic, partition, position, maxBytes).catch((thrown: unknown) => {
      const error = weirErrorFromKafka(thrown, `reading topic ${topic}`);
      if (error.kind !== 'retriable' || failures >= MAX_ATTEMPTS) throw error;
      return undefined;
    });
    if (fetched && fetched.nextOffset > position) {
      failures = 0;
      waitedMs = 0;
      position = fetched.nextOffset;
      if (fetched.maxCount === 0) continue;
      const count = walkRecords(fetched, columns);
      if (count > 0) yield batchFrom(fetched, columns, count);
    } else if (fetched && fetched.partialBytes === 0 && fetched.lastStableOffset <= position) {
      if (openTransactions === 'stop') return;
      waitedMs += MAX_WAIT_MS;
      if (waitedMs > OPEN_TRANSACTION_MS)
        throw new WeirError('kafka_unavailable', `A transaction in partition ${partition} of ${topic} stays open at offset ${position}.`);
    } else {
      failures++;
      if (failures > MAX_ATTEMPTS)
        throw new WeirError('kafka_unavailable', `Kafka: partition ${partition} of ${topic} gives nothing at offset ${position}.`);
      maxBytes = Math.min(maxBytes * 2, 1 << 30);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await cluster.refreshMetadata();
    }
  }
}

/** One fetch of one partition from its leader. */
async function fetchOnce(
  cluster: Cluster<FetchBroker>,
  topic: string,
  partition: number,
  offset: number,
  maxBytes: number,
): Promise<FetchedPartition> {
  const nodeId = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
  if (nodeId === undefined) throw new WeirError('kafka_unavailable', `Partition ${partition} of ${topic} has no leader.`);
  const broker = await cluster.findBroker({ nodeId });
  const [fetched] = await fetchColumns(broker, [{ topic, partition, offset, maxBytes }], {
    maxWaitTimeMs: MAX_WAIT_MS,
    minBytes: 1,
    maxBytes,
    isolation: 'read_committed',
  });
  if (!fetched) throw new WeirError('kafka_unavailable', `No answer for partition ${partition} of ${topic}.`);
  if (fetched.error) throw fetched.error;
  return fetched;
}

function batchFrom(fetched: FetchedPartition, columns: RecordColumns, count: number): RecordBatch {
  const { topic, partition, nextOffset, lastStableOffset: endOffset, buffer } = fetched;
  const { offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = columns;
  return {
    ...{ topic, partition, epoch: 0, count, buffer, offsets, timestamps, keyStart, keyLength, valueStart, valueLength },
    ...{ headerStart, headerLength, nextOffset, endOffset, arrivedAtMs: 0, bytes: 0 },
  };
}
