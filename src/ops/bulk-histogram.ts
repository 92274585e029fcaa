import type { MetricEntry } from './catalogue.ts';

/** Counts of one combination of label values. */
export class HistogramSeries {
  /** Observations per bucket, not cumulative; the last one is above all bounds. */
  readonly counts: Float64Array;
  private readonly bounds: Float64Array;
  /** Bounds per unit of value, if they were evenly spaced. */
  private readonly perUnit: number;
  private total = 0;

  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.perUnit = bounds.length > 1 ? (bounds.length - 1) / (bounds.at(-1)! - bounds[0]!) : 1;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Sum of all observations. */
  get sum(): number {
    return this.total;
  }

  /** Observes `value`, `times` times. NaN is not an observation. */
  add(value: number, times = 1): void {
    if (Number.isNaN(value)) return;
    this.counts[this.bucketOf(value)]! += times;
    this.total += value * times;
  }

  /** Observes `values[i]` for each of the first `rows` rows whose `status` is 0. NaN is not an observation. */
  addRows(values: Float64Array, status: Uint8Array, rows: number): void {
    const { counts } = this;
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      const value = values[i]!;
      if (status[i] !== 0 || Number.isNaN(value)) continue;
      counts[this.bucketOf(value)]!++;
      sum += value;
    }
    this.total += sum;
  }

  /**
   * Index of the first bound that is not below the value (`le` of Prometheus is inclusive). Guesses as if the bounds were
   * evenly spaced and walks from there: right for any bounds, and for those of scores, the only ones observed per row,
   * without the mispredicted branches of a binary search (half the time, measured).
   */
  private bucketOf(value: number): number {
    const { bounds, perUnit } = this;
    const last = bounds.length;
    let bucket = Math.trunc(Math.min(last, Math.max(0, (value - bounds[0]!) * perUnit + 1)));
    while (bucket > 0 && value <= bounds[bucket - 1]!) bucket--;
    while (bucket < last && value > bounds[bucket]!) bucket++;
    return bucket;
  }
}

interface SampleValue {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

/**
 * A histogram that takes observations in bulk. prom-client's own costs a hash of the labels and an object look-up per
 * observation; this one an addition in a typed array. To prom-client's registry it looks like any metric.
 */
export class BulkHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  private readonly labels: readonly string[];
  private readonly bounds: Float64Array;
  private readonly series = new Map<string, { values: readonly string[]; series: HistogramSeries }>();

  constructor(entry: MetricEntry) {
    this.name = entry.name;
    this.help = entry.help;
    this.labels = entry.labels;
    this.bounds = Float64Array.from(entry.buckets ?? []);
  }

  /** The counts for these label values, in catalogue order. Look it up once, not per observation. */
  of(...values: readonly string[]): HistogramSeries {
    const key = values.join('\u0000');
    let found = this.series.get(key);
    if (!found) {
      found = { values, series: new HistogramSeries(this.bounds) };
      this.series.set(key, found);
    }
    return found.series;
  }

  /** Forgets all observations, as prom-client's registry wants. */
  reset(): void {
    this.series.clear();
  }

  /** What prom-client renders. */
  async get(): Promise<{ name: string; help: string; type: 'histogram'; aggregator: 'sum'; values: SampleValue[] }> {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: [...this.series.values()].flatMap((entry) => this.samples(entry)) };
  }

  private samples({ values, series }: { values: readonly string[]; series: HistogramSeries }): SampleValue[] {
    const labels: Record<string, string> = {};
    for (const [i, label] of this.labels.entries()) labels[label] = values[i] ?? '';
    const samples: SampleValue[] = [];
    let total = 0;
    for (let bucket = 0; bucket <= this.bounds.length; bucket++) {
      total += series.counts[bucket]!;
      samples.push({ metricName: `${this.name}_bucket`, labels: { ...labels, le: this.bounds[bucket] ?? '+Inf' }, value: total });
    }
    samples.push({ metricName: `${this.name}_sum`, labels, value: series.sum });
    samples.push({ metricName: `${this.name}_count`, labels, value: total });
    return samples;
  }
}
