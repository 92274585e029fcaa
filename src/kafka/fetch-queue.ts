import type { RecordBatch } from '../core/records.ts';

/** Bounds of what is fetched and not settled. */
export interface FetchBounds {
  readonly maxQueuedRows: number;
  readonly maxQueuedBytes: number;
}

/** What the brokers handed out: a queue of batches, and a count of all rows and bytes not yet released, queued or in the pipeline. */
export class FetchQueue {
  rows = 0;
  bytes = 0;
  private readonly bounds: FetchBounds;
  private readonly batches: RecordBatch[] = [];

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

  push(batch: RecordBatch): void {
    this.batches.push(batch);
    this.rows += batch.count;
    this.bytes += batch.bytes;
  }

  /** The oldest batch; it goes on counting until it is released. */
  take(): RecordBatch | undefined {
    return this.batches.shift();
  }

  release(rows: number, bytes: number): void {
    this.rows -= rows;
    this.bytes -= bytes;
  }

  /** Drops what nobody has taken. */
  drop(): void {
    for (const { count, bytes } of this.batches.splice(0)) this.release(count, bytes);
  }
}
