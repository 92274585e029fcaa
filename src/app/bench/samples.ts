/** Latencies of a run: from when an event was due to when its prediction was handed to the sink. */
export interface Latencies {
  /** Events measured. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Collects numbers, all of them: percentiles of a few million are exact and cost less than an approximation is worth. */
export class Samples {
  private values = new Float32Array(1 << 14);
  private count = 0;

  add(value: number): void {
    if (this.count === this.values.length) {
      const grown = new Float32Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.count++] = value;
  }

  /** The samples in milliseconds; undefined when there are none. */
  latencies(): Latencies | undefined {
    if (this.count === 0) return undefined;
    const sorted = this.values.slice(0, this.count).sort();
    return {
      count: this.count,
      p50Ms: percentile(sorted, 50),
      p95Ms: percentile(sorted, 95),
      p99Ms: percentile(sorted, 99),
      maxMs: sorted[this.count - 1]!,
    };
  }
}

/** The nearest rank: the smallest value that at least `percent` of the values do not exceed. @param sorted ascending, not empty */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}
