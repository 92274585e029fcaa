import { total } from './divergence.ts';

type Counts = ArrayLike<number>;

/** How a KS p-value was computed. */
export type KsMethod = 'exact' | 'stephens';

/** Bounds of the two-sample Kolmogorov–Smirnov distance from counts of common bins. */
export interface KsBounds {
  /** Distance at the bin edges; the distance D of the raw values is at least this. */
  readonly lower: number;
  /** Largest distance that values inside the bins could have; D is at most this. */
  readonly upper: number;
}

/** Products n·m up to this get the exact p-value; it costs n·m steps. */
export const EXACT_LIMIT = 1_000_000;

/** Bounds of D; null when a side is empty. */
export function ksBounds(reference: Counts, current: Counts): KsBounds | null {
  const m = total(reference);
  const n = total(current);
  if (m === 0 || n === 0) return null;
  let f = 0;
  let g = 0;
  let lower = 0;
  let upper = 0;
  // Running integer sums are divided late, so that equal distributions have D of exactly 0.
  for (let k = 0; k < reference.length; k++) {
    const nextF = f + reference[k]!;
    const nextG = g + current[k]!;
    upper = Math.max(upper, nextF / m - g / n, nextG / n - f / m);
    lower = Math.max(lower, Math.abs(nextF / m - nextG / n));
    f = nextF;
    g = nextG;
  }
  return { lower, upper: Math.min(1, upper) };
}

/**
 * Two-sided p-value of a KS distance d between samples of m and n values.
 * Exact by lattice paths for small samples (upper tail summed directly, so that small p keep their precision), else
 * Stephens' approximation. Conservative when values are tied or binned.
 * @param overDispersion by how much the variance of F − G is above that of independent values: the samples count as so much smaller
 */
export function ksPValue(d: number, m: number, n: number, overDispersion = 1): { p: number; method: KsMethod } {
  if (m * n <= EXACT_LIMIT && overDispersion === 1) return { p: ksExactTail(d, m, n), method: 'exact' };
  const e = (n * m) / (n + m) / overDispersion;
  const root = Math.sqrt(e);
  return { p: kolmogorovTail((root + 0.12 + 0.11 / root) * d), method: 'stephens' };
}

/** P(D ≥ d) under equal distributions without ties: the share of lattice paths that touch the boundary (Hodges 1957). */
export function ksExactTail(d: number, m: number, n: number): number {
  const bound = d - 1e-10;
  if (bound <= 0) return 1;
  // touched[j]: share of paths to (i, j) that have been outside. The last step came from (i−1, j) with i/(i+j).
  const touched = new Float64Array(n + 1);
  for (let j = 1; j <= n; j++) touched[j] = j / n >= bound ? 1 : touched[j - 1]!;
  for (let i = 1; i <= m; i++) {
    touched[0] = i / m >= bound ? 1 : touched[0]!;
    for (let j = 1; j <= n; j++) {
      touched[j] = Math.abs(i / m - j / n) >= bound ? 1 : (i * touched[j]! + j * touched[j - 1]!) / (i + j);
    }
  }
  return Math.min(1, touched[n]!);
}

/** Kolmogorov's limit 2Σ(−1)^{k−1}e^{−2k²λ²}; below 1.18 by its theta form, which converges there. */
export function kolmogorovTail(lambda: number): number {
  if (lambda <= 0) return 1;
  if (lambda < 1.18) {
    const y = Math.exp(-(Math.PI ** 2) / (8 * lambda * lambda));
    return 1 - (Math.sqrt(2 * Math.PI) / lambda) * (y + y ** 9 + y ** 25 + y ** 49);
  }
  let sum = 0;
  for (let k = 1; k <= 20; k++) {
    const term = Math.exp(-2 * k * k * lambda * lambda);
    sum += k % 2 === 1 ? term : -term;
    if (term < sum * 1e-17) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}
