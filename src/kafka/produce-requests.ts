import type { Message, RecordMetadata, TopicMessages } from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import { type FramedBatch, FramedOutputRecords } from '../core/framed-outputs.ts';
import type { OutputRecords } from '../core/outputs.ts';
import { partitionOfKey } from './murmur2.ts';
import { installColumnarProduce } from './protocol/columnar-produce.ts';
import { type PartitionDraft, recordBytes, TopicDraft } from './protocol/partition-draft.ts';
import { stockMessages } from './protocol/stock-messages.ts';
import { isStock } from './protocol/switches.ts';

/** What one topic accepts. */
export interface TopicLimits {
  /** At least 1. */
  readonly partitions: number;
  /** Bytes of one partition in one request, framing included and before compression. A single larger record goes alone. */
  readonly partitionBytes: number;
}

/**
 * Brokers close the connection on a request beyond `socket.request.max.bytes`, 100 MB by default, which from here looks like a
 * broker that went away, again and again. Dead letters of large records could come near it.
 */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/** Neither the record nor its key says where it belongs. */
const ANY = -1;

/**
 * Cuts outputs into produce requests in which no partition exceeds what its topic accepts. Order within a partition is
 * kept. A record keeps the partition number that it names; where the topic has no such partition, murmur2 of its key decides,
 * as in Java's default partitioner. A record without a key goes to the partitions in turn, as in kafkajs'.
 *
 * What is yielded goes to `sendBatch` of a kafkajs producer as it is. It reads the outputs when it is sent, so they must not
 * change before; it is void once the next request is asked for or the loop ends.
 */
export function* produceRequests(
  outputs: readonly OutputRecords[],
  limitsOf: (topic: string) => TopicLimits,
): Generator<TopicMessages[], void, void> {
  // Stock's encoder knows nothing of drafts.
  const isColumnar = !isStock('columnar-produce');
  if (isColumnar) installColumnarProduce();
  const requests = new Requests();
  for (const output of outputs) {
    const limits = limitsOf(output.topic);
    const batches = isColumnar && output instanceof FramedOutputRecords ? output.batches : undefined;
    if (batches?.every(({ partition, bytes }) => partition >= 0 && partition < limits.partitions && bytes <= limits.partitionBytes))
      yield* requests.addBatches(output, batches);
    else yield* requests.addRecords(output, limits);
  }
  yield* requests.send();
}

/** The request that is being filled. */
class Requests {
  private topics = new Map<string, TopicDraft>();
  /** Of all its records, at most. */
  private bytes = 0;

  /** Batches that are framed already: each becomes the draft of its partition. */
  *addBatches(output: OutputRecords, batches: readonly FramedBatch[]): Generator<TopicMessages[], void, void> {
    for (const batch of batches) {
      if (batch.count === 0) continue;
      if (this.topics.get(output.topic)?.partitions.has(batch.partition) || this.isFull(batch.bytes)) yield* this.send();
      this.draftOf(output.topic, batch.partition).adopt(output, batch);
      this.bytes += batch.bytes;
    }
  }

  /** Records one by one. */
  *addRecords(output: OutputRecords, limits: TopicLimits): Generator<TopicMessages[], void, void> {
    // A random start: else the first partition would get every record that is alone in its request.
    let turn = Math.floor(Math.random() * limits.partitions);
    for (let i = 0; i < output.count; i++) {
      let partition = partitionOf(output, i, limits.partitions);
      if (partition === ANY) {
        partition = turn;
        turn = (turn + 1) % limits.partitions;
      }
      const size = recordBytes(output, i);
      const begun = this.topics.get(output.topic)?.partitions.get(partition);
      if ((begun && (begun.framed || begun.maxBytes + size > limits.partitionBytes)) || this.isFull(size)) yield* this.send();
      this.draftOf(output.topic, partition).add(output, i, size);
      this.bytes += size;
    }
  }

  /** Yields what there is as a request and begins the next. */
  *send(): Generator<TopicMessages[], void, void> {
    const { topics } = this;
    if (topics.size === 0) return;
    this.topics = new Map();
    this.bytes = 0;
    try {
      const messagesOf = isStock('columnar-produce') ? stockMessages : (draft: TopicDraft) => draft as unknown as Message[];
      yield Array.from(topics, ([topic, draft]) => ({ topic, messages: messagesOf(draft) }));
    } finally {
      for (const draft of topics.values()) draft.release();
    }
  }

  private isFull(more: number): boolean {
    return this.bytes > 0 && this.bytes + more > MAX_REQUEST_BYTES;
  }

  /** Makes it at the first call; a draft without records must not be sent. */
  private draftOf(topic: string, partition: number): PartitionDraft {
    let drafts = this.topics.get(topic);
    if (!drafts) {
      drafts = new TopicDraft();
      this.topics.set(topic, drafts);
    }
    return drafts.of(partition);
  }
}

/**
 * Makes sure that every partition of a request was written: kafkajs leaves out, without a word, what its metadata does not
 * show (a topic that was made again with fewer partitions).
 * @throws WeirError `kafka_unavailable`
 */
export function assertAcknowledged(request: readonly TopicMessages[], acknowledged: readonly RecordMetadata[]): void {
  const answered = new Set(acknowledged.map(({ topicName, partition }) => `${topicName}-${partition}`));
  for (const { topic, messages } of request) {
    for (const partition of partitionsOf(messages)) {
      if (answered.has(`${topic}-${partition}`)) continue;
      throw new WeirError(
        'kafka_unavailable',
        `Kafka, writing: no broker was asked for ${topic}-${partition}; its metadata does not show it.`,
      );
    }
  }
}

function partitionsOf(messages: TopicDraft | readonly Message[]): Iterable<number> {
  return messages instanceof TopicDraft ? messages.partitions.keys() : new Set(messages.map(({ partition }) => partition!));
}

function partitionOf(output: OutputRecords, i: number, partitions: number): number {
  const named = output.partition[i]!;
  if (named >= 0 && named < partitions) return named;
  const keyLength = output.keyLength[i]!;
  return keyLength < 0 ? ANY : partitionOfKey(output.buffer, output.keyStart[i]!, keyLength, partitions);
}
