/** The workers' own view of themselves, read from `/metrics`, added up over workers. For the live panel only: the verdict comes from the topics. */

/** One sample of the Prometheus text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Cumulative counts of a histogram by upper bound, ascending; the last bound is infinite. */
export type Buckets = ReadonlyMap<number, number>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Samples of a `/metrics` answer; comments and what is not a sample are left out. */
export function parseMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (!match) continue;
    const labels: Record<string, string> = {};
    for (const [, key, value] of (match[2] ?? '').matchAll(LABEL)) if (key !== undefined && value !== undefined) labels[key] = value;
    samples.push({ name: match[1] ?? '', labels, value: Number(match[3]?.replace('Inf', 'Infinity')) });
  }
  return samples;
}

/** Sum of all samples of this name. */
export function sumOf(samples: readonly Sample[], name: string): number {
  let sum = 0;
  for (const sample of samples) if (sample.name === name) sum += sample.value;
  return sum;
}

/** The histogram `name`, added up over all label sets and workers. */
export function bucketsOf(samples: readonly Sample[], name: string): Buckets {
  const sums = new Map<number, number>();
  for (const sample of samples) {
    const bound = sample.name === `${name}_bucket` ? sample.labels['le'] : undefined;
    if (bound === undefined) continue;
    const upper = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    sums.set(upper, (sums.get(upper) ?? 0) + sample.value);
  }
  return new Map([...sums].sort(([a], [b]) => a - b));
}

/** What was added to a histogram since `before`. */
export function bucketsSince(now: Buckets, before: Buckets | undefined): Buckets {
  return new Map([...now].map(([upper, count]) => [upper, count - (before?.get(upper) ?? 0)]));
}

/** Quantile of a histogram, linear within a bucket as Prometheus' `histogram_quantile`; NaN when it is empty. */
export function quantileOf(buckets: Buckets, share: number): number {
  const total = [...buckets.values()].at(-1) ?? 0;
  if (total <= 0) return Number.NaN;
  const rank = share * total;
  let lower = 0;
  let below = 0;
  for (const [upper, count] of buckets) {
    if (count >= rank) return Number.isFinite(upper) ? lower + ((upper - lower) * (rank - below)) / Math.max(1e-12, count - below) : lower;
    lower = upper;
    below = count;
  }
  return lower;
}
