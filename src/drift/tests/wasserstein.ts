/** One side of a binned Wasserstein distance. */
export interface BinnedMass {
  /** Values in each bin. */
  readonly counts: ArrayLike<number>;
  /** Sum of the values in each bin, in any unit that both sides share. */
  readonly sums: ArrayLike<number>;
}

/**
 * Wasserstein-1 distance ∫|F−G|, with the mass of each bin placed at the mean of its values; in the unit of the sums.
 * Null when a side is empty. Bins ascend, and a mean lies within its bin, so two points a bin are already in order.
 */
export function wassersteinDistance(reference: BinnedMass, current: BinnedMass): number | null {
  let m = 0;
  let n = 0;
  const bins = reference.counts.length;
  for (let k = 0; k < bins; k++) {
    m += reference.counts[k]!;
    n += current.counts[k]!;
  }
  if (m === 0 || n === 0) return null;
  let f = 0;
  let g = 0;
  let distance = 0;
  let at: number | undefined;
  const visit = (x: number, r: number, c: number): void => {
    if (at !== undefined) distance += Math.abs(f / m - g / n) * (x - at);
    at = x;
    f += r;
    g += c;
  };
  for (let k = 0; k < bins; k++) {
    const r = reference.counts[k]!;
    const c = current.counts[k]!;
    const x = r > 0 ? reference.sums[k]! / r : Number.NaN;
    const y = c > 0 ? current.sums[k]! / c : Number.NaN;
    if (r > 0 && !(y < x)) visit(x, r, 0);
    if (c > 0) visit(y, 0, c);
    if (r > 0 && y < x) visit(x, r, 0);
  }
  return distance;
}
