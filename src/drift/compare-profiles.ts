import { foldCounts } from './feature-statistics.ts';
import type { CategoricalFeature, NumericFeature, ReferenceFeature, ReferenceProfile } from './reference-profile.ts';
import { total, totalVariationDistance } from './tests/divergence.ts';

/** How one feature differs between two reference profiles. Shares are 0 to 1. */
export interface FeatureDifference {
  readonly name: string;
  /** In which of the profiles it is; the rest is null unless it is in both, with the same type. */
  readonly in: 'both' | 'before' | 'after';
  readonly types: readonly string[];
  /** True when both have the same bins or words, so that they can be compared cell by cell. */
  readonly hasSameCells: boolean;
  /**
   * Share of the distribution that moved: the total variation distance when the cells are the same; else what it is at least, which is the
   * Kolmogorov-Smirnov distance that no placing of the values within their bins can undercut, or the distance over the words that both know.
   */
  readonly moved: number | null;
  readonly isLowerBound: boolean;
  readonly mean: readonly [number | null, number | null] | null;
  readonly std: readonly [number | null, number | null] | null;
  readonly missingRate: readonly [number, number] | null;
  /** Words that only the later profile has. */
  readonly newWords: readonly string[];
}

/** Compares two reference profiles, feature by feature, the score last; the most moved first. */
export function compareProfiles(before: ReferenceProfile, after: ReferenceProfile): FeatureDifference[] {
  const score = (profile: ReferenceProfile): ReferenceFeature => ({ ...profile.prediction, name: `score (${profile.prediction.name})` });
  const [old, young] = [before, after].map((profile) => new Map([...profile.features, score(profile)].map((f) => [f.name, f] as const)));
  const names = [...new Set([...old!.keys(), ...young!.keys()])];
  const found = names.map((name) => compare(name, old!.get(name), young!.get(name), [before.rows, after.rows]));
  return found.sort((a, b) => (b.moved ?? 2) - (a.moved ?? 2));
}

function compare(
  name: string,
  before: ReferenceFeature | undefined,
  after: ReferenceFeature | undefined,
  rows: readonly [number, number],
): FeatureDifference {
  const types = [before?.type, after?.type].filter((type) => type !== undefined);
  const nothing = {
    name,
    types,
    hasSameCells: false,
    moved: null,
    isLowerBound: false,
    mean: null,
    std: null,
    missingRate: null,
    newWords: [],
  };
  if (!before || !after) return { ...nothing, in: before ? 'before' : 'after' };
  const both = { ...nothing, in: 'both' as const };
  if (before.type === 'CATEGORICAL' || after.type === 'CATEGORICAL') {
    return before.type === 'CATEGORICAL' && after.type === 'CATEGORICAL' ? { ...both, ...compareWords(before, after, rows) } : both;
  }
  const hasSameCells = before.edges.length === after.edges.length && before.edges.every((edge, i) => edge === after.edges[i]);
  return {
    ...both,
    hasSameCells,
    moved: hasSameCells
      ? totalVariationDistance(foldCounts(before.counts, before.fold), foldCounts(after.counts, before.fold))
      : leastDistance(before, after),
    isLowerBound: !hasSameCells,
    mean: [before.mean, after.mean],
    std: [before.std, after.std],
    missingRate: [before.missing / rows[0], after.missing / rows[1]],
  };
}

function compareWords(before: CategoricalFeature, after: CategoricalFeature, rows: readonly [number, number]): Partial<FeatureDifference> {
  const [m, n] = [total(before.counts), total(after.counts)];
  const share = ({ vocabulary, counts }: CategoricalFeature, word: string, of: number): number => {
    const at = vocabulary.indexOf(word);
    return at < 0 || of === 0 ? 0 : counts[at]! / of;
  };
  const known = new Set(after.vocabulary);
  const shared = before.vocabulary.filter((word) => known.has(word));
  const hasSameCells = shared.length === before.vocabulary.length && shared.length === after.vocabulary.length;
  const others = (of: 'before' | 'after'): number => {
    const [feature, sum] = of === 'before' ? [before, m] : [after, n];
    return 1 - shared.reduce((rest, word) => rest + share(feature, word, sum), 0);
  };
  // All that is no shared word counts as one: what it may hold of the same words is not known.
  const differences = shared.map((word) => Math.abs(share(before, word, m) - share(after, word, n)));
  const moved = m === 0 || n === 0 ? null : (differences.reduce((a, b) => a + b, 0) + Math.abs(others('before') - others('after'))) / 2;
  return {
    hasSameCells,
    moved,
    isLowerBound: !hasSameCells,
    missingRate: [before.missing / rows[0], after.missing / rows[1]],
    newWords: after.vocabulary.filter((word) => !before.vocabulary.includes(word)),
  };
}

/** The Kolmogorov-Smirnov distance of the values is at least this: each profile says exactly what share lies below each of its own edges. */
function leastDistance(before: NumericFeature, after: NumericFeature): number | null {
  const [f, g] = [sharesBelow(before), sharesBelow(after)];
  if (!f || !g) return null;
  const gap = (own: readonly number[], edges: readonly number[], other: readonly number[], otherEdges: readonly number[]): number =>
    Math.max(
      0,
      ...edges.map((edge, i) => {
        // The share of the other below the edge lies between those at its edges around it.
        const at = otherEdges.findLastIndex((candidate) => candidate <= edge);
        const low = at < 0 ? 0 : other[at]!;
        const high = otherEdges[at] === edge ? low : (other[at + 1] ?? 1);
        return Math.max(0, low - own[i]!, own[i]! - high);
      }),
    );
  return Math.max(gap(f, before.edges, g, after.edges), gap(g, after.edges, f, before.edges));
}

/** Share of the values below each edge; undefined when there are none. */
function sharesBelow({ counts, edges }: NumericFeature): number[] | undefined {
  const n = total(counts);
  if (n === 0) return undefined;
  let below = 0;
  return edges.map((_, i) => (below += counts[i]!) / n);
}
