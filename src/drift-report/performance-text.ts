import { DELAY_EDGES_MS } from '../drift/performance/layout.ts';
import type { PerformanceStatistics } from '../drift/performance/performance-record.ts';
import { dropNumber, dropText } from '../drift/performance/verdict-text.ts';
import { shortNumber } from './text.ts';

type Status = PerformanceStatistics['status'];

/** A verdict in words. */
export const PERFORMANCE_WORDS: Readonly<Record<Status, string>> = { OK: 'held', FELL: 'fell', INSUFFICIENT_DATA: 'cannot be told' };

/** A verdict as one character, so that it can be told without colours; nothing for what is well. */
export const PERFORMANCE_SYMBOLS: Readonly<Record<Status, string>> = { OK: '', FELL: '▼', INSUFFICIENT_DATA: '?' };

const NAMES: Readonly<Record<string, string>> = {
  ...{
    auc: 'AUC',
    f1: 'F1',
    logLoss: 'log-loss',
    brier: 'Brier score',
    ece: 'calibration error (ECE)',
    positiveRate: 'share of positives',
  },
  ...{ mae: 'mean absolute error', rmse: 'RMSE', r2: 'R²' },
};

/** Name of a measure for people. */
export function measureName(measure: string): string {
  return Object.hasOwn(NAMES, measure) ? NAMES[measure]! : measure;
}

/** A span of time in its largest unit: `15 min`, `36 h`, `7 d`. @param ms null: longer than what is told apart */
export function delayText(ms: number | null): string {
  if (ms === null) return `over ${delayText(DELAY_EDGES_MS.at(-1)!)}`;
  const [unit, name] = (
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
    ] as const
  ).find(([of]) => ms >= 2 * of) ?? [1_000, 's'];
  return `${shortNumber(ms / unit, 3)} ${name}`;
}

/** By how much a measure is worse, and three standard errors of that: `0.081 worse ± 0.02`. */
export function dropWithError(of: Pick<PerformanceStatistics, 'metric' | 'drop' | 'samplingError'>): string {
  const { metric, drop, samplingError } = of;
  if (drop === null) return '–';
  return `${dropText(of)}${samplingError === null ? '' : ` ± ${dropNumber(metric, 3 * samplingError)}`}`;
}
