/** Windows of random rows for the simulation of drift decisions: features with a known distribution, filled without Kafka or workers. */
import { Random } from '../../src/core/random.ts';
import { binOf, foldByMass } from '../../src/drift/bins.ts';
import { numericFeatureFrom } from '../../src/drift/reference-builder.ts';
import { type ReferenceFeature, type ReferenceProfile, referenceProfileFrom } from '../../src/drift/reference-profile.ts';
import { normalTail } from '../../src/drift/tests/gamma.ts';

/** Where values of a feature fall: shares of its cells, which add up to 1. */
export type Shares = readonly number[];

/** A change of the distribution of one feature. */
export interface Shift {
  readonly name: string;
  /** The feature, as `rows` rows of the reference show it. */
  readonly feature: (rows: number, random: Random) => ReferenceFeature;
  /** Shares of its cells after the change. */
  readonly shares: (feature: ReferenceFeature) => Shares;
}

/** A standard normal feature of which the reference has `rows` rows, folded to `bins` coarse bins. */
export function normalFeature(name: string, rows: number, bins: number, random: Random): ReferenceFeature {
  const values = Float32Array.from(
    { length: rows },
    () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
  const feature = numericFeatureFrom(name, values);
  return foldedTo(feature, bins);
}

/** The same with another number of coarse bins. */
export function foldedTo<T extends ReferenceFeature>(feature: T, bins: number): T {
  return { ...feature, fold: foldByMass(feature.counts, bins) };
}

/** Shares of the fine bins of a normal feature whose values are scaled and moved; exact, by the normal distribution. */
export function normalShares(feature: ReferenceFeature, { move = 0, scale = 1 } = {}): Shares {
  if (feature.type === 'CATEGORICAL') throw new Error(`${feature.name} has no edges.`);
  const above = [1, ...feature.edges.map((edge) => normalTail((edge - move) / scale)), 0];
  return above.slice(1).map((tail, i) => above[i]! - tail);
}

const WORDS: Shares = [0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.03, 0.02];

/** What is looked for in the measurement of power. */
export const SHIFTS: readonly Shift[] = [
  normal('mean +0.25 sd', { move: 0.25 }),
  normal('mean +0.5 sd', { move: 0.5 }),
  normal('scale ×1.25', { scale: 1.25 }),
  {
    name: 'constant 5 → 7',
    feature: (rows) => numericFeatureFrom('shifted', new Float32Array(rows).fill(5)),
    shares: (feature) => {
      const at = feature.type === 'CATEGORICAL' ? 0 : binOf(feature.edges, 7);
      return feature.counts.map((_, cell) => Number(cell === at));
    },
  },
  {
    name: 'category, 0.10 moves',
    feature: (rows, random) => {
      const counts = [...WORDS.map(() => 0), 0];
      const draw = samplerOf(WORDS, random);
      for (let row = 0; row < rows; row++) counts[draw()]!++;
      return { name: 'shifted', type: 'CATEGORICAL', vocabulary: WORDS.map((_, i) => `w${i}`), counts, missing: 0 };
    },
    shares: () => [...WORDS.map((share, i) => share + (i === 0 ? -0.1 : i === 2 ? 0.1 : 0)), 0],
  },
];

/** Shares before the change. */
export function sharesOf(feature: ReferenceFeature): Shares {
  if (feature.type === 'CATEGORICAL') return [...WORDS, 0];
  if (feature.type === 'NUMERIC') return normalShares(feature);
  return feature.counts.map((count) => Number(count > 0));
}

function normal(name: string, change: { move?: number; scale?: number }): Shift {
  return {
    name,
    feature: (rows, random) => normalFeature('shifted', rows, 16, random),
    shares: (feature) => normalShares(feature, change),
  };
}

/** A profile of features; the last of them takes the place of the score. */
export function profileOf(features: readonly ReferenceFeature[], rows: number): ReferenceProfile {
  const prediction = { ...features.at(-1)!, name: 'score' };
  if (prediction.type === 'CATEGORICAL') throw new Error('A score is a number.');
  const content = { format: 'weir-reference-profile/1', model: { name: 'bench', version: '1' }, rows, observedRows: rows } as const;
  return referenceProfileFrom({ ...content, features: features.slice(0, -1), prediction });
}

/** Draws cells with given shares: the alias method (Walker 1977), a table look-up a draw. */
export function samplerOf(shares: Shares, random: Random): () => number {
  const size = shares.length;
  const keep = Float64Array.from(shares, (share) => share * size);
  const alias = Int32Array.from(shares, (_, i) => i);
  const small = [...keep.keys()].filter((i) => keep[i]! < 1);
  const large = [...keep.keys()].filter((i) => keep[i]! >= 1);
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!;
    const more = large.at(-1)!;
    alias[less] = more;
    keep[more]! -= 1 - keep[less]!;
    if (keep[more]! < 1) small.push(large.pop()!);
  }
  // What is left is 1 but for rounding.
  for (const i of [...small, ...large]) keep[i] = 1;
  return () => {
    const x = random.next() * size;
    const i = Math.floor(x);
    return x - i < keep[i]! ? i : alias[i]!;
  };
}
