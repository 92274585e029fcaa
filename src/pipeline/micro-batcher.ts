import type { CloseReason } from '../core/ports.ts';
import { BatchLimit } from './batch-limit.ts';
import { bytesOf, type RecordBatch, type RecordSlice, type TopicPartition } from '../core/records.ts';

/** Bounds of a micro-batch. */
export interface BatchLimits {
  /** Rows at most; also the capacity of `Rows`. */
  readonly maxRows: number;
  /** Under backlog micro-batches grow to `maxRows` as long as they are scored within this time; see `BatchLimit`. */
  readonly targetMs: number;
  /** Bytes of keys, values and headers at most; a single larger record still makes a batch of its own. */
  readonly maxBytes: number;
  /** How long the oldest record may wait for company, from its arrival in this process. */
  readonly maxDelayMs: number;
  /** Close at once when the pipeline is idle: waiting would buy nothing. */
  readonly eager: boolean;
}

/** A closed micro-batch: which records make which rows. */
export interface MicroBatch {
  readonly slices: RecordSlice[];
  readonly rows: number;
  readonly bytes: number;
  readonly reason: CloseReason;
}

interface Pending {
  readonly records: RecordBatch;
  /** First record not yet taken. */
  next: number;
}

/**
 * Cuts the stream of record batches into micro-batches. A micro-batch is closed when it is full (rows, see `BatchLimit`, or bytes), when its
 * oldest record has waited `maxDelayMs`, at once when the pipeline is idle (`eager`), or when no more will come
 * (`drain`). The delay counts from the oldest record, never from the last close (Triton's dynamic batcher does the same).
 */
export class MicroBatcher {
  private readonly limits: BatchLimits;
  private pending: Pending[] = [];
  private rows = 0;
  private readonly limit: BatchLimit;

  constructor(limits: BatchLimits) {
    this.limits = limits;
    this.limit = new BatchLimit(limits.maxRows, limits.targetMs);
  }

  /** Rows of a micro-batch at most, as things stand. */
  get limitRows(): number {
    return this.limit.rows;
  }

  /** A micro-batch has been scored, so long after it was closed. */
  scored({ reason, rows }: MicroBatch, durationMs: number): void {
    if (reason === 'rows') this.limit.took(rows, durationMs);
  }

  /** Rows waiting to be cut. */
  get pendingRows(): number {
    return this.rows;
  }

  /** True while one more record batch could still go into the next micro-batch. */
  get hungry(): boolean {
    return this.rows < this.limit.rows;
  }

  add(records: RecordBatch): void {
    if (records.count === 0) return;
    this.pending.push({ records, next: 0 });
    this.rows += records.count;
  }

  /** Milliseconds until the oldest record must go; infinity when nothing waits. */
  msUntilDue(nowMs: number): number {
    const oldest = this.oldestArrivalMs();
    return oldest === undefined ? Number.POSITIVE_INFINITY : Math.max(0, oldest + this.limits.maxDelayMs - nowMs);
  }

  /**
   * The next micro-batch, if one is due.
   * @param nowMs monotonic
   * @param idle the pipeline has nothing to do
   * @param draining nothing more will be added
   */
  take(nowMs: number, idle: boolean, draining: boolean): MicroBatch | undefined {
    if (this.rows === 0) return undefined;
    const reason = this.reasonToClose(nowMs, idle, draining);
    return reason && this.cut(reason);
  }

  /** Forgets what waits of these partitions and returns it, for the source's accounting. */
  drop(partitions: readonly TopicPartition[]): RecordSlice[] {
    const gone = (r: RecordBatch): boolean => partitions.some((p) => p.topic === r.topic && p.partition === r.partition);
    const dropped = this.pending.filter((p) => gone(p.records));
    this.pending = this.pending.filter((p) => !gone(p.records));
    return dropped.map(({ records, next }) => {
      this.rows -= records.count - next;
      return { records, from: next, to: records.count, fromRow: 0 };
    });
  }

  private reasonToClose(nowMs: number, idle: boolean, draining: boolean): CloseReason | undefined {
    const { maxBytes, maxDelayMs, eager } = this.limits;
    if (this.rows >= this.limit.rows) return 'rows';
    if (this.holdsBytes(maxBytes)) return 'bytes';
    if (draining) return 'drain';
    if (eager && idle) return 'eager';
    return nowMs - this.oldestArrivalMs()! >= maxDelayMs ? 'delay' : undefined;
  }

  private oldestArrivalMs(): number | undefined {
    let oldest: number | undefined;
    for (const { records } of this.pending) if (oldest === undefined || records.arrivedAtMs < oldest) oldest = records.arrivedAtMs;
    return oldest;
  }

  private holdsBytes(limit: number): boolean {
    let bytes = 0;
    for (const { records, next } of this.pending) {
      bytes += bytesOf(records, next, records.count);
      if (bytes >= limit) return true;
    }
    return false;
  }

  private cut(due: CloseReason): MicroBatch {
    const { maxBytes } = this.limits;
    const maxRows = this.limit.rows;
    const slices: RecordSlice[] = [];
    let rows = 0;
    let bytes = 0;
    let reason = due;
    while (this.pending.length > 0 && rows < maxRows) {
      const head = this.pending[0]!;
      const { records } = head;
      const from = head.next;
      const most = Math.min(records.count, from + maxRows - rows);
      let to = from;
      while (to < most) {
        const size = bytesOf(records, to, to + 1);
        if (bytes + size > maxBytes && rows + to - from > 0) break;
        bytes += size;
        to++;
      }
      if (to > from) slices.push({ records, from, to, fromRow: rows });
      rows += to - from;
      head.next = to;
      if (to === records.count) this.pending.shift();
      else if (to < most) {
        reason = 'bytes';
        break;
      }
    }
    this.rows -= rows;
    return { slices, rows, bytes, reason };
  }
}
