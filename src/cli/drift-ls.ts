import { type DriftHistory, type DriftStatistics, readDriftHistory } from '../app/drift-history.ts';
import { cut, numberText, safeText, shortText, timeText } from './text.ts';
import type { DriftWindowOptions } from './drift.ts';
import { driftQuery } from './drift-query.ts';
import { EXIT_CODES } from './failure.ts';
import { type Style, type Terminal, table } from './terminal.ts';

/** Options of `weir drift ls`. */
export interface DriftLsOptions extends DriftWindowOptions {
  readonly features?: boolean;
  readonly json?: boolean;
}

/** `weir drift ls`: prints what the windows say. @throws WeirError */
export async function driftLsCommand(options: DriftLsOptions, terminal: Terminal): Promise<number> {
  const { json = false, features = false } = options;
  const history = await readDriftHistory(driftQuery(options, terminal));
  if (json) for (const window of history.windows) terminal.out(JSON.stringify(window));
  else for (const line of driftLines(history, { features }, terminal.style, terminal.columns)) terminal.out(line);
  if (history.unreadable > 0) {
    terminal.err(
      `${numberText(history.unreadable)} records of ${history.topic} cannot be read: another format, or a schema that cannot be had.`,
    );
  }
  return EXIT_CODES.ok;
}

type FeatureStatistics = DriftStatistics['prediction'];

/** Columns that are named in a line; the others are counted. */
const NAMED = 4;

/** The windows as lines of text: a table for each model version and size. */
export function driftLines(
  { topic, windows }: Pick<DriftHistory, 'topic' | 'windows'>,
  { features }: { readonly features: boolean },
  style: Style,
  columns?: number,
): string[] {
  if (windows.length === 0) return [`No windows in ${topic} that fit. They appear once workers with drift.enabled have scored records.`];
  const fit = (line: string): string => (columns === undefined ? line : cut(line, columns));
  const groups = Map.groupBy(windows, ({ model, modelVersion, window }) => `${model} ${modelVersion}, windows of ${window}`);
  return [...groups].flatMap(([name, of], group) => {
    const [heading = '', ...rows] = table([HEADING, ...of.map(cellsOf)]);
    return [
      ...(group > 0 ? [''] : []),
      `${safeText(name)}, against reference ${safeText(of[0]!.referenceId.slice(0, 12))}:`,
      style.bold(fit(heading)),
      ...of.flatMap((window, i) => [
        colour(window.status, style)(fit(rows[i]!)),
        ...(features ? featureLines(window).map((line) => style.dim(fit(line))) : []),
      ]),
      summaryOf(of),
    ];
  });
}

const HEADING = ['WINDOW', 'UNTIL', 'ROWS', 'STATUS', 'SCORE', 'COLUMNS IN DRIFT', 'COVERAGE', 'RECOMMENDATION'];

function cellsOf(window: DriftStatistics): string[] {
  const { windowStart, windowEnd, events, status, final, prediction, driftedFeatureNames, coverage, recommendation } = window;
  const more = driftedFeatureNames.length - NAMED;
  return [
    shortTime(windowStart),
    shortTime(windowEnd),
    numberText(events),
    `${status}${final ? '' : ' (open)'}`,
    share(prediction.jsDistance),
    safeText(driftedFeatureNames.slice(0, NAMED).join(', ')) + (more > 0 ? ` and ${more} more` : '') || '-',
    share(coverage),
    recommendation === 'retrain_model' ? 'retrain' : '-',
  ];
}

function featureLines({ features, prediction }: DriftStatistics): string[] {
  return [...features, { ...prediction, name: `score (${prediction.name})` }]
    .filter(({ status, qualityAlarm }) => status === 'DRIFT' || status === 'WARN' || qualityAlarm)
    .map(featureLine);
}

function featureLine({ name, status, tvd, mean, meanReference, reason }: FeatureStatistics): string {
  const means = mean === null || meanReference === null ? '' : `, mean ${shortText(mean)} (reference ${shortText(meanReference)})`;
  return `    ${status.padEnd(5)} ${safeText(name)}: ${share(tvd)} moved${means}; ${safeText(reason)}`;
}

/** What an operator should know in one line. */
function summaryOf(windows: readonly DriftStatistics[]): string {
  const judged = windows.filter(({ status }) => status !== 'INSUFFICIENT_DATA');
  const drifted = judged.filter(({ overallDrift }) => overallDrift);
  const last = windows.at(-1)!;
  const lost = Math.max(...windows.map(({ gapOffsets }) => gapOffsets));
  return [
    `${numberText(windows.length)} window${windows.length === 1 ? '' : 's'}, ${numberText(drifted.length)} of ${numberText(judged.length)} that have enough rows in drift`,
    last.recommendation === 'retrain_model' ? 'the newest one recommends to retrain' : 'the newest one recommends to go on',
    ...(lost > 0 ? [`${numberText(lost)} input offsets were never counted`] : []),
  ].join('; ');
}

function colour(status: DriftStatistics['status'], style: Style): (text: string) => string {
  if (status === 'DRIFT') return (text) => style.bad(text);
  return status === 'WARN' ? (text) => style.warn(text) : (text) => text;
}

/** A time to the minute, which windows begin at. */
function shortTime(ms: number): string {
  return timeText(ms)
    .replace('T', ' ')
    .replace(/:\d\d\.\d{3}Z$/, '');
}

function share(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`;
}
