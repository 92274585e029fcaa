import type { Message, TopicMessages } from 'kafkajs';
import { decodeHeaders, type OutputRecords } from '../core/outputs.ts';

/** What one topic accepts. */
export interface TopicLimits {
  readonly partitions: number;
  /** Bytes of one partition in one request, framing included. A single larger record goes alone. */
  readonly partitionBytes: number;
}

/** Framing of a record in a batch, at most. */
const RECORD_OVERHEAD = 40;

/** Partition of records that murmur2 of their key places; which one it is, is not known here. */
const BY_KEY = -1;

/**
 * Cuts outputs into produce requests in which no partition exceeds what its topic accepts. Order within a partition is
 * kept. A record keeps the partition number that it names; where the topic has no such partition, murmur2 of its key decides,
 * as in Java's default partitioner.
 */
export function* produceRequests(outputs: readonly OutputRecords[], limitsOf: (topic: string) => TopicLimits): Generator<TopicMessages[]> {
  let request: TopicMessages[] = [];
  for (const output of outputs) {
    const { partitions, partitionBytes } = limitsOf(output.topic);
    let messages: Message[] = [];
    const sizes = new Map<number, number>();
    for (let i = 0; i < output.count; i++) {
      const hint = output.partition[i]!;
      const partition = hint < partitions ? hint : BY_KEY;
      const size = RECORD_OVERHEAD + Math.max(0, output.keyLength[i]!) + Math.max(0, output.valueLength[i]!) + output.headerLength[i]!;
      // Records placed by key may all fall into one partition, together with those that name it.
      const filled = partition === BY_KEY ? sum(sizes) : (sizes.get(partition) ?? 0) + (sizes.get(BY_KEY) ?? 0);
      if (filled + size > partitionBytes && messages.length > 0) {
        yield [...request, { topic: output.topic, messages }];
        request = [];
        messages = [];
        sizes.clear();
      }
      sizes.set(partition, (sizes.get(partition) ?? 0) + size);
      messages.push(messageFrom(output, i, partition));
    }
    if (messages.length > 0) request.push({ topic: output.topic, messages });
  }
  if (request.length > 0) yield request;
}

function sum(sizes: ReadonlyMap<number, number>): number {
  let total = 0;
  for (const size of sizes.values()) total += size;
  return total;
}

function messageFrom(output: OutputRecords, i: number, partition: number): Message {
  const { buffer } = output;
  const slice = (start: number, length: number): Buffer | null => (length < 0 ? null : buffer.subarray(start, start + length));
  const message: Message = {
    key: slice(output.keyStart[i]!, output.keyLength[i]!),
    value: slice(output.valueStart[i]!, output.valueLength[i]!),
    timestamp: String(output.timestamps[i]!),
  };
  if (partition !== BY_KEY) message.partition = partition;
  if (output.headerLength[i]! > 0) {
    const headers: Record<string, Buffer | Buffer[]> = Object.create(null) as Record<string, Buffer>;
    for (const { key, value } of decodeHeaders(buffer, output.headerStart[i]!, output.headerLength[i]!)) {
      const bytes = Buffer.from(value ?? []);
      const before = headers[key];
      headers[key] = before === undefined ? bytes : [...(Array.isArray(before) ? before : [before]), bytes];
    }
    message.headers = headers;
  }
  return message;
}
