/** Double-entry bookkeeping of a run: each input record against what became of it, by source coordinate. */
import type { PartitionRange } from './topic-reader.ts';

/** One lane a partition; index = offset − low. */
interface Lane {
  readonly low: number;
  /** When the input was sent; NaN where the offset holds no record. */
  readonly sentAtMs: Float64Array;
  /** When its first prediction was appended; NaN when there is none. */
  readonly predictedAtMs: Float64Array;
  readonly predictions: Uint16Array;
  readonly deadLetters: Uint16Array;
}

/** Sums over all inputs. */
export interface AccountTotals {
  readonly events: number;
  readonly deadLetters: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly unexplained: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** From the first input sent to the last prediction appended. */
  readonly seconds: number;
}

/** Takes inputs, predictions and dead letters in any order. */
export class Account {
  private readonly topic: string;
  private readonly lanes = new Map<number, Lane>();
  private deadLetterCount = 0;
  /** Outputs whose coordinate lies outside of the input topic. */
  private foreign = 0;

  /** @param topic the input topic; @param ranges its partitions */
  constructor(topic: string, ranges: readonly PartitionRange[]) {
    this.topic = topic;
    for (const { partition, low, high } of ranges) {
      const size = high - low;
      this.lanes.set(partition, {
        low,
        sentAtMs: new Float64Array(size).fill(Number.NaN),
        predictedAtMs: new Float64Array(size).fill(Number.NaN),
        predictions: new Uint16Array(size),
        deadLetters: new Uint16Array(size),
      });
    }
  }

  /** An input record; `sentAtMs` is its CreateTime. */
  input(partition: number, offset: number, sentAtMs: number): void {
    const lane = this.lanes.get(partition);
    if (lane) lane.sentAtMs[offset - lane.low] = sentAtMs;
  }

  /** A prediction; `id` is `topic-partition-offset` of its input, `appendedAtMs` its LogAppendTime. */
  prediction(id: string, appendedAtMs: number): void {
    const found = this.find(id);
    if (!found) return;
    const { lane, index } = found;
    if (lane.predictions[index] === 0) lane.predictedAtMs[index] = appendedAtMs;
    lane.predictions[index]!++;
  }

  /** A dead letter of the input with this coordinate. */
  deadLetter(id: string): void {
    this.deadLetterCount++;
    const found = this.find(id);
    if (found) found.lane.deadLetters[found.index]!++;
  }

  /** The balance. */
  totals(): AccountTotals {
    let events = 0;
    let duplicates = 0;
    let missing = 0;
    let unexplained = this.foreign;
    let firstMs = Number.POSITIVE_INFINITY;
    let lastMs = Number.NEGATIVE_INFINITY;
    const latencies: number[] = [];
    for (const lane of this.lanes.values()) {
      for (let i = 0; i < lane.sentAtMs.length; i++) {
        const predictions = lane.predictions[i]!;
        const deadLetters = lane.deadLetters[i]!;
        if (Number.isNaN(lane.sentAtMs[i])) {
          unexplained += predictions + deadLetters;
          continue;
        }
        events++;
        if (predictions + deadLetters === 0) missing++;
        if (predictions > 0 && deadLetters > 0) unexplained++;
        if (predictions > 1) duplicates += predictions - 1;
        firstMs = Math.min(firstMs, lane.sentAtMs[i]!);
        if (predictions === 0) continue;
        lastMs = Math.max(lastMs, lane.predictedAtMs[i]!);
        latencies.push(lane.predictedAtMs[i]! - lane.sentAtMs[i]!);
      }
    }
    const sorted = Float64Array.from(latencies).sort();
    return {
      events,
      deadLetters: this.deadLetterCount,
      duplicates,
      missing,
      unexplained,
      latencyMs: { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) },
      seconds: Math.max(0, (lastMs - firstMs) / 1000) || 0,
    };
  }

  private find(id: string): { lane: Lane; index: number } | undefined {
    // A topic name may hold hyphens; partition and offset are the last two parts.
    const beforeOffset = id.lastIndexOf('-');
    const beforePartition = id.lastIndexOf('-', beforeOffset - 1);
    const lane =
      id.slice(0, beforePartition) === this.topic ? this.lanes.get(Number(id.slice(beforePartition + 1, beforeOffset))) : undefined;
    const index = lane ? Number(id.slice(beforeOffset + 1)) - lane.low : -1;
    if (lane && Number.isInteger(index) && index >= 0 && index < lane.sentAtMs.length) return { lane, index };
    this.foreign++;
    return undefined;
  }
}

/** Nearest-rank quantile of ascending values; 0 when there are none. */
export function quantile(ascending: Float64Array, share: number): number {
  if (ascending.length === 0) return 0;
  return ascending[Math.min(ascending.length - 1, Math.max(0, Math.ceil(share * ascending.length) - 1))]!;
}
