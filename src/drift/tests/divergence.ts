/**
 * Distances of two binned distributions. `reference` and `current` are counts of the same bins; a side whose counts
 * are all zero has no distribution, and every function then returns null (never 0, which would say "no drift").
 */
type Counts = ArrayLike<number>;

/** Sum of counts. */
export function total(counts: Counts): number {
  let sum = 0;
  for (let k = 0; k < counts.length; k++) sum += counts[k]!;
  return sum;
}

/**
 * Population stability index Σ(Q−P)·ln(Q/P), natural logarithm. Shares are smoothed by half a count a bin (Jeffreys
 * prior) when they are read; stored counts stay integers. Without drift PSI ≈ χ²_{K−1}·(1/n + 1/m)
 * (cf. Potgieter et al., arXiv 2307.11878).
 */
export function populationStabilityIndex(reference: Counts, current: Counts): number | null {
  const m = total(reference);
  const n = total(current);
  const bins = reference.length;
  if (m === 0 || n === 0) return null;
  let psi = 0;
  for (let k = 0; k < bins; k++) {
    const p = (reference[k]! + 0.5) / (m + bins / 2);
    const q = (current[k]! + 0.5) / (n + bins / 2);
    psi += (q - p) * Math.log(q / p);
  }
  return psi;
}

/** Jensen–Shannon distance, base 2: the square root of the divergence in bits; 0 to 1. Needs no smoothing. */
export function jensenShannonDistance(reference: Counts, current: Counts): number | null {
  const m = total(reference);
  const n = total(current);
  if (m === 0 || n === 0) return null;
  let bits = 0;
  for (let k = 0; k < reference.length; k++) {
    const p = reference[k]! / m;
    const q = current[k]! / n;
    const middle = (p + q) / 2;
    if (p > 0) bits += p * Math.log2(p / middle);
    if (q > 0) bits += q * Math.log2(q / middle);
  }
  return Math.sqrt(Math.min(1, Math.max(0, bits / 2)));
}

/** Total variation distance ½Σ|p−q|: the share of the distribution that moved; 0 to 1. */
export function totalVariationDistance(reference: Counts, current: Counts): number | null {
  const m = total(reference);
  const n = total(current);
  if (m === 0 || n === 0) return null;
  let sum = 0;
  for (let k = 0; k < reference.length; k++) sum += Math.abs(reference[k]! / m - current[k]! / n);
  return Math.min(1, sum / 2);
}

/** max|p−q| over bins. */
export function lInfinityDistance(reference: Counts, current: Counts): number | null {
  const m = total(reference);
  const n = total(current);
  if (m === 0 || n === 0) return null;
  let largest = 0;
  for (let k = 0; k < reference.length; k++) largest = Math.max(largest, Math.abs(reference[k]! / m - current[k]! / n));
  return largest;
}
