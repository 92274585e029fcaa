import { varintBytes, writeVarint } from './bytes.ts';
import { WeirError } from './errors.ts';
import { OutputRecords } from './outputs.ts';

/** Records of one partition that can become a record batch as they are: their bytes are those of Kafka's format 2. */
export interface FramedBatch {
  readonly partition: number;
  /** Number of records. */
  count: number;
  /** Bytes of all records. */
  bytes: number;
  /** Timestamp of the first record, which the others give theirs as a difference to; no other is smaller. */
  firstTimestamp: number;
  maxTimestamp: number;
  /** Where the records lie in the buffer, in order: start and end of one stretch after the other. */
  readonly spans: number[];
}

/** Of one record, at most: varints of three lengths, two deltas and a count of headers, attributes, room to move by. */
const FRAME_BYTES = 48;

/**
 * Output records that are written once, in the form in which they travel: an encoder writes key and value where they stay,
 * and the transport copies stretches of whole records (KIP-98, record format 2). The columns are those of all `OutputRecords`.
 *
 * For each stretch of records of one partition call `openRun`; for each record `begin`, write the key, `beginValue`, write
 * the value, `endValue`, write headers if there are any, `end`. A record that is not ended is as if it had not been begun.
 */
export class FramedOutputRecords extends OutputRecords {
  private readonly maxBatchBytes: number;
  private readonly openBatches = new Map<number, FramedBatch>();
  private all: FramedBatch[] = [];
  private isWhole = true;
  private batch: FramedBatch = emptyBatch(0, 0);
  private timestampMs = 0;
  /** Of the open run, in the doubled form in which it is written. */
  private timestampDelta = 0;
  /** Bytes left free for lengths that are known at the end only: as many as the record before took. */
  private lengthBytes = 1;
  private valueLengthBytes = 1;
  /** Of the record that is being written. */
  private start = 0;
  private keyAt = 0;
  private keyBytes = 0;
  private valueAt = 0;
  private valueEnd = 0;

  /** @param maxBatchBytes a batch does not grow beyond it, unless one record is larger; by default what weir puts into one request */
  constructor(topic: string, bytes?: number, maxBatchBytes = 800_000) {
    super(topic, bytes);
    this.maxBatchBytes = maxBatchBytes;
  }

  /**
   * In the order in which they were begun. Undefined when there are records that no batch holds as it must be.
   * @throws WeirError `state_invalid` when a record was begun without a run
   */
  get batches(): readonly FramedBatch[] | undefined {
    if (!this.isWhole) return undefined;
    const held = this.all.reduce((sum, { count }) => sum + count, 0);
    if (held !== this.count)
      throw new WeirError('state_invalid', `${this.count - held} records for ${this.topic} were written outside of any run.`);
    return this.all;
  }

  override clear(): void {
    super.clear();
    this.openBatches.clear();
    this.all = [];
    this.batch = emptyBatch(0, 0);
    this.isWhole = true;
  }

  /** Not framed: `batches` is undefined from now on. */
  override add(...record: Parameters<OutputRecords['add']>): void {
    this.isWhole = false;
    super.add(...record);
  }

  /** The next records go to this partition, at this time (whole milliseconds). */
  openRun(partition: number, timestampMs: number): void {
    this.timestampMs = timestampMs;
    this.batch = this.openBatches.get(partition) ?? this.newBatch(partition);
    // It may have been begun by a run without a record.
    if (this.batch.count === 0) this.batch.firstTimestamp = this.batch.maxTimestamp = timestampMs;
    const delta = timestampMs - this.batch.firstTimestamp;
    // The clock was set back. Rare enough to be left to the slow way.
    if (delta < 0) this.isWhole = false;
    this.timestampDelta = delta < 0 ? 0 : delta * 2;
  }

  /**
   * Begins a record.
   * @param keyBytes length of its key; −1: none
   * @param maxBytes of key, value and headers together
   * @returns where the key is to be written; `buffer` and `view` have room for `maxBytes` there
   */
  begin(keyBytes: number, maxBytes: number): number {
    if (this.batch.bytes + maxBytes + FRAME_BYTES > this.maxBatchBytes && this.batch.count > 0) {
      this.batch = this.newBatch(this.batch.partition);
      this.timestampDelta = 0;
    }
    const start = this.room(maxBytes + FRAME_BYTES);
    const { buffer } = this;
    let at = start + this.lengthBytes;
    buffer[at++] = 0; // Attributes: none are defined.
    at = writeVarint(buffer, at, this.timestampDelta);
    at = writeVarint(buffer, at, this.batch.count * 2);
    at = writeVarint(buffer, at, keyBytes < 0 ? 1 : keyBytes * 2);
    this.start = start;
    this.keyAt = at;
    this.keyBytes = keyBytes;
    return at;
  }

  /** The key ends at `at`. @returns where the value is to be written */
  beginValue(at: number): number {
    this.valueAt = at + this.valueLengthBytes;
    return this.valueAt;
  }

  /** The value ends at `at`. @returns where headers may be written, as in `RecordBatch.headerStart` */
  endValue(at: number): number {
    const { buffer, valueLengthBytes } = this;
    const length = (at - this.valueAt) * 2;
    const needed = varintBytes(length);
    const moved = needed - valueLengthBytes;
    if (moved !== 0) {
      buffer.copyWithin(this.valueAt + moved, this.valueAt, at);
      this.valueAt += moved;
      this.valueLengthBytes = needed;
    }
    writeVarint(buffer, this.valueAt - needed, length);
    this.valueEnd = at + moved;
    return this.valueEnd;
  }

  /** Key, value and headers together, of the record whose value has ended and whose headers end at `at`. */
  recordBytes(at: number): number {
    return Math.max(0, this.keyBytes) + at - this.valueAt;
  }

  /** The record ends at `at`, which is what `endValue` returned when there are no headers. */
  end(at: number): void {
    const { buffer, start, lengthBytes, batch } = this;
    const hasHeaders = at > this.valueEnd;
    let end = at;
    if (!hasHeaders) buffer[end++] = 0;
    const length = (end - start - lengthBytes) * 2;
    const needed = varintBytes(length);
    const moved = needed - lengthBytes;
    if (moved !== 0) {
      buffer.copyWithin(start + needed, start + lengthBytes, end);
      end += moved;
      this.lengthBytes = needed;
    }
    writeVarint(buffer, start, length);
    this.commit(end - start);
    const valueAt = this.valueAt + moved;
    const headersAt = this.valueEnd + moved;
    super.add(
      batch.partition,
      this.timestampMs,
      this.keyAt + moved,
      this.keyBytes,
      valueAt,
      headersAt - valueAt,
      hasHeaders ? headersAt : 0,
      hasHeaders ? end - headersAt : 0,
    );
    batch.count++;
    batch.bytes += end - start;
    if (this.timestampMs > batch.maxTimestamp) batch.maxTimestamp = this.timestampMs;
    const { spans } = batch;
    const last = spans.length - 1;
    if (last > 0 && spans[last] === start) spans[last] = end;
    else spans.push(start, end);
  }

  private newBatch(partition: number): FramedBatch {
    const batch = emptyBatch(partition, this.timestampMs);
    this.openBatches.set(partition, batch);
    this.all.push(batch);
    return batch;
  }
}

function emptyBatch(partition: number, timestampMs: number): FramedBatch {
  return { partition, count: 0, bytes: 0, firstTimestamp: timestampMs, maxTimestamp: timestampMs, spans: [] };
}
