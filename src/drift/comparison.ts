import {
  ABOVE_DOMAIN,
  BELOW_DOMAIN,
  INFINITE,
  isNumeric,
  MARKS,
  MISSING,
  SKEW_COMPARED,
  SKEW_MISMATCHED,
  TYPE_MISMATCHES,
} from './cells.ts';
import { coarseCounts, type FeatureMeasures, hasEnoughValues } from './feature-statistics.ts';
import type { OtherKind } from '../core/reference-kinds.ts';
import { chiSquareTest } from './tests/chi-square.ts';
import { jensenShannonDistance, populationStabilityIndex, total, totalVariationDistance } from './tests/divergence.ts';
import { ksBounds, ksPValue } from './tests/kolmogorov-smirnov.ts';
import type { Window } from './window.ts';

/** Counts that a window is compared with, in the cells of the same layout: those of another window, or of several. */
export type ComparedCounts = Pick<Window, 'counts' | 'marks' | 'rejected'>;

/** How far a feature of a window is from other counts than those of the reference profile. Fields as in `schemas/drift-statistics.avsc`. */
export interface Comparison {
  readonly nReference: number;
  readonly tvd: number | null;
  readonly psi: number | null;
  readonly jsDistance: number | null;
  readonly ksLower: number | null;
  readonly chiSquareP: number | null;
  readonly p: number | null;
}

/** What a window is compared with beside the reference profile, and what came of it so far. */
export interface ComparedSide {
  readonly kind: OtherKind;
  /** undefined: there is nothing to compare with. */
  readonly with: ComparedCounts | undefined;
  /** Why there is nothing, for people; empty when there is. */
  readonly absence: string;
  /** In the order of the layout, as far as they are measured. */
  readonly measures: Comparison[];
}

const NOTHING: Comparison = { nReference: 0, tvd: null, psi: null, jsDistance: null, ksLower: null, chiSquareP: null, p: null };

/** So many values tell as much as the fewer of both sides would if they were independent: here both share values among rows. */
export function comparedNEff({ n, overDispersion }: Pick<FeatureMeasures, 'n' | 'overDispersion'>, nReference: number): number {
  return Math.min(n, nReference) / overDispersion;
}

/**
 * Measures feature `index` of a window against other counts, as `measureFeature` does against the reference.
 * @param known what was measured against the reference
 */
export function compareFeature(
  window: Window,
  index: number,
  { with: other }: Pick<ComparedSide, 'with'>,
  known: Pick<FeatureMeasures, 'n' | 'bins' | 'overDispersion'>,
  minSamples: number,
): Comparison {
  if (!other) return NOTHING;
  const { reference, start, count } = window.layout.features[index]!;
  const { n, bins, overDispersion } = known;
  const before = coarseCounts({ layout: window.layout, counts: other.counts }, index);
  const now = coarseCounts(window, index);
  const nReference = total(before);
  const hasEnough = hasEnoughValues({ n, bins, nReference, nEff: comparedNEff(known, nReference) }, minSamples);
  const chi = hasEnough ? chiSquareTest(before, now, overDispersion) : null;
  const fine = (counts: Float64Array): Float64Array => counts.subarray(start, start + count);
  const bounds = isNumeric(reference) ? ksBounds(fine(other.counts), fine(window.counts)) : null;
  const isTestedByKs = hasEnough && bounds !== null && reference.type === 'NUMERIC';
  const ks = isTestedByKs ? ksPValue(bounds.lower, nReference, n, overDispersion).p : null;
  const tests = [chi?.p ?? null, ks].filter((p): p is number => p !== null);
  return {
    nReference,
    tvd: totalVariationDistance(before, now),
    psi: populationStabilityIndex(before, now),
    jsDistance: jensenShannonDistance(before, now),
    ksLower: bounds?.lower ?? null,
    chiSquareP: chi?.p ?? null,
    p: tests.length > 0 ? Math.min(1, tests.length * Math.min(...tests)) : null,
  };
}

/** How often one side has what is no ordinary value, each with what it is a share of. */
export interface Irregularities {
  readonly rows: number;
  /** Dead letters that had a value of a wrong type; not among the rows. */
  readonly rejected: number;
  readonly missing: number;
  /** Values in bins. */
  readonly values: number;
  /** Outside the domain of the reference profile; of words, outside its vocabulary. */
  readonly outside: number;
  /** Of `rows` and `rejected`. */
  readonly typeMismatches: number;
  /** Rows that were compared with the place that `compareWith` names. */
  readonly skewCompared: number;
  /** Those of them that differ. */
  readonly skewMismatched: number;
}

/**
 * Those of a feature of the reference profile. By its making nothing of it lies outside its own domain, and nothing was of a wrong type; it
 * knows one place of a value, and no row of it differs from that.
 */
export function irregularitiesOfReference({ layout }: Pick<Window, 'layout'>, index: number): Irregularities {
  const { reference } = layout.features[index]!;
  const values = total(reference.counts);
  const numeric = isNumeric(reference);
  const { missing } = reference;
  const rows = values + missing + (numeric ? reference.infinite : 0);
  const outside = numeric ? 0 : reference.counts.at(-1)!;
  return { rows, rejected: 0, missing, values, outside, typeMismatches: 0, skewCompared: rows, skewMismatched: 0 };
}

/** Those of a feature among counts. Without rows that were compared, `skewCompared` is 0. */
export function irregularitiesOf(
  { counts, marks, rejected }: ComparedCounts,
  { layout }: Pick<Window, 'layout'>,
  index: number,
): Irregularities {
  const { reference, start, count } = layout.features[index]!;
  const values = total(counts.subarray(start, start + count));
  const mark = (which: number): number => marks[index * MARKS.length + which]!;
  return {
    rows: values + mark(MISSING) + mark(INFINITE),
    rejected,
    missing: mark(MISSING),
    values,
    outside: isNumeric(reference) ? mark(BELOW_DOMAIN) + mark(ABOVE_DOMAIN) : counts[start + count - 1]!,
    typeMismatches: mark(TYPE_MISMATCHES),
    skewCompared: mark(SKEW_COMPARED),
    skewMismatched: mark(SKEW_MISMATCHED),
  };
}
