import { WeirError } from '../../core/errors.ts';
import type { FetchedPartition } from './columnar-fetch.ts';
import type { Segment } from './record-sets.ts';

/** Columns of records over a buffer, as in `RecordBatch`; filled again for every fetch, so take out what must stay. */
export class RecordColumns {
  capacity = 0;
  offsets = new Float64Array(0);
  timestamps = new Float64Array(0);
  keyStart = new Int32Array(0);
  keyLength = new Int32Array(0);
  valueStart = new Int32Array(0);
  valueLength = new Int32Array(0);
  headerStart = new Int32Array(0);
  headerLength = new Int32Array(0);

  /** Makes room for `capacity` records. What the columns held is gone when they grow. */
  ensure(capacity: number): void {
    if (capacity <= this.capacity) return;
    // Small for small fetches: hundreds of them may be queued.
    this.capacity = 2 ** Math.ceil(Math.log2(Math.max(capacity, 16)));
    this.offsets = new Float64Array(this.capacity);
    this.timestamps = new Float64Array(this.capacity);
    this.keyStart = new Int32Array(this.capacity);
    this.keyLength = new Int32Array(this.capacity);
    this.valueStart = new Int32Array(this.capacity);
    this.valueLength = new Int32Array(this.capacity);
    this.headerStart = new Int32Array(this.capacity);
    this.headerLength = new Int32Array(this.capacity);
  }
}

/**
 * Where the variable-length integer read last ends. A variable of the module, for a result of two numbers would be an
 * object per field.
 */
let after = 0;

/**
 * Fills the columns with the records at or after the fetched offset:
 * length (varint) · attributes (int8) · timestamp delta (varlong) · offset delta (varint) · key (varint length, bytes) ·
 * value (varint length, bytes) · headers. Allocates nothing per record.
 * @returns the number of records
 * @throws WeirError `record_batch_corrupt` when a length reaches beyond its record, or offsets do not increase
 */
export function walkRecords(fetched: FetchedPartition, into: RecordColumns): number {
  into.ensure(fetched.maxCount);
  let count = 0;
  for (const segment of fetched.segments) count = walkSegment(fetched, segment, into, count);
  return count;
}

function walkSegment(fetched: FetchedPartition, segment: Segment, into: RecordColumns, from: number): number {
  const { buffer, fetchedOffset } = fetched;
  const { offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = into;
  const { baseOffset, lastOffset, baseTimestamp, maxTimestamp, isLogAppendTime, end: segmentEnd } = segment;
  let row = from;
  let at = segment.start;
  let least = baseOffset;
  for (let i = 0; i < segment.count; i++) {
    const length = varint(buffer, at);
    const end = after + length;
    if (length < 0 || end > segmentEnd) throw corrupt(fetched, segment, i, 'reaches beyond its batch');
    // The attributes of a record are unused: one byte.
    const timestampDelta = varlong(buffer, after + 1);
    const offset = baseOffset + varint(buffer, after);
    if (offset < least || offset > lastOffset)
      throw corrupt(fetched, segment, i, `has offset ${offset} where ${least} to ${lastOffset} can be`);
    least = offset + 1;

    const keyBytes = varint(buffer, after);
    const keyAt = after;
    const keyEnd = keyAt + (keyBytes > 0 ? keyBytes : 0);
    if (keyBytes < -1 || keyEnd >= end) throw corrupt(fetched, segment, i, `has a key of ${keyBytes} bytes`);
    const valueBytes = varint(buffer, keyEnd);
    const valueAt = after;
    const valueEnd = valueAt + (valueBytes > 0 ? valueBytes : 0);
    if (valueBytes < -1 || valueEnd >= end) throw corrupt(fetched, segment, i, `has a value of ${valueBytes} bytes`);
    const headers = varint(buffer, valueEnd);
    // Each header is at least two lengths of one byte.
    if (headers < 0 || after + 2 * headers > end || (headers === 0 && after !== end)) {
      throw corrupt(fetched, segment, i, `has ${headers} headers in ${end - valueEnd} bytes`);
    }

    at = end;
    if (offset < fetchedOffset) continue;
    offsets[row] = offset;
    timestamps[row] = isLogAppendTime ? maxTimestamp : baseTimestamp + timestampDelta;
    keyStart[row] = keyAt;
    keyLength[row] = keyBytes;
    valueStart[row] = valueAt;
    valueLength[row] = valueBytes;
    headerStart[row] = valueEnd;
    headerLength[row] = headers === 0 ? 0 : end - valueEnd;
    row++;
  }
  if (at !== segmentEnd) throw corrupt(fetched, segment, segment.count, `would begin ${segmentEnd - at} bytes before the end of its batch`);
  return row;
}

/** A zigzag varint of 32 bits. Beyond the end of the buffer it reads zeros; the caller checks where it has come to. */
function varint(buffer: Uint8Array, at: number): number {
  const first = buffer[at]!;
  if (first < 128) {
    after = at + 1;
    return (first >>> 1) ^ -(first & 1);
  }
  const second = buffer[at + 1]!;
  if (second < 128) {
    after = at + 2;
    const bits = (first & 127) | (second << 7);
    return (bits >>> 1) ^ -(bits & 1);
  }
  return longVarint(buffer, at);
}

function longVarint(buffer: Uint8Array, start: number): number {
  let bits = 0;
  let at = start;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = at < buffer.length ? buffer[at]! : 0;
    at++;
    bits |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  after = at;
  return (bits >>> 1) ^ -(bits & 1);
}

/** A zigzag varint of 64 bits, exact below 2^53. */
function varlong(buffer: Uint8Array, at: number): number {
  if (buffer[at]! < 128 || buffer[at + 1]! < 128) return varint(buffer, at);
  return longVarlong(buffer, at);
}

function longVarlong(buffer: Uint8Array, start: number): number {
  let bits = 0;
  let scale = 1;
  let at = start;
  for (let i = 0; i < 10; i++) {
    const byte = at < buffer.length ? buffer[at]! : 0;
    at++;
    bits += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) break;
  }
  after = at;
  return bits % 2 === 0 ? bits / 2 : -(bits + 1) / 2;
}

function corrupt({ topic, partition }: FetchedPartition, { baseOffset, count }: Segment, index: number, what: string): WeirError {
  return new WeirError(
    'record_batch_corrupt',
    `Record ${index} of the ${count} in the record batch at offset ${baseOffset} of ${topic}-${partition} ${what}.`,
  );
}
