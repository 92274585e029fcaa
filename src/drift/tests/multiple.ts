import { normalTail } from './gamma.ts';

/** The family-wise level of a window is never above this, however long the window is. */
export const MAX_WINDOW_ALPHA = 0.05;

/**
 * Significance level of one of `tests` tests of a window, so that without drift a false alarm is expected once in
 * `expectedRunTimeMs` (Šidák over the tests): α = 1 − (1 − w/ERT)^{1/F}. Windows long against the run time are held
 * at 0.05 for the family.
 */
export function alphaPerTest(windowMs: number, expectedRunTimeMs: number, tests: number): number {
  const family = Math.min(MAX_WINDOW_ALPHA, windowMs / expectedRunTimeMs);
  // −expm1(log1p(·)) keeps the digits of small levels.
  return -Math.expm1(Math.log1p(-family) / tests);
}

/** Benjamini–Hochberg q-values in the order of the input; null stays null and does not count. */
export function benjaminiHochberg(pValues: readonly (number | null)[]): (number | null)[] {
  const order = pValues
    .map((p, index) => ({ p, index }))
    .filter((entry): entry is { p: number; index: number } => entry.p !== null)
    .sort((a, b) => a.p - b.p);
  const result = pValues.map((): number | null => null);
  let smallest = 1;
  for (let rank = order.length; rank >= 1; rank--) {
    const { p, index } = order[rank - 1]!;
    smallest = Math.min(smallest, (p * order.length) / rank);
    result[index] = smallest;
  }
  return result;
}

/** One-sided p-value that the rate x/n is above y/m (two-proportion z test, pooled variance times `overDispersion`). 1 when a side is empty. */
export function rateIncreaseP(x: number, n: number, y: number, m: number, overDispersion = 1): number {
  if (n === 0 || m === 0) return 1;
  const pooled = (x + y) / (n + m);
  const variance = overDispersion * pooled * (1 - pooled) * (1 / n + 1 / m);
  if (variance <= 0) return 1;
  return normalTail((x / n - y / m) / Math.sqrt(variance));
}
