/** The report of `weir bench` for people. */
import { isAbsolute, relative } from 'node:path';
import type { BenchReport } from '../app/bench/bench.ts';
import type { RunResult } from '../app/bench/run-once.ts';
import { type Style, table } from './terminal.ts';

/** Failed rows are mentioned from this share on; a few are usual. */
const FEW = 0.001;

/** Lines to print. */
export function benchText(report: BenchReport, style: Style): string[] {
  const { maximum } = report;
  const lines = [...head(report, style), ''];
  if (maximum) lines.push(style.bold('Maximum throughput'), ...maximumLines(maximum));
  if (report.latency.length > 0) lines.push('', style.bold('Latency, ms from when an event was due'), ...latencyLines(report.latency));
  if (report.settings.length > 0) lines.push('', ...settingsLines(report, style));
  lines.push(...problems(report).map((text) => `${style.warn('!')} ${text}`));
  if (report.interrupted) lines.push(`${style.warn('!')} interrupted: this is what had been measured`);
  return lines;
}

function head({ pipeline, model, events, scope }: BenchReport, style: Style): string[] {
  const kind = events.kind === 'synthetic' ? 'made up from' : 'replayed from topic';
  const stores =
    scope.stores.length > 0 ? `The online stores are really read: ${scope.stores.join(', ')}.` : 'There is no online store to read.';
  const entities = Object.entries(events.entities).map(([group, count]) => `${group} ${whole(count)}`);
  const origin = isAbsolute(events.origin) ? relative('', events.origin) : events.origin;
  return [
    `${style.bold(pipeline)}: model ${model.name} ${model.version}, drift ${scope.drift ? 'counted' : 'off'}`,
    `${whole(events.count)} events of ${whole(events.bytesPerEvent)} bytes, ${kind} ${origin}`,
    ...(entities.length > 0 ? [`entities drawn from the stores: ${entities.join(', ')}`] : []),
    style.dim(`Without Kafka: its transport is not in the figures; nothing is written, no offset is committed. ${stores}`),
  ];
}

function maximumLines(run: RunResult): string[] {
  const steps = Object.entries(run.stepMicrosPerEvent).map(([name, micros]) => `${name} ${micros.toFixed(2)}`);
  const hits = Object.entries(run.hitShare).map(([group, share]) => `${group} ${percent(share)}`);
  return table([
    ['  events per second', whole(run.eventsPerSecond)],
    ['  CPU-seconds per million events', run.cpuSecondsPerMillionEvents.toFixed(1)],
    ['  rows per micro-batch', whole(run.rowsPerBatch)],
    ['  µs per event by step, waits included', steps.join(', ')],
    ...(hits.length > 0 ? [['  entities found in the store', hits.join(', ')]] : []),
    ['  memory (RSS)', `${whole(run.rssBytes / 1e6)} MB`],
  ]);
}

function latencyLines(runs: readonly RunResult[]): string[] {
  const rows = runs.map((run) => [`  ${whole(run.rate!)}`, whole(run.eventsPerSecond), ...latencyCells(run)]);
  return table([['  offered/s', 'scored/s', 'p50', 'p95', 'p99', 'max'], ...rows]);
}

function latencyCells({ latency }: RunResult): string[] {
  if (!latency) return ['-', '-', '-', '-'];
  return [latency.p50Ms, latency.p95Ms, latency.p99Ms, latency.maxMs].map(milliseconds);
}

function settingsLines({ settings, targetMs, recommended, interrupted }: BenchReport, style: Style): string[] {
  const rows = settings.map(({ maxRows, eventsPerSecond, cpuSecondsPerMillionEvents, rowsPerBatch, loaded, meetsTarget }) => [
    `  ${whole(maxRows)}`,
    whole(eventsPerSecond),
    cpuSecondsPerMillionEvents.toFixed(1),
    whole(rowsPerBatch),
    loaded?.latency ? milliseconds(loaded.latency.p50Ms) : '-',
    loaded?.latency ? milliseconds(loaded.latency.p99Ms) : '-',
    `${meetsTarget === undefined ? '-' : meetsTarget ? 'yes' : 'no'}${maxRows === recommended?.maxRows ? ', best' : ''}`,
  ]);
  const title = `Settings (the better of two rounds each), latency in ms at 70 % of their throughput, target p99 ≤ ${targetMs} ms`;
  const shown = table([['  batch.maxRows', 'events/s', 'CPU-s/million', 'rows/batch', 'p50', 'p99', 'target'], ...rows]);
  const advice = recommended
    ? ['', 'To paste into the pipeline file:', '', 'batch:', `  maxRows: ${recommended.maxRows}`, `  targetMs: ${targetMs}`]
    : interrupted
      ? []
      : ['', 'No setting meets the target: allow more time (--target-ms), or look at the step that takes the longest.'];
  return [style.bold(title), ...shown, ...advice];
}

/** What makes the figures worth less than they look. */
function problems({ maximum, events, latency, unmeasured, interrupted }: BenchReport): string[] {
  const found: string[] = [];
  if (!maximum && !interrupted) found.push('nothing was finished in the time given: raise --seconds');
  for (const [group, count] of Object.entries(events.entities))
    if (count === 0) found.push(`feature group ${group}: no entities were found in its store, so ids are random and every read misses`);
  for (const { code, share, message } of maximum?.failed ?? [])
    if (share > FEW)
      found.push(`${percent(share)} of the events fail (${code}), so the figures are not those of a healthy pipeline: ${message}`);
  if (maximum && maximum.skipped / maximum.events > FEW)
    found.push(`${percent(maximum.skipped / maximum.events)} of the events are tombstones`);
  for (const rate of unmeasured) found.push(`at ${whole(rate)} events/s nothing was finished in the time given: raise --seconds`);
  for (const { rate, keepsRate } of latency)
    if (!keepsRate) found.push(`the rate of ${whole(rate!)} events/s is not kept: latency grows for as long as it lasts`);
  return found;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const milliseconds = (value: number): string => (value < 100 ? value.toFixed(1) : whole(value));
const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
