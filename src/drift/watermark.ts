import type { LedgerEntry } from './delta-ledger.ts';
import { inputKey } from './profile-delta.ts';

/** What is known of one input partition. */
interface PartitionState {
  maxEventTimeMs: number;
  atEnd: boolean;
  heardAtMs: number;
}

/** Options of a `FleetWatermark`. */
export interface WatermarkOptions {
  /** How much later than the latest event of its partition a record may come. */
  readonly outOfOrderMs: number;
  /** A partition that was read to its end and silent for this long holds nothing back. */
  readonly idleMs: number;
  /** One that is silent but not at its end (its worker died) holds it so long: windows are closed without it then. */
  readonly closeAfterMs: number;
  /** Input partitions; those not heard of hold the watermark until `idleMs` after the first delta. */
  readonly partitions?: number;
  /** The time of the log that is read, so that the same log always gives the same. Milliseconds; never runs back. */
  readonly nowMs: () => number;
}

/** A watermark as plain values; null: not yet known. */
export interface WatermarkState {
  readonly partitions: readonly (readonly [string, Readonly<PartitionState>])[];
  readonly startedAtMs: number | null;
  readonly reachedMs: number | null;
}

/**
 * How far event time has come in all input partitions: the minimum over those that are not idle of (latest event time
 * − outOfOrderMs). Never goes back.
 */
export class FleetWatermark {
  private readonly options: WatermarkOptions;
  private readonly partitions = new Map<string, PartitionState>();
  private startedAtMs: number | undefined;
  private reachedMs = Number.NEGATIVE_INFINITY;

  constructor(options: WatermarkOptions) {
    this.options = options;
  }

  /** Partitions heard of. */
  get seen(): number {
    return this.partitions.size;
  }

  /** All that it knows, as plain values. */
  save(): WatermarkState {
    const { startedAtMs = null, reachedMs } = this;
    return { partitions: [...this.partitions], startedAtMs, reachedMs: Number.isFinite(reachedMs) ? reachedMs : null };
  }

  /** Goes on from what `save` gave. */
  restore({ partitions, startedAtMs, reachedMs }: WatermarkState): void {
    this.partitions.clear();
    for (const [key, state] of partitions) this.partitions.set(key, { ...state });
    this.startedAtMs = startedAtMs ?? undefined;
    this.reachedMs = reachedMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Takes note of what counts. */
  advance(entry: LedgerEntry): void {
    const nowMs = this.options.nowMs();
    this.startedAtMs ??= nowMs;
    const key = inputKey(entry);
    const known = this.partitions.get(key);
    if (!known) {
      this.partitions.set(key, { maxEventTimeMs: entry.maxEventTime, atEnd: entry.atEnd, heardAtMs: nowMs });
      return;
    }
    known.maxEventTimeMs = Math.max(known.maxEventTimeMs, entry.maxEventTime);
    known.atEnd = entry.atEnd;
    // A partition in which nothing but positions moves brings no event that a window would wait for.
    if (entry.panes.length > 0) known.heardAtMs = nowMs;
  }

  /** Some of what counted of a partition does not any more. @param maxEventTimeMs the latest event time of what still does */
  takeBack(entry: LedgerEntry, maxEventTimeMs: number): void {
    const known = this.partitions.get(inputKey(entry));
    if (!known) return;
    known.maxEventTimeMs = maxEventTimeMs;
    known.atEnd = false;
  }

  /** Share of the input partitions that hold nothing back at a time: they have come so far, or are idle. */
  coverage(timeMs: number): number {
    const { idleMs, outOfOrderMs, partitions } = this.options;
    const nowMs = this.options.nowMs();
    let past = 0;
    for (const { maxEventTimeMs, atEnd, heardAtMs } of this.partitions.values()) {
      if (maxEventTimeMs - outOfOrderMs >= timeMs || (atEnd && nowMs - heardAtMs >= idleMs)) past++;
    }
    const expected = Math.max(this.partitions.size, partitions ?? 0);
    const unheard = this.startedAtMs !== undefined && nowMs - this.startedAtMs >= idleMs ? expected - this.partitions.size : 0;
    return expected === 0 ? 0 : (past + unheard) / expected;
  }

  /** The watermark now, milliseconds since the epoch; −∞ when nothing is known. */
  valueMs(): number {
    const { idleMs, closeAfterMs, outOfOrderMs, partitions } = this.options;
    const nowMs = this.options.nowMs();
    if (this.startedAtMs === undefined) return this.reachedMs;
    if (partitions !== undefined && this.partitions.size < partitions && nowMs - this.startedAtMs < idleMs) return this.reachedMs;
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    for (const { maxEventTimeMs, atEnd, heardAtMs } of this.partitions.values()) {
      if (maxEventTimeMs >= 0) highest = Math.max(highest, maxEventTimeMs);
      if (nowMs - heardAtMs >= (atEnd ? idleMs : closeAfterMs)) continue;
      lowest = Math.min(lowest, maxEventTimeMs < 0 ? Number.NEGATIVE_INFINITY : maxEventTimeMs);
    }
    // All idle: nothing older than the latest event is on its way.
    const reached = (lowest === Number.POSITIVE_INFINITY ? highest : lowest) - outOfOrderMs;
    this.reachedMs = Math.max(this.reachedMs, reached);
    return this.reachedMs;
  }
}
