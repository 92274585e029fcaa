import type { Kafka } from 'kafkajs';
import { WeirError } from '../../core/errors.ts';
import type { RecordBatch } from '../../core/records.ts';
import { partitionRanges, readRanges } from '../../kafka/topic-reader.ts';
import { AvroWriter } from './avro-writer.ts';
import type { EventFrame } from './event-schema.ts';
import { EventGenerator, type GeneratorOptions } from './generator.ts';

/** Bytes of a pool: enough for what the caches of a machine should not hold, and little enough for its memory. */
const MAX_POOL_BYTES = 128 << 20;

/** Records that are offered again and again: columns as in a `RecordBatch`. */
export type EventPool = Pick<
  RecordBatch,
  'buffer' | 'count' | 'timestamps' | 'keyStart' | 'keyLength' | 'valueStart' | 'valueLength' | 'headerStart' | 'headerLength'
>;

/** What a pool of made-up events is made of. */
export interface SyntheticOptions extends GeneratorOptions {
  readonly frame: EventFrame;
  readonly count: number;
}

/** Makes up events; fewer than `count` when they are large. @throws WeirError `schema_invalid` */
export function syntheticPool(options: SyntheticOptions): EventPool {
  const { frame, count, nowMs } = options;
  const generator = new EventGenerator(options);
  const columns = new PoolColumns(count);
  const { writer } = columns;
  for (let i = 0; i < count && writer.length < MAX_POOL_BYTES; i++) {
    const key = Buffer.from(`event-${i}`);
    columns.begin(nowMs);
    columns.put('key', key);
    columns.put('header', frame.headers);
    columns.put('value', frame.prefix);
    generator.write(writer);
    columns.endValue();
  }
  return columns.finish();
}

/**
 * Copies the youngest records of a topic, about as many of each partition. No group is joined and nothing is committed.
 * @throws WeirError `bench_without_events` when the topic is empty, `topic_missing` and what else the brokers say
 */
export async function capturedPool(kafka: Kafka, topic: string, count: number, signal: AbortSignal): Promise<EventPool> {
  const filled = (await partitionRanges(kafka, topic)).filter(({ from, to }) => to > from);
  const each = Math.ceil(count / Math.max(1, filled.length));
  const ranges = filled.map(({ partition, from, to }) => ({ partition, from: Math.max(from, to - each), to }));
  const columns = new PoolColumns(count);
  for await (const records of readRanges(kafka, topic, ranges, { openTransactions: 'stop' })) {
    for (let i = 0; i < records.count && columns.count < count; i++) {
      if (records.offsets[i]! < ranges.find(({ partition }) => partition === records.partition)!.from) continue;
      columns.copy(records, i);
    }
    if (columns.count >= count || columns.writer.length >= MAX_POOL_BYTES || signal.aborted) break;
  }
  if (columns.count === 0)
    throw new WeirError('bench_without_events', `Topic ${topic} holds no records to replay; leave --from-topic out to make events up.`);
  return columns.finish();
}

/** A pool that is being filled. */
class PoolColumns {
  readonly writer = new AvroWriter();
  count = 0;
  private readonly pool: Omit<EventPool, 'buffer' | 'count'>;

  constructor(capacity: number) {
    this.pool = {
      timestamps: new Float64Array(capacity),
      keyStart: new Int32Array(capacity),
      keyLength: new Int32Array(capacity).fill(-1),
      valueStart: new Int32Array(capacity),
      valueLength: new Int32Array(capacity).fill(-1),
      headerStart: new Int32Array(capacity),
      headerLength: new Int32Array(capacity),
    };
  }

  /** The next record, without key, value and headers so far. */
  begin(timestampMs: number): void {
    this.pool.timestamps[this.count++] = timestampMs;
  }

  /** A part of the current record; a value may go on after it, up to `endValue`. */
  put(part: 'key' | 'value' | 'header', bytes: Uint8Array): void {
    const at = this.count - 1;
    this.pool[`${part}Start`][at] = this.writer.length;
    this.pool[`${part}Length`][at] = bytes.length;
    this.writer.raw(bytes);
  }

  endValue(): void {
    const at = this.count - 1;
    this.pool.valueLength[at] = this.writer.length - this.pool.valueStart[at]!;
  }

  copy(records: RecordBatch, index: number): void {
    const part = (start: number, length: number): Buffer => records.buffer.subarray(start, start + length);
    const { keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = records;
    this.begin(records.timestamps[index]!);
    if (keyLength[index]! >= 0) this.put('key', part(keyStart[index]!, keyLength[index]!));
    if (valueLength[index]! >= 0) this.put('value', part(valueStart[index]!, valueLength[index]!));
    this.put('header', part(headerStart[index]!, headerLength[index]!));
  }

  finish(): EventPool {
    return { ...this.pool, count: this.count, buffer: this.writer.buffer.subarray(0, this.writer.length) };
  }
}
