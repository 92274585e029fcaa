import type { ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';
import type { PerformanceStatistics } from '../drift/performance/performance-record.ts';
import { html, type Html } from './html.ts';
import { isFallen } from './performance-series.ts';
import { PERFORMANCE_SYMBOLS, PERFORMANCE_WORDS } from './performance-text.ts';
import type { WindowGroup } from './series.ts';
import { countOf, countText, listText, shareText, STATUS_SYMBOLS, STATUS_WORDS, windowText } from './text.ts';

/** Windows of the table, reasons of a window, and names in a cell at most. */
const MOST_WINDOWS = 200;
const MOST_REASONS = 12;
const MOST_NAMED = 12;

/** What was decided of each window, and why: newest first. Windows in which nothing happened are only counted. */
export function decisions({ windows, window: size, arms }: WindowGroup, id: string): Html {
  const newest = windows.at(-1);
  const told = windows.filter((window) => window === newest || isTold(window)).toReversed();
  const shown = told.slice(0, MOST_WINDOWS);
  const isComplete = shown.every((window) => gapsOf(window) === '');
  const isPerforming = arms.length > 0;
  const quiet = windows.length - told.length;
  return html`<section aria-labelledby="${id}">
<h3 id="${id}">What was decided, and why</h3>
<p>Drift of a feature, or of the score, in two of three windows raises an alert; three windows in a row far below the threshold clear it. While one stands, the model should be retrained.${isPerforming ? ' So it should when labels say that performance fell, whether or not anything drifted.' : undefined}</p>
<div class="scroll" role="region" tabindex="0" aria-label="Decisions of windows of ${size}">
<table class="decisions${isPerforming ? ' performing' : undefined}">
<caption>Windows of ${size}, newest first, times in UTC</caption>
<thead><tr><th scope="col">Window</th><th scope="col">Rows</th><th scope="col">Status</th><th scope="col">In drift</th><th scope="col">Why</th>${isPerforming ? html`<th scope="col">Performance</th>` : undefined}<th scope="col">Recommendation</th>${isComplete ? undefined : html`<th scope="col">Not counted</th>`}</tr></thead>
<tbody>
${shown.map((window) => row(window, { isComplete, isPerforming }))}</tbody>
</table>
</div>
${quiet > 0 ? html`<p>${countOf(quiet, 'window')} without drift${isPerforming ? ', a fall of performance' : undefined} or warnings ${quiet === 1 ? 'is' : 'are'} not listed.</p>` : undefined}
${told.length > shown.length ? html`<p>${countOf(told.length - shown.length, 'older window')} left out.</p>` : undefined}
</section>`;
}

function isTold(window: ExportedWindow): boolean {
  if (window.performance?.some(({ status }) => status === 'FELL') === true) return true;
  return window.status !== 'OK' || window.recommendation !== 'continue_monitoring' || gapsOf(window) !== '';
}

interface Columns {
  readonly isComplete: boolean;
  readonly isPerforming: boolean;
}

function row(window: ExportedWindow, { isComplete, isPerforming }: Columns): Html {
  const { events, status, recommendation, driftedFeatureNames, prediction } = window;
  const isToRetrain = recommendation === 'retrain_model' || window.performance?.some(isFallen) === true;
  const names = [...driftedFeatureNames, ...(prediction.status === 'DRIFT' ? ['the score'] : [])];
  return html`<tr><th scope="row">${windowText(window)}</th><td>${countText(events)}</td><td class="status ${status.toLowerCase()}"><span aria-hidden="true">${STATUS_SYMBOLS[status]} </span>${STATUS_WORDS[status]}</td><td><bdi>${listText(names, MOST_NAMED) || '–'}</bdi></td><td>${reasons(window)}</td>${isPerforming ? html`<td>${verdicts(window.performance ?? [])}</td>` : undefined}<td>${isToRetrain ? html`<strong>retrain the model</strong>` : 'go on monitoring'}</td>${isComplete ? undefined : html`<td>${gapsOf(window) || '–'}</td>`}</tr>
`;
}

function reasons({ status, features, prediction }: ExportedWindow): Html {
  // Where nothing can be told, every feature says the same: one is enough.
  const all = [{ ...prediction, name: 'score' }, ...features].filter(({ reason }) => reason !== '');
  const noticed = all.filter((of) => of.status === 'DRIFT' || of.status === 'WARN' || of.qualityAlarm);
  const of = noticed.length > 0 ? noticed.toSorted(driftFirst) : status === 'INSUFFICIENT_DATA' ? all.slice(0, 1) : [];
  if (of.length === 0) return html`–`;
  const more = of.length - MOST_REASONS;
  return html`<ul>${of.slice(0, MOST_REASONS).map(({ name, reason }) => html`<li><bdi>${name}</bdi>: ${reason}</li>`)}${more > 0 ? html`<li>and ${countText(more)} more</li>` : undefined}</ul>`;
}

/** The verdict of each arm, and why where it is not that all is well. */
function verdicts(performance: readonly PerformanceStatistics[]): Html {
  if (performance.length === 0) return html`–`;
  const isOne = performance.length === 1;
  const items = performance.map(({ arm, status, dropBasis, reason }) => {
    const symbol = PERFORMANCE_SYMBOLS[status];
    const basis = dropBasis === 'CBPE' ? ' (estimated)' : '';
    return html`<li>${isOne ? undefined : html`<bdi>${arm}</bdi>: `}<span class="status ${status.toLowerCase()}">${symbol && html`<span aria-hidden="true">${symbol} </span>`}${PERFORMANCE_WORDS[status]}${basis}</span>${status !== 'OK' && reason !== '' ? `: ${reason}` : undefined}</li>`;
  });
  return html`<ul>${items}</ul>`;
}

function driftFirst(a: ExportedFeature, b: ExportedFeature): number {
  return Number(b.status === 'DRIFT') - Number(a.status === 'DRIFT');
}

/** What may be missing from the counts of a window; empty when nothing is known to be. */
function gapsOf({ coverage, gaps, gapOffsets }: ExportedWindow): string {
  return [
    ...(coverage < 1 ? [`${shareText(coverage)} of the partitions had come past its end`] : []),
    ...(gaps > 0 ? [`${countOf(gaps, 'gap')} in the input so far, ${countOf(gapOffsets, 'offset')}`] : []),
  ].join('; ');
}
