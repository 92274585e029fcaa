/** The end of the demo: a table for people and one line of JSON for machines. */
import { featureTrends, type FeatureTrend } from './drift-windows.ts';
import { windowDays } from './panel.ts';
import { type MonthOfPerformance, monthsOf, performanceLines } from './performance-summary.ts';
import { duration, grouped, type Paint } from './screen.ts';
import { isAccountedFor, type RunTopics, type Verification } from './verify.ts';

/** A run and what was found in its topics. */
export interface RunReport {
  readonly model: string;
  readonly workers: number;
  /** From the start of the demo, set-up included. */
  readonly totalSeconds: number;
  readonly found: Verification;
  readonly topics: RunTopics;
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  readonly registryUrl: string;
  readonly workerUrls: readonly string[];
  readonly runFolder: string;
  /** The page that `weir drift report` has drawn; it stays. */
  readonly reportPath: string;
  /** True: all of it still runs. */
  readonly isKept: boolean;
  /** True: the services belong to somebody else, who goes on using them. */
  readonly isGiven: boolean;
  /** Workers that did not drain and end as they should. */
  readonly problems: readonly string[];
}

/** The last line of the demo. Counts come from the topics; times are milliseconds where the name ends in Ms. */
export interface RunResult {
  readonly events: number;
  readonly predictions: number;
  readonly deadLetters: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly unexplained: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly driftedFeatures: readonly string[];
  /** One entry a drifted feature: in how many windows, and how far in the worst. */
  readonly drift: readonly ({ readonly feature: string } & DriftExtent)[];
  /** The same for the model's score; null when it did not drift. */
  readonly scoreDrift: DriftExtent | null;
  /** Share of the predictions that the drift statistics account for; 1 is all. */
  readonly driftCoverage: number;
  /** Predictions whose label is known, and scored flights that have one; null without labels. */
  readonly labelled: number | null;
  readonly withLabel: number | null;
  /** AUC of all labelled flights, from their scores, and between what the sums of all months say that it lies. */
  readonly auc: { readonly raw: number; readonly lower: number; readonly upper: number } | null;
  /** By month; empty without labels. */
  readonly performance: readonly MonthOfPerformance[];
  /** Path of the page that draws drift and performance. */
  readonly report: string;
  readonly model: string;
  readonly workers: number;
  readonly totalSeconds: number;
}

/** How far something drifted. */
export interface DriftExtent {
  /** Windows in which it was in drift. */
  readonly windows: number;
  /** Total variation distance and population stability index in the worst of them. */
  readonly tvd: number;
  readonly psi: number | null;
}

/** The machine's form of a report. */
export function runResult({ found, totalSeconds, model, workers, reportPath }: RunReport): RunResult {
  const trends = driftedTrends(found);
  const drifted = trends.filter(({ name }) => !isScore(found, name));
  const score = trends.find(({ name }) => isScore(found, name));
  const covered = found.windows.reduce((sum, window) => sum + window.events, 0);
  return {
    events: found.events,
    predictions: found.predictions,
    deadLetters: found.deadLetters,
    duplicates: found.duplicates,
    missing: found.missing,
    unexplained: found.unexplained,
    seconds: rounded(found.seconds),
    eventsPerSecond: rate(found),
    p50Ms: found.latencyMs.p50,
    p95Ms: found.latencyMs.p95,
    p99Ms: found.latencyMs.p99,
    driftedFeatures: drifted.map(({ name }) => name),
    drift: drifted.map((trend) => ({ feature: trend.name, ...extent(trend) })),
    scoreDrift: score ? extent(score) : null,
    driftCoverage: found.predictions === 0 ? 0 : covered / found.predictions,
    labelled: found.labels?.labelled ?? null,
    withLabel: found.labels?.expected ?? null,
    auc: found.labels?.auc ?? null,
    performance: monthsOf(found.labels?.windows ?? []),
    report: reportPath,
    model,
    workers,
    totalSeconds: rounded(totalSeconds),
  };
}

