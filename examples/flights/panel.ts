/** The live panel of the demo, and its one-line form where there is no terminal. Pure: progress in, lines out. */
import { type FeatureTrend, featureTrends, type DriftStatus, type DriftWindow } from './drift-windows.ts';
import type { Observation } from './monitor.ts';
import { bar, duration, grouped, type Paint, sparkline } from './screen.ts';

/** All that the panel shows. */
export interface Progress {
  readonly model: string;
  readonly workers: number;
  readonly partitions: number;
  /** Events that will be published in all. */
  readonly total: number;
  readonly published: number;
  /** Departure of the newest event, milliseconds since the epoch; 0 before the first. */
  readonly eventTimeMs: number;
  readonly elapsedMs: number;
  readonly observed: Observation;
  readonly windows: readonly DriftWindow[];
}

const LABEL = 11;
const NAME = 24;
const DRIFT_ROWS = 8;
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const DAY_AND_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

/** Lines of the panel, at most `width` columns wide. */
export function renderPanel(progress: Progress, paint: Paint, width: number): string[] {
  const { observed, published, total } = progress;
  const barWidth = Math.max(10, Math.min(40, width - 50));
  const share = (count: number): number => (total > 0 ? count / total : 0);
  const line = (label: string, text: string): string => `  ${paint.dim(label.padEnd(LABEL))}${text}`;
  const progressLine = (label: string, count: number, note: string): string => {
    const percent = `${Math.floor(share(count) * 100)} %`.padStart(5);
    return line(
      label,
      `${paint.accent(bar(share(count), barWidth))} ${percent}  ${paint.bold(grouped(count).padStart(8))}  ${paint.dim(note)}`,
    );
  };
  const { p50, p95, p99 } = observed.latencyMs;
  const rate = observed.rates.at(-1) ?? 0;
  const deadLetters = observed.deadLetters === 0 ? paint.good('0') : paint.warn(grouped(observed.deadLetters));
  const head = `flights → ${progress.model} · ${progress.workers} workers · ${progress.partitions} partitions`;
  return [
    '',
    `  ${paint.bold(head)}${paint.dim(clock(progress.elapsedMs).padStart(Math.max(8, width - 4 - head.length)))}`,
    '',
    progressLine('departed', published, progress.eventTimeMs > 0 ? DAY_AND_YEAR.format(progress.eventTimeMs) : ''),
    progressLine('scored', observed.settled, `${grouped(Math.max(0, published - observed.settled))} waiting`),
    line('rate', `${paint.accent(sparkline(observed.rates.slice(-barWidth)).padEnd(barWidth))} ${paint.bold(grouped(rate))} events/s`),
    line('latency', `p50 ${duration(p50)} · p95 ${duration(p95)} · p99 ${paint.bold(duration(p99))} ${paint.dim('in the worker')}`),
    line('batches', `${count(observed.rowsPerBatch)} rows each · ${deadLetters} dead letters`),
    '',
    ...driftLines(progress.windows, paint, barWidth),
  ];
}

/** The panel in one line, for logs. */
export function renderLine({ observed, published, total, windows, elapsedMs }: Progress): string {
  const drifted = featureTrends(windows).filter(({ driftedWindows }) => driftedWindows > 0);
  const parts = [
    `${Math.round(elapsedMs / 1000)} s`.padStart(5),
    `${grouped(observed.settled)} of ${grouped(total)} scored`,
    `${grouped(observed.rates.at(-1) ?? 0)} events/s`,
    `lag ${grouped(Math.max(0, published - observed.settled))}`,
    `p50 ${duration(observed.latencyMs.p50)}, p95 ${duration(observed.latencyMs.p95)}, p99 ${duration(observed.latencyMs.p99)}`,
    `${count(observed.rowsPerBatch)} rows per micro-batch`,
    `${grouped(observed.deadLetters)} dead letters`,
    drifted.length === 0
      ? 'no drift yet'
      : `drift: ${names(
          drifted.map(({ name }) => name),
          4,
        )}`,
  ];
  return `  ${parts.join(' · ')}`;
}

/** `temp, dewp and 3 more`. */
export function names(all: readonly string[], shown: number): string {
  if (all.length <= shown) return all.join(', ');
  return `${all.slice(0, shown).join(', ')} and ${all.length - shown} more`;
}

/** First and last day of a window. */
export function windowDays({ windowStart, windowEnd }: DriftWindow): string {
  return `${DAY.format(windowStart)} – ${DAY.format(windowEnd - 1)}`;
}

function driftLines(windows: readonly DriftWindow[], paint: Paint, barWidth: number): string[] {
  // The score has a value in every row, so it is the first to have enough of them.
  const judged = windows.filter(({ prediction }) => prediction.status !== 'INSUFFICIENT_DATA');
  const newest = judged.at(-1);
  if (!newest) return [`  ${paint.dim('drift      the first window of event time is still open')}`, ...Array<string>(DRIFT_ROWS).fill('')];
  const historyWidth = Math.min(20, judged.length);
  const title = `drift      share of each distribution moved since training, ${windowDays(newest)}`;
  const rows = featureTrends(judged)
    .slice(0, DRIFT_ROWS)
    .map((trend) => driftLine(trend, judged, newest, paint, barWidth, historyWidth));
  return [`  ${paint.dim(title)}`, ...rows, ...Array<string>(Math.max(0, DRIFT_ROWS - rows.length)).fill('')];
}

function driftLine(
  { name }: FeatureTrend,
  windows: readonly DriftWindow[],
  newest: DriftWindow,
  paint: Paint,
  barWidth: number,
  historyWidth: number,
): string {
  const of = (window: DriftWindow) => (window.prediction.name === name ? window.prediction : window.features.find((f) => f.name === name));
  const moved = (window: DriftWindow): number => {
    const drift = of(window);
    return drift === undefined || drift.status === 'INSUFFICIENT_DATA' ? Number.NaN : (drift.tvd ?? Number.NaN);
  };
  const tvd = moved(newest);
  const status = of(newest)?.status ?? 'INSUFFICIENT_DATA';
  const color = statusColor(status, paint);
  const history = windows.slice(-historyWidth).map(moved);
  const share = Number.isNaN(tvd) ? '   –' : `${Math.round(tvd * 100)} %`.padStart(5);
  const mark = status === 'DRIFT' ? 'drift' : status === 'WARN' ? 'warn' : '';
  return `    ${name.slice(0, NAME).padEnd(NAME)} ${color(bar(tvd, Math.max(6, barWidth - 12)))} ${share}  ${paint.dim(sparkline(history, 1))}  ${color(mark)}`;
}

/** The colour that goes with a status. */
export function statusColor(status: DriftStatus, paint: Paint): (text: string) => string {
  if (status === 'DRIFT') return paint.bad;
  return status === 'WARN' ? paint.warn : paint.good;
}

function count(value: number): string {
  return Number.isFinite(value) ? grouped(value) : '–';
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
