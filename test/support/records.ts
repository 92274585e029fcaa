import { encodeHeaders, type Header } from '../../src/core/headers.ts';
import type { RecordBatch } from '../../src/core/records.ts';

/** A record for tests, as objects: easy to write down. */
export interface TestRecord {
  key?: string | Buffer | null;
  value: string | Buffer | null;
  headers?: Header[];
  timestampMs?: number;
}

/** Makes a columnar record batch of consecutive offsets. */
export function recordBatch(
  records: readonly TestRecord[],
  context: Partial<Pick<RecordBatch, 'topic' | 'partition' | 'epoch' | 'arrivedAtMs' | 'endOffset'>> & { firstOffset?: number } = {},
): RecordBatch {
  const count = records.length;
  const parts: Buffer[] = [];
  let at = 0;
  const columns = {
    keyStart: new Int32Array(count),
    keyLength: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueLength: new Int32Array(count),
    headerStart: new Int32Array(count),
    headerLength: new Int32Array(count),
  };
  const put = (bytes: Buffer | null, start: Int32Array, length: Int32Array, i: number, absent: number): void => {
    start[i] = at;
    length[i] = bytes ? bytes.length : absent;
    if (bytes) {
      parts.push(bytes);
      at += bytes.length;
    }
  };
  const bytes = (v: string | Buffer | null | undefined): Buffer | null => (v === null || v === undefined ? null : Buffer.from(v as string));
  records.forEach((record, i) => {
    put(bytes(record.key), columns.keyStart, columns.keyLength, i, -1);
    put(bytes(record.value), columns.valueStart, columns.valueLength, i, -1);
    put(record.headers ? encodeHeaders(record.headers) : null, columns.headerStart, columns.headerLength, i, 0);
  });
  const first = context.firstOffset ?? 0;
  return {
    topic: context.topic ?? 'events',
    partition: context.partition ?? 0,
    epoch: context.epoch ?? 1,
    count,
    buffer: Buffer.concat(parts),
    offsets: Float64Array.from(records, (_, i) => first + i),
    timestamps: Float64Array.from(records, (r) => r.timestampMs ?? 1_700_000_000_000),
    ...columns,
    nextOffset: first + count,
    endOffset: context.endOffset ?? first + count,
    arrivedAtMs: context.arrivedAtMs ?? 0,
    bytes: at,
  };
}
