/** Performance by month, for people and for machines. */
import { areLabelsExact, type LabelCheck } from './outcomes.ts';
import type { PerformanceStatistics } from './performance-windows.ts';
import { grouped, type Paint } from './screen.ts';

const MONTH = new Intl.DateTimeFormat('en', { month: 'short', year: 'numeric', timeZone: 'UTC' });

/** One month of the demo's last line. */
export interface MonthOfPerformance {
  /** `2013-04`, UTC. */
  readonly month: string;
  readonly predictions: number;
  readonly labelled: number;
  /** As labels say. */
  readonly auc: number | null;
  /** As is estimated without labels (CBPE). */
  readonly aucEstimated: number | null;
  readonly accuracy: number | null;
  readonly accuracyEstimated: number | null;
  readonly brier: number | null;
  /** Share of the flights that were late. */
  readonly positiveRate: number | null;
  /** By how much the AUC is worse than in the reference; negative: better. */
  readonly drop: number | null;
  readonly status: PerformanceStatistics['status'];
}

/** The machine's form of the windows. */
export function monthsOf(windows: readonly PerformanceStatistics[]): MonthOfPerformance[] {
  return windows.map(({ windowStart, predictions, labelled, realised, estimated, drop, status }) => ({
    month: new Date(windowStart).toISOString().slice(0, 7),
    predictions,
    labelled,
    auc: rounded(realised?.auc),
    aucEstimated: rounded(estimated?.auc),
    accuracy: rounded(realised?.accuracy),
    accuracyEstimated: rounded(estimated?.accuracy),
    brier: rounded(realised?.brier),
    positiveRate: rounded(realised?.positiveRate),
    drop: rounded(drop),
    status,
  }));
}

/** Lines of the summary: a row for each month, and whether the labels are as they should be. */
export function performanceLines(check: LabelCheck, paint: Paint): string[] {
  const { windows, expected, labelled, auc, apart } = check;
  const reference = windows.find((window) => window.reference)?.reference;
  const fell = windows.filter(({ status }) => status === 'FELL').length;
  const judged = windows.filter(({ status }) => status !== 'INSUFFICIENT_DATA').length;
  const verdict =
    judged === 0
      ? 'too few flights to judge'
      : fell > 0
        ? paint.bad(`fell in ${fell} of ${judged} months`)
        : paint.good(`fell in none of ${judged} months`);
  const mark = areLabelsExact(check) ? paint.good('✔') : paint.bad('✘');
  const between = auc && `; AUC of all ${number(auc.raw)}, by the sums between ${number(auc.lower)} and ${number(auc.upper)}`;
  return [
    `  Performance as the arrivals say (in training AUC ${number(reference?.auc)}, accuracy ${share(reference?.accuracy)}): ${verdict}`,
    paint.dim(`    ${'month'.padEnd(12)}${cells('predictions', 'labelled', 'AUC', 'estimated', 'accuracy', 'drop')}  against training`),
    ...windows.map(({ windowStart, predictions, labelCoverage, realised, estimated, drop, status }) => {
      const values = cells(
        ...[grouped(predictions), share(labelCoverage), number(realised?.auc), number(estimated?.auc)],
        ...[share(realised?.accuracy), number(drop)],
      );
      const word = status === 'FELL' ? paint.bad('fell') : status === 'OK' ? paint.good('ok') : paint.dim('too few flights');
      return `    ${MONTH.format(windowStart).padEnd(12)}${values}  ${word}`;
    }),
    `  ${mark} ${grouped(labelled)} of ${grouped(expected)} labels have found their prediction${between ?? ''}`,
    ...(apart > 0
      ? [paint.bad(`    of ${apart} windows the counts are not those of the topics, or the AUC is not that of their scores`)]
      : []),
  ];
}

function cells(...texts: readonly string[]): string {
  return texts.map((text) => text.padStart(11)).join('');
}

function number(value: number | null | undefined): string {
  return value == null ? '–' : value.toFixed(3);
}

function share(value: number | null | undefined): string {
  return value == null ? '–' : `${(100 * value).toFixed(1)} %`;
}

function rounded(value: number | null | undefined): number | null {
  return value == null ? null : Math.round(value * 1e5) / 1e5;
}
