import { roundText } from '../../core/text.ts';
import type { PerformanceLayout } from './layout.ts';
import type { PerformanceMeasures, PerformanceMetric } from './measures.ts';
import { samplingErrorOf } from './sampling-error.ts';

/** Verdict on the performance of a window. */
export type PerformanceStatus = 'OK' | 'FELL' | 'INSUFFICIENT_DATA';

/** What a drop is of: the labels, the estimate without labels, or nothing. */
export type PerformanceBasis = 'LABELS' | 'CBPE' | 'NONE';

/** Fields of the verdict in `schemas/performance-statistics.avsc`. */
export interface PerformanceVerdict {
  readonly metric: PerformanceMetric;
  /** By how much `metric` is worse than in the reference: absolute for shares, relative for errors and losses. */
  readonly drop: number | null;
  readonly dropBasis: PerformanceBasis;
  /** Standard error of `drop`, in its unit. */
  readonly samplingError: number | null;
  readonly status: PerformanceStatus;
  /** For people. */
  readonly reason: string;
}

/** What a verdict rests on. */
export interface PerformanceEvidence {
  readonly layout: Pick<PerformanceLayout, 'task'>;
  /** From labels (`measureLabelled`); null when there are none. */
  readonly realised: PerformanceMeasures | null;
  /** Labelled predictions. */
  readonly labelled: number;
  /** Without labels (`estimatePerformance`); null when that cannot be. */
  readonly estimated: PerformanceMeasures | null;
  /** Predictions, labelled or not. */
  readonly predictions: number;
  /** Of the labelled reference rows; null when there are none. */
  readonly reference: PerformanceMeasures | null;
  /** Labelled reference rows. */
  readonly referenceN: number;
  readonly metric: PerformanceMetric;
  readonly maxDrop: number;
  readonly minSamples: number;
  /** Variances of the log-loss of a row (`logLossVarianceOf`), where the verdict is about that; of a side of which it is not known, null. */
  readonly lossVariances?: { readonly window: number | null; readonly reference: number | null };
}

/** Standard errors that a drop must exceed: chance alone makes that of one window in 700. */
const STANDARD_ERRORS = 3;

/** Measures of which less is better; a drop of theirs is relative. */
export const LOSSES: ReadonlySet<PerformanceMetric> = new Set<PerformanceMetric>(['logLoss', 'brier', 'mae', 'rmse']);

/**
 * Says whether performance has fallen. As with drift, it takes an effect that matters (`maxDrop`) and that is not chance: more than three times its
 * standard error, which is that of both sides. Labels decide where there are `minSamples` of them; else the estimate, of as many predictions.
 */
export function judgePerformance(evidence: PerformanceEvidence): PerformanceVerdict {
  const { layout, realised, labelled, estimated, predictions, reference, referenceN, metric, maxDrop, minSamples, lossVariances } =
    evidence;
  const insufficient = (reason: string): PerformanceVerdict => ({
    metric,
    drop: null,
    dropBasis: 'NONE',
    samplingError: null,
    status: 'INSUFFICIENT_DATA',
    reason,
  });
  const before = reference?.[metric] ?? null;
  if (reference === null) return insufficient('the reference has no labels');
  if (before === null) return insufficient(`the reference has no ${metric}`);
  if (LOSSES.has(metric) && before <= 0) return insufficient(`${metric} of the reference is 0, with which nothing can be compared`);
  const bases = [
    { dropBasis: 'LABELS', measures: realised, n: labelled, text: `${labelled} labelled predictions` },
    { dropBasis: 'CBPE', measures: estimated, n: predictions, text: `estimated of ${predictions} predictions` },
  ] as const;
  for (const { dropBasis, measures, n, text } of bases) {
    const now = measures?.[metric] ?? null;
    if (measures === null || now === null || n < minSamples) continue;
    const drop = dropOf(metric, before, now);
    // An error told at the value of the window alone would be nothing at the ends, such as precision 0 of two rows.
    const errors = [
      ...[now, before].map((value) => samplingErrorOf(metric, value, measures, n, layout.task)),
      ...[lossVariances?.window, lossVariances?.reference].map((variance) => meanError(variance, n)),
    ];
    const ofReference = largestOf([
      samplingErrorOf(metric, before, reference, referenceN, layout.task),
      meanError(lossVariances?.reference, referenceN),
    ]);
    const samplingError = errorOfDrop(metric, { before, now }, errors, ofReference);
    const hasFallen = drop >= maxDrop && samplingError !== null && drop > STANDARD_ERRORS * samplingError;
    const isChance = drop >= maxDrop && !hasFallen ? ', which can be chance' : '';
    return {
      metric,
      drop,
      dropBasis,
      samplingError,
      status: hasFallen ? 'FELL' : 'OK',
      reason: `${metric} ${roundText(now)}, in the reference ${roundText(before)} (${text})${isChance}`,
    };
  }
  if (labelled < minSamples) return insufficient(`${labelled} labelled predictions of ${minSamples} needed`);
  return insufficient(`${metric} is not defined by these rows`);
}

/** Positive: worse. */
function dropOf(metric: PerformanceMetric, before: number, now: number): number {
  return LOSSES.has(metric) ? (now - before) / before : before - now;
}

/** Standard error of the difference of two independent measures; relative ones by the delta method. */
function errorOfDrop(
  metric: PerformanceMetric,
  { before, now }: { readonly before: number; readonly now: number },
  ofWindow: readonly (number | null)[],
  ofReference: number | null,
): number | null {
  const error = largestOf(ofWindow);
  if (error === null || ofReference === null) return null;
  return LOSSES.has(metric) ? Math.hypot(error / before, (now * ofReference) / before ** 2) : Math.hypot(error, ofReference);
}

/** Standard error of a mean of rows of which each has this variance. */
function meanError(variance: number | null | undefined, n: number): number | null {
  return variance === null || variance === undefined || n <= 0 ? null : Math.sqrt(variance / n);
}

/** Null when none is known. */
function largestOf(errors: readonly (number | null)[]): number | null {
  const known = errors.filter((error) => error !== null);
  return known.length === 0 ? null : Math.max(...known);
}
