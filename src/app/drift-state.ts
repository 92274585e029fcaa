import type { Kafka } from 'kafkajs';
import type { StateValues } from '../drift/merger-state.ts';
import { partitionRanges, readRanges } from '../kafka/topic-reader.ts';

/**
 * Reads the state topic of drift to its end: the last value of each key. Waits for transactions that are being decided.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`
 */
export async function readStateTopic(kafka: Kafka, topic: string): Promise<StateValues> {
  const values = new Map<string, string | null>();
  for await (const batch of readRanges(kafka, topic, await partitionRanges(kafka, topic), { openTransactions: 'wait' })) {
    const { buffer, keyStart, keyLength, valueStart, valueLength } = batch;
    const text = (start: number, length: number): string => buffer.toString('utf8', start, start + length);
    for (let i = 0; i < batch.count; i++) {
      if (keyLength[i]! < 0) continue;
      const key = text(keyStart[i]!, keyLength[i]!);
      if (valueLength[i]! < 0) values.delete(key);
      else values.set(key, text(valueStart[i]!, valueLength[i]!));
    }
  }
  return values;
}
