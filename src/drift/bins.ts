/**
 * Bins of a numeric feature. Edges e_1 < … < e_{K−1} come from the reference and never move, so counts add up.
 * bin(x) = number of edges ≤ x; the first and the last bin are open. Values and edges are float32, because
 * Math.fround(0.7) < 0.7 would otherwise put a value on the other side of its own edge.
 */

/** Fine bins of a continuous feature, for Kolmogorov–Smirnov and Wasserstein. */
export const FINE_BINS = 64;
/** Coarse bins that fine bins are folded to, for TVD, PSI, JS distance and chi-square. */
export const COARSE_BINS = 16;
/** A feature with at most this many distinct reference values has one bin a value. */
export const MAX_DISCRETE_VALUES = 20;

const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);

/** The smallest float32 greater than `x`. */
export function nextUpFloat32(x: number): number {
  const value = Math.fround(x);
  if (Number.isNaN(value) || value === Number.POSITIVE_INFINITY) return value;
  if (value === 0) return 2 ** -149;
  floatBits[0] = value;
  intBits[0]! += value > 0 ? 1 : -1;
  return floatBits[0];
}

/** The smallest float32 that is not less than `x`: a float32 is at or above the one exactly when it is at or above the other. */
export function ceilFloat32(x: number): number {
  const value = Math.fround(x) + 0;
  return value < x ? nextUpFloat32(value) : value;
}

/** Number of edges ≤ x. `edges` ascending, `x` finite. For tests and rare paths; the accumulator has faster ways. */
export function binOf(edges: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Quantile of ascending values, linear interpolation (Hyndman & Fan type 7, the default of NumPy and R). */
export function quantileType7(sorted: ArrayLike<number>, probability: number): number {
  const h = (sorted.length - 1) * probability;
  const low = Math.floor(h);
  const a = sorted[low]!;
  return low + 1 < sorted.length ? a + (h - low) * (sorted[low + 1]! - a) : a;
}

/** A value with its number of occurrences. */
interface Mass {
  readonly value: number;
  readonly count: number;
}

/** What the edges of a feature are and how its bins are folded. */
export interface NumericBins {
  readonly type: 'NUMERIC' | 'DISCRETE';
  /** Ascending float32 values. */
  readonly edges: readonly number[];
  /** Reference count of each bin; `edges.length + 1` of them. */
  readonly counts: readonly number[];
  /** Coarse bin of each bin. */
  readonly fold: readonly number[];
}

/**
 * Chooses the bins of a feature from its reference values.
 * Every value that holds at least 1/64 of the reference gets a bin of its own, [v, nextUp(v)): without it a constant
 * that shifts from 5 to 7 would stay in one bin.
 * @param sorted finite float32 values, ascending
 */
export function numericBinsFrom(sorted: Float32Array): NumericBins {
  const masses = massesOf(sorted);
  const discrete = masses.length <= MAX_DISCRETE_VALUES;
  const own = discrete ? masses : masses.filter(({ count }) => count * FINE_BINS >= sorted.length);
  const edges = new Set<number>();
  if (!discrete) for (let j = 1; j < FINE_BINS; j++) edges.add(Math.fround(quantileType7(sorted, j / FINE_BINS)) + 0);
  for (const { value } of own) edges.add(value).add(nextUpFloat32(value));
  const ascending = [...edges].filter(Number.isFinite).sort((a, b) => a - b);
  const counts = new Array<number>(ascending.length + 1).fill(0);
  for (const { value, count } of masses) counts[binOf(ascending, value)]! += count;
  const fold = discrete ? foldDiscrete(ascending, masses) : foldByMass(counts, COARSE_BINS);
  return { type: discrete ? 'DISCRETE' : 'NUMERIC', edges: ascending, counts, fold };
}

/**
 * The same bins with one more edge, which divides one of them. Both halves fold to the same coarse bin, so that what is computed of those stays as it is.
 * Unchanged when there is such an edge, or it lies outside the values.
 * @param sorted the values of the bins
 */
export function withEdge(bins: NumericBins, sorted: Float32Array, edge: number): NumericBins {
  const { edges, counts, fold } = bins;
  if (sorted.length === 0 || !(edge >= sorted[0]!) || edge > sorted.at(-1)! || edges.includes(edge)) return bins;
  const at = binOf(edges, edge);
  const below = sorted.findIndex((value) => value >= edge) - counts.slice(0, at).reduce((a, b) => a + b, 0);
  return {
    ...bins,
    edges: edges.toSpliced(at, 0, edge),
    counts: counts.toSpliced(at, 1, below, counts[at]! - below),
    fold: fold.toSpliced(at, 0, fold[at]!),
  };
}

function massesOf(sorted: Float32Array): Mass[] {
  const masses: Mass[] = [];
  for (let i = 0; i < sorted.length; ) {
    // + 0 turns −0 into 0: they are one value.
    const value = sorted[i]! + 0;
    let j = i + 1;
    while (j < sorted.length && sorted[j] === value) j++;
    masses.push({ value, count: j - i });
    i = j;
  }
  return masses;
}

/** One coarse bin a value, and one (the last) for all that lies between. */
function foldDiscrete(edges: readonly number[], masses: readonly Mass[]): number[] {
  const indexOf = new Map(masses.map(({ value }, index) => [value, index]));
  return Array.from({ length: edges.length + 1 }, (_, bin) => (bin === 0 ? undefined : indexOf.get(edges[bin - 1]!)) ?? masses.length);
}

/**
 * Folds neighbouring bins to about `target` bins of equal reference mass. A bin that alone holds 1/target keeps its
 * own, and so do the bins between two such: mass that leaves a point must be seen to leave it.
 */
export function foldByMass(counts: readonly number[], target: number): number[] {
  const total = counts.reduce((a, b) => a + b, 0);
  const isHeavy = counts.map((c) => total > 0 && c * target >= total);
  const heavyMass = counts.reduce((sum, c, i) => sum + (isHeavy[i] ? c : 0), 0);
  const heavyCount = isHeavy.filter(Boolean).length;
  const share = (total - heavyMass) / Math.max(1, target - heavyCount);
  const fold: number[] = [];
  let next = 0;
  for (let start = 0; start < counts.length; ) {
    if (isHeavy[start]) {
      fold.push(next++);
      start++;
      continue;
    }
    let end = start;
    let mass = 0;
    while (end < counts.length && !isHeavy[end]) mass += counts[end++]!;
    const groups = Math.max(1, Math.min(end - start, share > 0 ? Math.round(mass / share) : 1));
    let before = 0;
    let last = -1;
    for (let bin = start; bin < end; bin++) {
      const middle = before + counts[bin]! / 2;
      const group = mass > 0 ? Math.min(groups - 1, Math.floor((middle / mass) * groups)) : 0;
      if (group !== last) next++;
      last = group;
      fold.push(next - 1);
      before += counts[bin]!;
    }
    start = end;
  }
  return fold;
}
