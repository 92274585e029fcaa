import { viewOf } from './bytes.ts';
import { encodeHeaders, type Header } from './headers.ts';

/**
 * Records on their way to one topic, as columns over one growing buffer: what a step hands to a `Sink`.
 * The mirror image of `RecordBatch`; a transport may copy ranges of it straight onto the wire.
 */
export class OutputRecords {
  readonly topic: string;
  count = 0;
  /** Holds keys, values and headers. Replaced when it grows. */
  buffer: Buffer;
  /** The same bytes; replaced with `buffer`. */
  view: DataView;
  private used = 0;
  /** Target partition; −1: the sink chooses by murmur2 of the key. */
  partition = new Int32Array(64);
  timestamps = new Float64Array(64);
  keyStart = new Int32Array(64);
  /** −1: no key. */
  keyLength = new Int32Array(64);
  valueStart = new Int32Array(64);
  /** −1: tombstone. */
  valueLength = new Int32Array(64);
  headerStart = new Int32Array(64);
  /** 0: no headers. Bytes as in `RecordBatch.headerStart`. */
  headerLength = new Int32Array(64);

  constructor(topic: string, bytes = 16_384) {
    this.topic = topic;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.view = viewOf(this.buffer);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.used;
  }

  clear(): void {
    this.count = 0;
    this.used = 0;
  }

  /** Makes room for `size` more bytes and returns where they may be written; `commit` says how many were. */
  room(size: number): number {
    const end = this.used + size;
    if (end > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, this.used));
      this.buffer = grown;
      this.view = viewOf(grown);
    }
    return this.used;
  }

  /** Takes `size` bytes written at `room()` into use and returns their start. */
  commit(size: number): number {
    const at = this.used;
    this.used += size;
    return at;
  }

  /** Copies bytes in and returns their start. */
  put(from: Uint8Array, offset = 0, size: number = from.length - offset): number {
    const at = this.room(size);
    this.buffer.set(offset === 0 && size === from.length ? from : from.subarray(offset, offset + size), at);
    this.used += size;
    return at;
  }

  /** Adds a record whose parts already lie in `buffer`. */
  add(
    partition: number,
    timestampMs: number,
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
    headerStart = 0,
    headerLength = 0,
  ): void {
    const i = this.count;
    if (i === this.partition.length) this.grow();
    this.partition[i] = partition;
    this.timestamps[i] = timestampMs;
    this.keyStart[i] = keyStart;
    this.keyLength[i] = keyLength;
    this.valueStart[i] = valueStart;
    this.valueLength[i] = valueLength;
    this.headerStart[i] = headerStart;
    this.headerLength[i] = headerLength;
    this.count = i + 1;
  }

  /** Adds a record from separate buffers. For rare records (drift, dead letters), not for predictions. */
  push(record: {
    partition?: number;
    timestampMs: number;
    key: Uint8Array | null;
    value: Uint8Array | null;
    headers?: readonly Header[];
  }): void {
    const { key, value, headers } = record;
    const keyStart = key ? this.put(key) : 0;
    const valueStart = value ? this.put(value) : 0;
    const encoded = headers && headers.length > 0 ? encodeHeaders(headers) : undefined;
    const headerStart = encoded ? this.put(encoded) : 0;
    this.add(
      record.partition ?? -1,
      record.timestampMs,
      keyStart,
      key ? key.length : -1,
      valueStart,
      value ? value.length : -1,
      headerStart,
      encoded?.length ?? 0,
    );
  }

  private grow(): void {
    const size = this.partition.length * 2;
    const copy = <T extends Int32Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.partition = copy(new Int32Array(size), this.partition);
    this.timestamps = copy(new Float64Array(size), this.timestamps);
    this.keyStart = copy(new Int32Array(size), this.keyStart);
    this.keyLength = copy(new Int32Array(size), this.keyLength);
    this.valueStart = copy(new Int32Array(size), this.valueStart);
    this.valueLength = copy(new Int32Array(size), this.valueLength);
    this.headerStart = copy(new Int32Array(size), this.headerStart);
    this.headerLength = copy(new Int32Array(size), this.headerLength);
  }
}
