import type { IHeaders, KafkaMessage } from 'kafkajs';
import { encodeHeaders, type Header } from '../core/outputs.ts';
import type { RecordBatch } from '../core/records.ts';

/** What is known of a fetched batch besides its messages. */
export interface BatchContext {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: number;
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly arrivedAtMs: number;
}

/**
 * Copies messages of kafkajs into one buffer with columns. Nothing past this function knows of kafkajs' message objects.
 */
export function recordBatchFromMessages(messages: readonly KafkaMessage[], context: BatchContext): RecordBatch {
  const count = messages.length;
  const headers = new Array<Buffer | undefined>(count);
  let size = 0;
  for (let i = 0; i < count; i++) {
    const message = messages[i]!;
    const encoded = headerBytes(message.headers);
    headers[i] = encoded;
    size += (message.key?.length ?? 0) + (message.value?.length ?? 0) + (encoded?.length ?? 0);
  }
  const buffer = Buffer.allocUnsafeSlow(size);
  const batch = {
    ...context,
    count,
    buffer,
    offsets: new Float64Array(count),
    timestamps: new Float64Array(count),
    keyStart: new Int32Array(count),
    keyLength: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueLength: new Int32Array(count),
    headerStart: new Int32Array(count),
    headerLength: new Int32Array(count),
    bytes: size,
  };
  let at = 0;
  const put = (part: Buffer | null | undefined, start: Int32Array, length: Int32Array, i: number, absent: number): void => {
    start[i] = at;
    length[i] = part ? part.length : absent;
    if (part) at += part.copy(buffer, at);
  };
  for (let i = 0; i < count; i++) {
    const message = messages[i]!;
    batch.offsets[i] = Number(message.offset);
    batch.timestamps[i] = Number(message.timestamp);
    put(message.key, batch.keyStart, batch.keyLength, i, -1);
    put(message.value, batch.valueStart, batch.valueLength, i, -1);
    put(headers[i], batch.headerStart, batch.headerLength, i, 0);
  }
  return batch;
}

/** Headers of kafkajs in the bytes of the protocol; undefined when there are none. */
function headerBytes(headers: IHeaders | undefined): Buffer | undefined {
  if (!headers) return undefined;
  const list: Header[] = [];
  for (const [key, values] of Object.entries(headers)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      list.push({ key, value: value === undefined || value === null ? null : typeof value === 'string' ? Buffer.from(value) : value });
    }
  }
  return list.length === 0 ? undefined : encodeHeaders(list);
}