/** The person's form of a report. */
export function renderSummary(report: RunReport, paint: Paint): string[] {
  const { found } = report;
  const { p50, p95, p99 } = found.latencyMs;
  const verdict = isAccountedFor(found)
    ? paint.good('✔ every flight is accounted for exactly once')
    : paint.bad('✘ not every flight is accounted for exactly once');
  const counts = `${grouped(found.events)} events in, ${grouped(found.predictions)} predictions out, ${grouped(found.deadLetters)} dead letters`;
  return [
    '',
    `  ${verdict}`,
    `    ${paint.bold(counts)}`,
    `    ${grouped(found.duplicates)} duplicates, ${grouped(found.missing)} missing, ${grouped(found.unexplained)} unexplained (counted in the topics themselves)`,
    ...found.unread.map((partition) => paint.bad(`    ${partition} could not be read to its end`)),
    ...[...found.deadLettersByCode].map(([code, n]) => `    ${paint.warn(grouped(n))} dead letters say ${code}`),
    '',
    `  ${paint.bold(`${grouped(rate(found))} events/s`)} through ${report.workers} workers: ${found.seconds.toFixed(1)} s from the first event sent to the last prediction`,
    `    end to end p50 ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)} ${paint.dim('(sent → prediction in the log; at full speed that is mostly waiting in Kafka)')}`,
    `    mean score ${found.meanScore.toFixed(3)}; ${statuses(found)}`,
    '',
    ...driftTable(found, paint),
    '',
    ...(found.labels ? [...performanceLines(found.labels, paint), ''] : []),
    ...places(report, paint),
    '',
    `  Drift and performance as a page: ${paint.bold(report.reportPath)}`,
  ];
}

function driftTable(found: Verification, paint: Paint): string[] {
  const judged = found.windows.filter(({ prediction }) => prediction.status !== 'INSUFFICIENT_DATA');
  const newest = judged.at(-1);
  if (!newest) return ['  No window of event time holds enough flights to speak of drift.'];
  const advice = newest.recommendation === 'retrain_model' ? paint.bad('retrain the model') : paint.good('continue to monitor');
  const head = `  Drift against the flights the model was trained on, ${judged.length} windows: ${advice}`;
  const drifted = driftedTrends(found);
  if (drifted.length === 0) return [head, '    nothing drifted'];
  const rows = drifted.map(({ name, driftedWindows, judgedWindows, worst }) => {
    const means =
      worst?.drift.mean == null || worst.drift.meanReference == null
        ? ''
        : `${short(worst.drift.meanReference)} → ${short(worst.drift.mean)}`;
    const moved = `${Math.round((worst?.drift.tvd ?? 0) * 100)} %`;
    return `    ${name.padEnd(26)}${`${driftedWindows} of ${judgedWindows}`.padStart(8)}${moved.padStart(8)}   ${(worst ? windowDays(worst.window) : '').padEnd(18)}${means}`;
  });
  const title = `    ${'feature'.padEnd(26)}${'windows'.padStart(8)}${'moved'.padStart(8)}   ${'furthest in'.padEnd(18)}mean, training → then`;
  return [head, paint.dim(title), ...rows];
}

function places(report: RunReport, paint: Paint): string[] {
  const topics = Object.values(report.topics).join(', ');
  const metrics = report.workerUrls.map((url) => `${url}/metrics`).join(', ');
  if (!report.isKept) {
    const after = report.isGiven ? 'They are removed. To look around in them:' : 'All is stopped. To look around in it:';
    return [
      `  ${paint.dim('The topics were')} ${topics}.`,
      `  ${paint.dim("The workers' metrics were at")} ${metrics}.`,
      `  ${paint.dim(after)} npm run demo -- --keep`,
    ];
  }
  return [
    `  Kafka     ${report.kafkaBrokers}`,
    `  Topics    ${topics}`,
    `  Redis     ${report.redisUrl}`,
    `  Registry  ${report.registryUrl}`,
    `  Workers   ${metrics} (also /livez, /readyz)`,
    `  Logs      ${report.runFolder}`,
    '',
    `  ${paint.bold('Everything stays up. Ctrl-C stops it.')}`,
  ];
}

function driftedTrends({ windows }: Verification): FeatureTrend[] {
  return featureTrends(windows).filter(({ driftedWindows }) => driftedWindows > 0);
}

function isScore({ windows }: Verification, name: string): boolean {
  return windows.some(({ prediction }) => prediction.name === name);
}

function extent({ driftedWindows, worst }: FeatureTrend): DriftExtent {
  const psi = worst?.drift.psi ?? null;
  return { windows: driftedWindows, tvd: rounded(worst?.drift.tvd ?? 0), psi: psi === null ? null : rounded(psi) };
}

function rate({ events, seconds }: Verification): number {
  return seconds > 0 ? Math.round(events / seconds) : 0;
}

function statuses({ byStatus, predictions }: Verification): string {
  return [...byStatus].map(([status, n]) => `${((n / predictions) * 100).toFixed(1)} % ${status}`).join(', ');
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Four significant digits, without an exponent. */
function short(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 4 });
}
