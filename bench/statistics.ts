/** What benchmarks say of several measurements of one thing. */

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Quantiles of latencies, in the unit of the values. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Each is a value that occurs: the smallest that as large a share of the values does not exceed. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** 95 % interval of the mean of a Poisson count (Garwood 1936), by the approximation of Wilson and Hilferty (1931), good to 1 % but for none. */
export function poissonInterval(count: number): readonly [lower: number, upper: number] {
  const bound = (k: number, z: number): number => k * (1 - 1 / (9 * k) + z / (3 * Math.sqrt(k))) ** 3;
  return count === 0 ? [0, 3.69] : [Math.max(0, bound(count, -1.96)), bound(count + 1, 1.96)];
}
