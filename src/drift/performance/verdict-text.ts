import { roundText } from '../../core/text.ts';
import type { PerformanceStatistics } from './performance-record.ts';
import { LOSSES } from './verdict.ts';

type Verdict = Pick<PerformanceStatistics, 'metric' | 'drop' | 'dropBasis' | 'samplingError' | 'realised' | 'estimated' | 'reference'>;

/** The value that a verdict is about; null when it is about none. */
export function judgedValue({ metric, dropBasis, realised, estimated }: Verdict): number | null {
  if (dropBasis === 'NONE') return null;
  return (dropBasis === 'CBPE' ? estimated : realised)?.[metric] ?? null;
}

/** Standard error of `judgedValue` against the reference, in the unit of the measure: that of `drop` is relative for errors and losses. Null: not known. */
export function judgedError({ metric, samplingError, reference }: Verdict): number | null {
  if (samplingError === null) return null;
  const before = reference?.[metric] ?? null;
  return LOSSES.has(metric) ? before && before * samplingError : samplingError;
}

/** A drop, or an error of one, as a number for people: percent where it is relative. Never negative. */
export function dropNumber(metric: Verdict['metric'], drop: number): string {
  const size = Math.abs(drop);
  return LOSSES.has(metric) ? `${roundText(100 * size, 2)} %` : roundText(size, 2);
}

/** A drop in words: `0.081 worse`, `3 % better`. Empty when there is none. */
export function dropText({ metric, drop }: Pick<Verdict, 'metric' | 'drop'>): string {
  if (drop === null) return '';
  return drop === 0 ? 'the same' : `${dropNumber(metric, drop)} ${drop > 0 ? 'worse' : 'better'}`;
}
