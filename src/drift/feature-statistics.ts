import {
  ABOVE_DOMAIN,
  BELOW_DOMAIN,
  INFINITE,
  isNumeric,
  MARKS,
  MISSING,
  SKEW_COMPARED,
  SKEW_MISMATCHED,
  STAND_INS,
  STORE_MISS,
  TYPE_MISMATCHES,
} from './cells.ts';
import type { NumericFeature, ReferenceFeature } from './reference-profile.ts';
import { chiSquareTest } from './tests/chi-square.ts';
import { jensenShannonDistance, lInfinityDistance, populationStabilityIndex, total, totalVariationDistance } from './tests/divergence.ts';
import { type KsMethod, ksBounds, ksPValue } from './tests/kolmogorov-smirnov.ts';
import { wassersteinDistance } from './tests/wasserstein.ts';
import type { Window } from './window.ts';

/** What a window says of one feature, before any decision. Field by field as in `schemas/drift-statistics.avsc`. */
export interface FeatureMeasures {
  readonly name: string;
  readonly type: ReferenceFeature['type'];
  readonly n: number;
  /** n / overDispersion: as many independent values would tell as much. */
  readonly nEff: number;
  /** φ̂, by how much the variance of counts is above that of independent rows. */
  readonly overDispersion: number;
  readonly nReference: number;
  readonly bins: number;
  readonly tvd: number | null;
  readonly psi: number | null;
  readonly jsDistance: number | null;
  readonly lInfinity: number | null;
  readonly wasserstein: number | null;
  readonly ksLower: number | null;
  readonly ksUpper: number | null;
  readonly ksPUpper: number | null;
  readonly ksPLower: number | null;
  readonly pMethod: KsMethod | 'none';
  readonly chiSquare: number | null;
  readonly chiSquareDof: number;
  readonly chiSquareP: number | null;
  readonly cramersV: number | null;
  readonly p: number | null;
  readonly mean: number | null;
  readonly meanReference: number | null;
  readonly missingRate: number;
  readonly missingRateReference: number;
  readonly infiniteRate: number;
  readonly belowDomainRate: number;
  readonly aboveDomainRate: number;
  readonly newCategoryRate: number;
  readonly standInRate: number;
  readonly storeMissRate: number;
  readonly storeStaleRate: number;
  readonly storeUnavailableRate: number;
  readonly lowest: number | null;
  readonly highest: number | null;
  /** Of all rows, dead letters that had a value of a wrong type among them. */
  readonly typeMismatchRate: number;
  /** Of the rows that were compared; null when none was. */
  readonly skewRate: number | null;
  readonly skewCompared: number;
}

/**
 * Rows that the effect threshold needs to mean something, by number of bins K: without drift, and with fewer rows, TVD
 * exceeds 0.1 by chance alone. Half of `minSamples` up to 10 bins, all of it up to 20, in proportion above.
 */
export function samplesNeeded(bins: number, minSamples: number): number {
  if (bins <= 10) return Math.ceil(minSamples / 2);
  return Math.ceil((minSamples * Math.max(20, bins)) / 20);
}

/**
 * True when both sides have the rows that are needed, and the window has them as independent ones, too. Of those a fifth may be wanting:
 * φ̂ comes from 30 pairs of windows or more, and is itself uncertain by about as much.
 */
export function hasEnoughValues(
  { n, nEff, nReference, bins }: Pick<FeatureMeasures, 'n' | 'nEff' | 'nReference' | 'bins'>,
  minSamples: number,
): boolean {
  const needed = samplesNeeded(bins, minSamples);
  return Math.min(n, nReference) >= needed && nEff >= 0.8 * needed;
}

/** Counts of a feature of a window, in coarse bins or in categories. */
export function coarseCounts(window: Pick<Window, 'layout' | 'counts'>, index: number): number[] {
  const { reference, start, count } = window.layout.features[index]!;
  const counts = window.counts.subarray(start, start + count);
  return isNumeric(reference) ? foldCounts(counts, reference.fold) : [...counts];
}

/**
 * Measures feature `index` of a window against the reference. p-values are computed only from `minSamples` on: below,
 * no decision rests on them, and the exact ones are dear.
 *
 * Both tests are scaled by φ̂ as a whole, χ² and the effective sample size n·m/(n+m) of KS: φ̂ is the ratio of the variance of the
 * difference of two samples to what it would be with independent rows, and with m much above n it hardly matters how the reference shares in it.
 */
