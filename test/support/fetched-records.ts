import { type FetchedPartition, fetchColumns } from '../../src/kafka/protocol/columnar-fetch.ts';
import { RecordColumns, walkRecords } from '../../src/kafka/protocol/record-walker.ts';
import { answering, fetchResponse, type MadePartition } from './fetch-responses.ts';

/** A record taken out of the columns, for comparison. */
export interface FetchedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [string, Buffer | null])[];
}

/** Walks a fetched partition and copies every record out. */
export function recordsOf(fetched: FetchedPartition, columns: RecordColumns = new RecordColumns(), withHeaders = true): FetchedRecord[] {
  const count = walkRecords(fetched, columns);
  const part = (start: number, length: number) => (length < 0 ? null : Buffer.from(fetched.buffer.subarray(start, start + length)));
  return Array.from({ length: count }, (_, i) => ({
    offset: columns.offsets[i]!,
    timestamp: columns.timestamps[i]!,
    key: part(columns.keyStart[i]!, columns.keyLength[i]!),
    value: part(columns.valueStart[i]!, columns.valueLength[i]!),
    headers: withHeaders
      ? headersOf(fetched.buffer.subarray(columns.headerStart[i]!, columns.headerStart[i]! + columns.headerLength[i]!))
      : [],
  }));
}

function headersOf(bytes: Buffer): [string, Buffer | null][] {
  if (bytes.length === 0) return [];
  let at = 0;
  const next = (): number => {
    let bits = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      bits |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number((bits >> 1n) ^ -(bits & 1n));
    }
  };
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  return Array.from({ length: next() }, () => {
    const name = take(next()).toString();
    const length = next();
    return [name, length < 0 ? null : Buffer.from(take(length))] as [string, Buffer | null];
  });
}

/** Fetches one partition from a broker that answers with `made`. */
export async function fetchedFrom(
  made: MadePartition,
  offset = 0,
  { version = 11, isolation = 'read_committed' as 'read_committed' | 'read_uncommitted' } = {},
): Promise<FetchedPartition> {
  const broker = answering(version, fetchResponse(version, [made]));
  const options = { maxWaitTimeMs: 10, minBytes: 1, maxBytes: 1 << 20, isolation };
  const [fetched] = await fetchColumns(
    broker,
    [{ topic: made.topic ?? 't', partition: made.partition ?? 0, offset, maxBytes: 1 << 20 }],
    options,
  );
  return fetched!;
}
