import type { Kafka } from 'kafkajs';
import { type Clock, sleep } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch } from '../core/records.ts';
import { weirErrorFromKafka } from './errors.ts';
import { type Cluster, createCluster } from './protocol/cluster.ts';
import { type FetchBroker, fetchColumns, type FetchedPartition, type PartitionFetch } from './protocol/columnar-fetch.ts';
import { RecordColumns, walkRecords } from './protocol/record-walker.ts';

/** Options of a `TopicTail`. */
export interface TopicTailOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  /** Most bytes of a fetch of one partition, but for one batch that is larger. Default 1 MiB. */
  readonly maxBytesPerPartition?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Partitions are looked up again so often: there may be more. */
const METADATA_MS = 60_000;

/** Pause after a fetch that failed. */
const RETRY_MS = 500;

/**
 * Reads all partitions of a topic without a consumer group, from positions that the caller keeps: everybody who does so reads everything.
 * Records of transactions that are open or aborted are left out (read_committed).
 */
export class TopicTail {
  private readonly options: TopicTailOptions;
  private readonly cluster: Cluster<FetchBroker>;
  private refreshedAtMs = 0;
  private polls = 0;
  /** Partitions whose last fetch began at their end. */
  private readonly drained = new Set<number>();

  constructor(options: TopicTailOptions) {
    this.options = options;
    this.cluster = createCluster<FetchBroker>(options.kafka);
  }

  /** Connects. @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable` */
  async start(): Promise<void> {
    const { topic } = this.options;
    try {
      await this.cluster.connect();
      await this.cluster.addTargetTopic(topic);
      this.refreshedAtMs = this.options.clock.monotonicMs();
    } catch (thrown) {
      throw weirErrorFromKafka(thrown, `reading topic ${topic}`);
    }
  }

  /** Partitions of the topic, as far as known. */
  partitions(): number[] {
    return this.cluster.findTopicPartitionMetadata(this.options.topic).map(({ partitionId }) => partitionId);
  }

  /** True when the last fetch of a partition found nothing more. */
  isDrained(partition: number): boolean {
    return this.drained.has(partition);
  }

  /**
   * One fetch of each partition. A position that retention has overtaken is moved to the first record that there is.
   * @param positions where to read, by partition; moved past what is returned
   * @param maxWaitMs how long the brokers may wait for records when there are none
   * @returns batches in the order of their partitions; each has buffers of its own
   * @throws WeirError what waiting cannot cure; trouble with the brokers is logged, and gives nothing
   */
  async poll(positions: Map<number, number>, maxWaitMs: number): Promise<RecordBatch[]> {
    const { topic, clock, logger } = this.options;
    try {
      if (clock.monotonicMs() - this.refreshedAtMs > METADATA_MS) await this.refresh();
      const byLeader = Object.entries(this.cluster.findLeaderForPartitions(topic, [...positions.keys()]));
      const answers = await Promise.all(byLeader.map(([nodeId, partitions]) => this.fetch(nodeId, partitions, positions, maxWaitMs)));
      const batches: RecordBatch[] = [];
      for (const fetched of answers.flat()) {
        const batch = await this.accept(fetched, positions);
        if (batch) batches.push(batch);
      }
      return batches.sort((a, b) => a.partition - b.partition);
    } catch (thrown) {
      const error = weirErrorFromKafka(thrown, `reading topic ${topic}`);
      if (error.kind !== 'retriable') throw error;
      logger.warn({ topic, reason: error.message }, 'a topic cannot be read now; tried again');
      await sleep(clock, RETRY_MS);
      await this.refresh().catch(() => {}); // The next poll has the same trouble, and says so.
      return [];
    }
  }

  async close(): Promise<void> {
    await this.cluster.disconnect();
  }

  private async refresh(): Promise<void> {
    await this.cluster.refreshMetadata();
    this.refreshedAtMs = this.options.clock.monotonicMs();
  }

  private async fetch(
    nodeId: string,
    partitions: readonly number[],
    positions: ReadonlyMap<number, number>,
    maxWaitTimeMs: number,
  ): Promise<FetchedPartition[]> {
    const { topic, maxBytesPerPartition: maxBytes = 1 << 20 } = this.options;
    const broker = await this.cluster.findBroker({ nodeId });
    // Brokers give the first partition that has any a whole batch whatever its size, so each is the first in turn (KIP-74).
    const from = this.polls++ % partitions.length;
    const inTurn = [...partitions.slice(from), ...partitions.slice(0, from)];
    const wanted = inTurn.map((partition): PartitionFetch => ({ topic, partition, offset: positions.get(partition)!, maxBytes }));
    return fetchColumns(broker, wanted, { maxWaitTimeMs, minBytes: 1, maxBytes: 16 << 20, isolation: 'read_committed' });
  }

  private async accept(fetched: FetchedPartition, positions: Map<number, number>): Promise<RecordBatch | undefined> {
    const { topic, partition, error, nextOffset, lastStableOffset, fetchedOffset } = fetched;
    if (error?.name === 'KafkaJSOffsetOutOfRange') {
      positions.set(partition, await this.firstOffset(partition, fetchedOffset));
      return undefined;
    }
    if (error) throw error;
    if (nextOffset <= fetchedOffset) {
      if (fetchedOffset >= lastStableOffset) this.drained.add(partition);
      return undefined;
    }
    this.drained.delete(partition);
    positions.set(partition, nextOffset);
    if (fetched.maxCount === 0) return undefined;
    const columns = new RecordColumns();
    const count = walkRecords(fetched, columns);
    if (count === 0) return undefined;
    const { offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = columns;
    return {
      ...{ topic, partition, epoch: 0, count, buffer: fetched.buffer, offsets, timestamps, keyStart, keyLength, valueStart, valueLength },
      ...{ headerStart, headerLength, nextOffset, endOffset: lastStableOffset, arrivedAtMs: 0, bytes: 0 },
    };
  }

  /** @throws WeirError `state_invalid` when the log has become shorter: then positions in it mean nothing any more */
  private async firstOffset(partition: number, position: number): Promise<number> {
    const { topic, logger } = this.options;
    const [found] = await this.cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }]);
    const offset = Number(found?.partitions[0]?.offset ?? 0);
    if (offset < position) {
      const message = `Partition ${partition} of ${topic} ends before offset ${position}, which was read already: the topic was made anew or has lost records.`;
      throw new WeirError('state_invalid', `${message} Start the worker again: it reads the partition from its beginning.`);
    }
    logger.warn(
      { topic, partition, offset },
      'what was to be read next is not in the topic any more; going on with the first record there is',
    );
    return offset;
  }
}
