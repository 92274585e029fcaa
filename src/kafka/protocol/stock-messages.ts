/** Stands in for `columnar-produce.ts` while that is switched off: drafts as the message objects of stock kafkajs. */
import type { Message } from 'kafkajs';
import { decodeHeaders } from '../../core/headers.ts';
import { type OutputRecords } from '../../core/outputs.ts';
import type { TopicDraft } from './partition-draft.ts';

/**
 * The records of a topic, each with its partition; their order within a partition is kept. Keys and values lie in the
 * outputs. Stock has no null header values (they become empty) and puts headers with the same key together.
 */
export function stockMessages(topic: TopicDraft): Message[] {
  const messages: Message[] = [];
  for (const [partition, draft] of topic.partitions) {
    for (const { records, from, to } of draft.pieces) {
      for (let at = from; at < to; at++) messages.push(messageFrom(records, draft.indices[at]!, partition));
    }
  }
  return messages;
}

function messageFrom(records: OutputRecords, i: number, partition: number): Message {
  const { buffer } = records;
  const slice = (start: number, length: number): Buffer | null => (length < 0 ? null : buffer.subarray(start, start + length));
  return {
    partition,
    key: slice(records.keyStart[i]!, records.keyLength[i]!),
    value: slice(records.valueStart[i]!, records.valueLength[i]!),
    timestamp: String(records.timestamps[i]!),
    headers: headersFrom(records, i),
  };
}

function headersFrom({ buffer, headerStart, headerLength }: OutputRecords, i: number): Record<string, Buffer | Buffer[]> {
  const headers = Object.create(null) as Record<string, Buffer | Buffer[]>;
  for (const { key, value } of decodeHeaders(buffer, headerStart[i]!, headerLength[i]!)) {
    const bytes = Buffer.from(value ?? []);
    const before = headers[key];
    headers[key] = before === undefined ? bytes : [...(Array.isArray(before) ? before : [before]), bytes];
  }
  return headers;
}
