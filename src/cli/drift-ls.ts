import { decidingTvd, type DriftHistory, type DriftStatistics, readDriftHistory } from '../app/drift-history.ts';
import { dropText, judgedValue, performanceNotes, performanceOf, type PerformanceStatistics } from '../app/performance-history.ts';
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
  const lines = json ? driftJson(history) : driftLines(history, { features }, terminal.style, terminal.columns);
  for (const line of lines) terminal.out(line);
  if (history.unreadable > 0) {
    terminal.err(
      `${numberText(history.unreadable)} records of ${history.topic} cannot be read: another format, or a schema that cannot be had.`,
    );
  }
  for (const note of performanceNotes(history.performance)) terminal.err(safeText(note));
  return EXIT_CODES.ok;
}

/** The windows as JSON, one a line: their statistics, and `performance` by arm, null when the pipeline has no labels. */
export function driftJson({ windows, performance }: Pick<DriftHistory, 'windows' | 'performance'>): string[] {
  return windows.map((window) => JSON.stringify({ ...window, performance: performanceOf(performance, window) }));
}

type FeatureStatistics = DriftStatistics['prediction'];

/** Columns that are named in a line; the others are counted. */
const NAMED = 4;

/** The windows as lines of text: a table for each model version and size. */
export function driftLines(
  { topic, windows, performance }: Pick<DriftHistory, 'topic' | 'windows' | 'performance'>,
  { features }: { readonly features: boolean },
  style: Style,
  columns?: number,
): string[] {
  if (windows.length === 0) return [`No windows in ${topic} that fit. They appear once workers with drift.enabled have scored records.`];
  const fit = (line: string): string => (columns === undefined ? line : cut(line, columns));
  const groups = Map.groupBy(windows, ({ model, modelVersion, window }) => `${model} ${modelVersion}, windows of ${window}`);
  return [...groups].flatMap(([name, of], group) => {
    const heard = performance && of.map((window) => performanceOf(performance, window) ?? []);
    const [heading = '', ...rows] = table([headingOf(heard), ...of.map((window, i) => cellsOf(window, heard?.[i]))]);
    return [
      ...(group > 0 ? [''] : []),
      `${safeText(name)}, against ${comparedWith(of.at(-1)!)}:`,
      style.bold(fit(heading)),
      ...of.flatMap((window, i) => [
        colour(window.status, style)(fit(rows[i]!)),
        ...(features ? [...featureLines(window), ...performanceLines(heard?.[i])].map((line) => style.dim(fit(line))) : []),
      ]),
      summaryOf(of),
    ];
  });
}

/** What is known of performance, by arm; undefined when the pipeline has no labels. */
type Heard = readonly PerformanceStatistics[] | undefined;

/** What the verdict on a window rests on. */
function comparedWith({ referenceId, referenceKind }: DriftStatistics): string {
  const reference = `reference ${safeText(referenceId.slice(0, 12))}`;
  if (referenceKind === 'pinned') return `pinned windows (in the bins of ${reference})`;
  return referenceKind === 'previous' ? `an earlier window each (in the bins of ${reference})` : reference;
}

function headingOf(heard: unknown): string[] {
  return [
    ...['WINDOW', 'UNTIL', 'ROWS', 'STATUS', 'SCORE', 'COLUMNS IN DRIFT', 'COVERAGE'],
    ...(heard ? ['PERFORMANCE'] : []),
    'RECOMMENDATION',
  ];
}

function cellsOf(window: DriftStatistics, heard: Heard): string[] {
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
    ...(heard ? [heard.map((of) => `${armText(of, heard)}${performanceText(of)}`).join('; ') || '-'] : []),
    recommendation === 'retrain_model' ? 'retrain' : '-',
  ];
}

/** The measure that the verdict is about, by how much it is worse, and the verdict. */
function performanceText(of: PerformanceStatistics): string {
  const { metric, realised, labelled, dropBasis, status } = of;
  if (status !== 'INSUFFICIENT_DATA') {
    const basis = dropBasis === 'CBPE' ? ' estimated' : '';
    return `${safeText(metric)} ${shortText(judgedValue(of))}${basis}, ${dropText(of)}, ${status}`;
  }
  const value = realised?.[metric] ?? null;
  const known = value === null ? '' : `${safeText(metric)} ${shortText(value)}, `;
  return labelled === 0 ? 'no labels' : `${known}${numberText(labelled)} label${labelled === 1 ? '' : 's'}, ${status}`;
}

/** Names the arm where there are several. */
function armText({ arm }: PerformanceStatistics, all: readonly PerformanceStatistics[]): string {
  return all.length > 1 ? `${safeText(arm)}: ` : '';
}

function performanceLines(heard: Heard = []): string[] {
  return heard
    .filter(({ status }) => status === 'FELL')
    .map((of) => `    ${of.status.padEnd(5)} performance${heard.length > 1 ? ` of ${safeText(of.arm)}` : ''}: ${safeText(of.reason)}`);
}

function featureLines({ features, prediction, referenceKind }: DriftStatistics): string[] {
  return [...features, { ...prediction, name: `score (${prediction.name})` }]
    .filter(({ status, qualityAlarm }) => status === 'DRIFT' || status === 'WARN' || qualityAlarm)
    .map((feature) => featureLine(feature, decidingTvd(feature, referenceKind)));
}

function featureLine({ name, status, mean, meanReference, reason }: FeatureStatistics, tvd: number | null): string {
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
