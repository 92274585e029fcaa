import type { Clock } from '../../core/clock.ts';
import type { Source, SourceListener } from '../../core/ports.ts';
import {
  type AssignmentOrigin,
  bytesOf,
  ORIGIN_WITHOUT_GROUP,
  type Position,
  type RecordBatch,
  type TopicPartition,
} from '../../core/records.ts';
import type { EventPool } from './event-pool.ts';

/** Records of one batch at most, as a fetch of Kafka brings some hundreds. */
const MAX_BATCH_RECORDS = 500;
/** A pipeline that cannot keep the rate is given up so long after the last event was due. */
const GRACE_MS = 1_000;

/** How the events of a pool are offered. */
export interface PoolSourceOptions {
  readonly pool: EventPool;
  readonly topic: string;
  readonly durationMs: number;
  /** Events a second, by schedule. Absent: as many as are taken. */
  readonly rate?: number;
  readonly clock: Clock;
}

/**
 * Offers the events of a pool over and over, under rising offsets. With a rate, event n is due n / rate after the start whether
 * the pipeline is ready or not (an open loop): a pipeline that stalls finds all that fell due meanwhile, and their wait
 * counts. Measuring only what a stalled system accepts would leave its worst latencies out ("coordinated omission": Gil Tene,
 * How NOT to Measure Latency, 2013).
 */
export class PoolSource implements Source {
  readonly failure = undefined;
  ended = false;
  /** Monotonic time of the start. */
  startedMs = Number.NaN;
  private readonly options: PoolSourceOptions;
  private readonly total: number;
  private next = 0;
  private leftAtEnd: number | undefined;
  private listener: SourceListener | undefined;
  private cancelTimer: (() => void) | undefined;

  constructor(options: PoolSourceOptions) {
    this.options = options;
    const { rate, durationMs } = options;
    this.total = rate === undefined ? Number.POSITIVE_INFINITY : Math.ceil((rate * durationMs) / 1_000);
  }

  /** Monotonic time at which the event with this offset was due; without a rate, unknown (NaN). */
  dueMs(offset: number): number {
    return this.startedMs + (offset * 1_000) / (this.options.rate ?? Number.NaN);
  }

  /** Events that were due but never taken: the pipeline could not keep the rate. */
  get untaken(): number {
    return Number.isFinite(this.total) ? this.total - this.next : 0;
  }

  /** Events that were due and not taken when the last one fell due: how far the pipeline was behind. 0 when it was never late. */
  get behindAtEnd(): number {
    return this.leftAtEnd ?? 0;
  }

  async start(listener: SourceListener): Promise<void> {
    this.listener = listener;
    this.startedMs = this.options.clock.monotonicMs();
    listener.onReady();
  }

  take(): RecordBatch | undefined {
    const { rate, durationMs, clock, pool } = this.options;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.startedMs;
    if (rate !== undefined && elapsedMs >= durationMs) this.leftAtEnd ??= this.total - this.next;
    if (this.next >= this.total || elapsedMs >= durationMs + (rate === undefined ? 0 : GRACE_MS)) {
      this.ended = true;
      return undefined;
    }
    // Event 0 is due at the start.
    const due = rate === undefined ? Number.POSITIVE_INFINITY : Math.min(this.total, Math.floor((elapsedMs * rate) / 1_000) + 1);
    if (this.next >= due) {
      this.wakeAt(this.dueMs(this.next), nowMs);
      return undefined;
    }
    const first = this.next % pool.count;
    const count = Math.min(due - this.next, MAX_BATCH_RECORDS, pool.count - first);
    const records = this.batch(first, count, rate === undefined ? nowMs : this.dueMs(this.next));
    this.next += count;
    if (this.next >= this.total) this.ended = true;
    return records;
  }

  release(): void {}

  takeIdlePositions(): Position[] {
    return [];
  }

  owns(): boolean {
    return true;
  }

  originOf(): AssignmentOrigin {
    return ORIGIN_WITHOUT_GROUP;
  }

  assignment(): readonly TopicPartition[] {
    return [{ topic: this.options.topic, partition: 0 }];
  }

  async stopFetching(): Promise<void> {
    this.cancelTimer?.();
  }

  async close(): Promise<void> {
    this.cancelTimer?.();
  }

  private wakeAt(dueMs: number, nowMs: number): void {
    this.cancelTimer ??= this.options.clock.after(Math.max(0, dueMs - nowMs), () => {
      this.cancelTimer = undefined;
      this.listener?.onReady();
    });
  }

  private batch(first: number, count: number, arrivedAtMs: number): RecordBatch {
    const { pool, topic } = this.options;
    const end = first + count;
    const offsets = new Float64Array(count);
    for (let i = 0; i < count; i++) offsets[i] = this.next + i;
    return {
      topic,
      partition: 0,
      epoch: 1,
      count,
      buffer: pool.buffer,
      offsets,
      timestamps: pool.timestamps.subarray(first, end),
      keyStart: pool.keyStart.subarray(first, end),
      keyLength: pool.keyLength.subarray(first, end),
      valueStart: pool.valueStart.subarray(first, end),
      valueLength: pool.valueLength.subarray(first, end),
      headerStart: pool.headerStart.subarray(first, end),
      headerLength: pool.headerLength.subarray(first, end),
      nextOffset: this.next + count,
      endOffset: this.next + count,
      arrivedAtMs,
      bytes: bytesOf(pool, first, end),
    };
  }
}
