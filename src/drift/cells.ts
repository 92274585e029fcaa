import type { NumericFeature, ReferenceFeature, ReferenceProfile } from './reference-profile.ts';

/** Counters of a feature beside its bins, in this order, in `CellLayout.marks` consecutive numbers. */
export const MARKS = [
  'missing',
  'infinite',
  'belowDomain',
  'aboveDomain',
  'standIns',
  'storeMiss',
  'storeStale',
  'storeUnavailable',
  'typeMismatches',
  'skewCompared',
  'skewMismatched',
] as const;
/** Name of a counter beside the bins. */
export type Mark = (typeof MARKS)[number];

/** Position of a mark among the counters of a feature: rows without a value. */
export const MISSING = 0;
/** Rows whose value is infinite. */
export const INFINITE = 1;
/** Rows below the smallest bin edge of the reference. */
export const BELOW_DOMAIN = 2;
/** Rows above the largest bin edge of the reference. */
export const ABOVE_DOMAIN = 3;
/** Rows in which a default or a clamped value stood in. */
export const STAND_INS = 4;
/** Plus 0, 1, 2 for `GROUP_MISS`, `GROUP_STALE`, `GROUP_UNAVAILABLE` (those are 1, 2, 3). */
export const STORE_MISS = 5;
/** Rows whose value was there but of a type that the column does not take; dead letters (`rejected`) among them. */
export const TYPE_MISMATCHES = 8;
/** Rows in which the column and the value of its `compareWith` were both there. */
export const SKEW_COMPARED = 9;
/** Those of them in which both differ. */
export const SKEW_MISMATCHED = 10;

/** Where a feature keeps its counts among all cells of a pane or window. */
export interface FeatureCells {
  readonly reference: ReferenceFeature;
  /** First cell. */
  readonly start: number;
  /** Number of cells: fine bins, or words of the vocabulary and one for all others. */
  readonly count: number;
}

/** All features of a profile side by side: the columns in layout order, then the score. */
export interface CellLayout {
  readonly features: readonly FeatureCells[];
  /** Cells of all features. */
  readonly cells: number;
}

/** Places the cells of a profile. Worker and merger use the same places because the profile is the same. */
export function cellLayoutOf(profile: ReferenceProfile): CellLayout {
  const features: FeatureCells[] = [];
  let cells = 0;
  for (const reference of [...profile.features, profile.prediction]) {
    features.push({ reference, start: cells, count: reference.counts.length });
    cells += reference.counts.length;
  }
  return { features, cells };
}

/** True for features whose bins lie on a line. */
export function isNumeric(feature: ReferenceFeature): feature is NumericFeature {
  return feature.type !== 'CATEGORICAL';
}
