import { bytesOf, bytesOfSlice, type RecordBatch, type RecordSlice, wholeOf } from '../core/records.ts';
import type { FetchedPartition } from './protocol/columnar-fetch.ts';
import { RecordColumns, walkRecords } from './protocol/record-walker.ts';
import { hold, letGo } from './protocol/response-buffers.ts';

/** Bounds of what is fetched and not settled. */
export interface FetchBounds {
  readonly maxQueuedRows: number;
  readonly maxQueuedBytes: number;
}

/** Sets of columns that are kept for the next batch; more would only be held for a burst that is over. */
const MAX_FREE_COLUMNS = 64;

/** Where and when a batch belongs. */
interface BatchContext {
  readonly epoch: number;
  readonly arrivedAtMs: number;
}

/** A batch in our hands: its columns come from a pool and go back when its last row is released. */
interface PooledBatch {
  readonly columns: RecordColumns;
  unreleased: number;
}

/**
 * What the brokers handed out: a queue of batches, and a count of all rows and bytes not yet released, queued or in the
 * pipeline. Columns, and the memory of the responses, are used again once the pipeline has released every row of them.
 */
export class FetchQueue {
  rows = 0;
  bytes = 0;
  private readonly bounds: FetchBounds;
  private batches: RecordBatch[] = [];
  private readonly inUse = new Map<RecordBatch, PooledBatch>();
  private readonly free: RecordColumns[] = [];

  constructor(bounds: FetchBounds) {
    this.bounds = bounds;
  }

  /** At a bound: no more should be fetched. */
  get isFull(): boolean {
    return this.rows >= this.bounds.maxQueuedRows || this.bytes >= this.bounds.maxQueuedBytes;
  }

  /** At or below half of both bounds: fetching may go on. */
  get isHalfEmpty(): boolean {
    return this.rows <= this.bounds.maxQueuedRows / 2 && this.bytes <= this.bounds.maxQueuedBytes / 2;
  }

  /**
   * Reads what a fetch brought into columns and queues it; undefined when nobody may see any of it.
   * @throws WeirError `record_batch_corrupt`
   */
  push(fetched: FetchedPartition, { epoch, arrivedAtMs }: BatchContext): RecordBatch | undefined {
    const columns = this.free.pop() ?? new RecordColumns();
    const count = fetched.maxCount > 0 ? walkRecords(fetched, columns) : 0;
    if (count === 0) {
      this.recycle(columns);
      return undefined;
    }
    const { topic, partition, nextOffset, lastStableOffset: endOffset, buffer } = fetched;
    const { offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = columns;
    const batch: RecordBatch = {
      topic,
      partition,
      epoch,
      count,
      buffer,
      offsets,
      timestamps,
      keyStart,
      keyLength,
      valueStart,
      valueLength,
      headerStart,
      headerLength,
      nextOffset,
      endOffset,
      arrivedAtMs,
      bytes: bytesOf(columns, 0, count),
    };
    hold(buffer);
    this.inUse.set(batch, { columns, unreleased: count });
    this.batches.push(batch);
    this.rows += count;
    this.bytes += batch.bytes;
    return batch;
  }

  /** The oldest batch; it goes on counting until it is released. */
  take(): RecordBatch | undefined {
    return this.batches.shift();
  }

  release(slice: RecordSlice): void {
    const { records, from, to } = slice;
    const pooled = this.inUse.get(records);
    if (!pooled) return;
    this.rows -= to - from;
    this.bytes -= bytesOfSlice(slice);
    pooled.unreleased -= to - from;
    if (pooled.unreleased > 0) return;
    this.inUse.delete(records);
    letGo(records.buffer);
    this.recycle(pooled.columns);
  }

  /** Drops what nobody has taken of these partitions. */
  drop(partitions: readonly number[]): void {
    const isGone = ({ partition }: RecordBatch): boolean => partitions.includes(partition);
    const gone = this.batches.filter(isGone);
    this.batches = this.batches.filter((batch) => !isGone(batch));
    for (const batch of gone) this.release(wholeOf(batch));
  }

  private recycle(columns: RecordColumns): void {
    if (this.free.length < MAX_FREE_COLUMNS) this.free.push(columns);
  }
}