export function measureFeature(window: Window, index: number, minSamples: number, overDispersion = 1): FeatureMeasures {
  const { reference, start, count } = window.layout.features[index]!;
  const counts = window.counts.subarray(start, start + count);
  const n = total(counts);
  const nReference = total(reference.counts);
  const numeric = isNumeric(reference) ? reference : undefined;
  const coarseReference = numeric ? foldCounts(reference.counts, numeric.fold) : reference.counts;
  const coarse = coarseCounts(window, index);
  const bins = coarse.length;
  const nEff = n / overDispersion;
  const hasEnough = hasEnoughValues({ n, nEff, nReference, bins }, minSamples);
  const chi = hasEnough ? chiSquareTest(coarseReference, coarse, overDispersion) : null;
  const ksP: KsP = (d) => (hasEnough ? ksPValue(d, nReference, n, overDispersion) : undefined);
  const line = numeric ? measureLine(numeric, counts, window.sums.subarray(start, start + count), n, ksP) : NO_LINE;
  // χ² sees changes of scale that KS is blind to; for few distinct values χ² alone says all.
  const tests = [chi?.p ?? null, reference.type === 'NUMERIC' ? line.ksPUpper : null].filter((p): p is number => p !== null);
  const mark = (which: number): number => window.marks[index * MARKS.length + which]!;
  const rate = (x: number, of: number): number => (of > 0 ? x / of : 0);
  const { events } = window;
  const seen = (x: number): number | null => (Number.isFinite(x) ? x : null);
  return {
    name: reference.name,
    type: reference.type,
    n,
    nEff,
    overDispersion,
    nReference,
    bins,
    tvd: totalVariationDistance(coarseReference, coarse),
    psi: populationStabilityIndex(coarseReference, coarse),
    jsDistance: jensenShannonDistance(coarseReference, coarse),
    lInfinity: lInfinityDistance(coarseReference, coarse),
    ...line,
    chiSquare: chi?.statistic ?? null,
    chiSquareDof: chi?.dof ?? 0,
    chiSquareP: chi?.p ?? null,
    cramersV: chi?.cramersV ?? null,
    p: tests.length > 0 ? Math.min(1, tests.length * Math.min(...tests)) : null,
    missingRate: rate(mark(MISSING), events),
    missingRateReference: rate(reference.missing, nReference + reference.missing + (numeric?.infinite ?? 0)),
    infiniteRate: rate(mark(INFINITE), events),
    belowDomainRate: rate(mark(BELOW_DOMAIN), n),
    aboveDomainRate: rate(mark(ABOVE_DOMAIN), n),
    newCategoryRate: numeric ? 0 : rate(counts.at(-1)!, n),
    standInRate: rate(mark(STAND_INS), events),
    storeMissRate: rate(mark(STORE_MISS), events),
    storeStaleRate: rate(mark(STORE_MISS + 1), events),
    storeUnavailableRate: rate(mark(STORE_MISS + 2), events),
    lowest: seen(window.lowest[index]!),
    highest: seen(window.highest[index]!),
    typeMismatchRate: rate(mark(TYPE_MISMATCHES), events + window.rejected),
    skewRate: mark(SKEW_COMPARED) > 0 ? mark(SKEW_MISMATCHED) / mark(SKEW_COMPARED) : null,
    skewCompared: mark(SKEW_COMPARED),
  };
}

type LineMeasures = Pick<
  FeatureMeasures,
  'wasserstein' | 'ksLower' | 'ksUpper' | 'ksPUpper' | 'ksPLower' | 'pMethod' | 'mean' | 'meanReference'
>;

const NO_LINE: LineMeasures = {
  wasserstein: null,
  ksLower: null,
  ksUpper: null,
  ksPUpper: null,
  ksPLower: null,
  pMethod: 'none',
  mean: null,
  meanReference: null,
};

/** p of a distance; undefined: no decision rests on it. */
type KsP = (d: number) => ReturnType<typeof ksPValue> | undefined;

function measureLine(reference: NumericFeature, counts: Float64Array, sums: Float64Array, n: number, ksP: KsP): LineMeasures {
  const bounds = ksBounds(reference.counts, counts);
  const upper = bounds ? ksP(bounds.lower) : undefined;
  const lower = bounds ? ksP(bounds.upper) : undefined;
  const quanta = wassersteinDistance(reference, { counts, sums });
  const std = reference.std ?? 0;
  const meanOf = (total: number, of: number): number | null => (of > 0 ? reference.origin + (reference.quantum * total) / of : null);
  return {
    // A constant reference has no unit of length.
    wasserstein: quanta !== null && std > 0 ? (quanta * reference.quantum) / std : null,
    ksLower: bounds?.lower ?? null,
    ksUpper: bounds?.upper ?? null,
    ksPUpper: upper?.p ?? null,
    ksPLower: lower?.p ?? null,
    pMethod: upper?.method ?? 'none',
    mean: meanOf(total(sums), n),
    meanReference: reference.mean,
  };
}

/** Sums fine bins into coarse ones. */
export function foldCounts(counts: ArrayLike<number>, fold: readonly number[]): number[] {
  const coarse = new Array<number>(Math.max(...fold) + 1).fill(0);
  for (let bin = 0; bin < fold.length; bin++) coarse[fold[bin]!]! += counts[bin]!;
  return coarse;
}
