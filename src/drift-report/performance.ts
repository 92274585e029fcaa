import type { PerformanceMeasures } from '../drift/performance/measures.ts';
import { html, type Content, type Html } from './html.ts';
import { performanceChart } from './performance-chart.ts';
import { type ArmSeries, type PerformanceSight, sightsOf } from './performance-series.ts';
import { delayText, dropWithError, measureName, PERFORMANCE_SYMBOLS, PERFORMANCE_WORDS } from './performance-text.ts';
import { reliability, reliabilityBins } from './reliability.ts';
import type { WindowGroup } from './series.ts';
import { countOf, countText, shareText, shortNumber, windowText } from './text.ts';

/** Windows of the chart, and of the tables, at most. */
const MOST_DRAWN = 60;
const MOST_LISTED = 200;
/** Windows whose verdicts are in sight; older ones are in a table that opens. */
const IN_SIGHT = 12;

/** How good the predictions were, over time. Nothing where the pipeline has no labels. */
export function performance(group: WindowGroup, id: string): Html | undefined {
  const { windows, arms } = group;
  if (windows.every((window) => window.performance === null)) return undefined;
  const isEmpty = arms.length === 0;
  return html`<section aria-labelledby="${id}">
<h3 id="${id}">Performance</h3>
${isEmpty ? html`<p>Labels are configured, but nothing has been published yet of how good the predictions of these windows were.</p>` : intro(group)}
${arms.map((series, i) => armPart(group, series, `${id}-${i + 1}`))}
</section>`;
}

function intro({ windows, arms }: WindowGroup): Html {
  const drawn = Math.min(windows.length, MOST_DRAWN);
  const isLabelled = arms.some(({ points }) => points.some((point) => point && point.labelled > 0));
  return html`<p>How good the predictions of each window were, as far as their labels are known. It fell where it is worse than in the reference by <code>labels.maxDrop</code> and by more than three standard errors, which are shaded. The estimate needs no labels; it cannot see that inputs have come to mean something else.</p>
${isLabelled ? undefined : html`<p><strong>No labels have come yet for these windows.</strong></p>`}
${drawn < windows.length ? html`<p>The newest ${drawn} windows are drawn.</p>` : undefined}
<ul class="legend">
<li><span class="stroke current" aria-hidden="true"></span>● from labels</li><li>○ from labels, too few for a verdict</li><li>▼ fell</li>
<li><span class="stroke estimated" aria-hidden="true"></span>estimated without labels</li><li><span class="stroke reference" aria-hidden="true"></span>reference</li>
</ul>`;
}

function armPart({ windows, window: size, arms }: WindowGroup, series: ArmSeries, id: string): Html {
  const name = arms.length > 1 ? ` of ${series.arm}` : '';
  const metric = measureName(series.metric);
  const first = Math.max(0, windows.length - MOST_DRAWN);
  const drawn = windows.slice(first);
  const title = `${metric}${name} in windows of ${size}`;
  const sights = sightsOf(windows, series).toReversed();
  const older = sights.slice(IN_SIGHT, MOST_LISTED);
  const chart = performanceChart(drawn, { ...series, points: series.points.slice(first) }, { id: `${id}-chart`, title });
  const heading = name && html`<h4 id="${id}"><bdi>${series.arm}</bdi></h4>`;
  return html`${heading}<div class="pair"><figure><figcaption>${title}</figcaption>${chart}</figure>${calibration(sights, name, `${id}-scores`)}</div>
${verdicts(sights.slice(0, IN_SIGHT), { metric, title: `Performance${name} in windows of ${size}` })}
${older.length > 0 ? html`<details><summary>${countOf(older.length, 'older window')}${name}</summary>${verdicts(older, { metric, title: `Performance${name} in older windows of ${size}` })}</details>` : undefined}
${sights.length > MOST_LISTED ? html`<p>${countOf(sights.length - MOST_LISTED, 'older window')} left out.</p>` : undefined}
${others(sights.slice(0, MOST_LISTED), { name, size })}
`;
}

/** Of the newest window that labels can judge; where they can judge none, of the newest with any: the newest of all has few as yet. */
function calibration(sights: readonly PerformanceSight[], name: string, id: string): Html | undefined {
  for (const { window, of } of [...sights.filter(({ of: { dropBasis } }) => dropBasis === 'LABELS'), ...sights]) {
    const bins = reliabilityBins(of.byScore);
    if (bins.length === 0) continue;
    const title = `How often scores${name} were right, ${windowText({ ...window, final: true })}`;
    return html`<figure><figcaption>${title}</figcaption>${reliability(bins, { id, title })}</figure>`;
  }
  return undefined;
}

interface TableNames {
  /** Of the arm, where there are several. */
  readonly name: string;
  readonly size: string;
}

function verdicts(sights: readonly PerformanceSight[], { metric, title }: { readonly metric: string; readonly title: string }): Html {
  const columns = ['Window', 'Predictions', 'Labelled', 'Labels after (half, 90 %)', `${metric} from labels`, 'Estimated', 'Reference'];
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table class="performance">
<caption>${title}, newest first, times in UTC</caption>
<thead><tr>${[...columns, 'Against the reference', 'Verdict', 'Why'].map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${sights.map(verdictRow)}</tbody>
</table></div>`;
}

function verdictRow({ window, of }: PerformanceSight): Html {
  const { predictions, labelled, labelCoverage, labelDelayMedianMs, labelDelayP90Ms, metric, dropBasis, status, reason } = of;
  const basis = dropBasis === 'CBPE' ? ' (estimated)' : '';
  const cells: Content[] = [
    countText(predictions),
    `${countText(labelled)} (${shareText(labelCoverage)})`,
    labelled > 0 ? `${delayText(labelDelayMedianMs)}, ${delayText(labelDelayP90Ms)}` : '–',
    `${shortNumber(of.realised?.[metric] ?? null)}${metric === 'auc' ? bounds(of.realised) : ''}`,
    shortNumber(of.estimated?.[metric] ?? null),
    shortNumber(of.reference?.[metric] ?? null),
    `${dropWithError(of)}${basis}`,
  ];
  const symbol = PERFORMANCE_SYMBOLS[status];
  return html`<tr><th scope="row">${windowText({ ...window, final: true })}${of.final ? undefined : ' (labels may still come)'}</th>${cells.map((cell) => html`<td>${cell}</td>`)}<td class="status ${status.toLowerCase()}">${symbol && html`<span aria-hidden="true">${symbol} </span>`}${PERFORMANCE_WORDS[status]}</td><td class="why">${reason || '–'}</td></tr>
`;
}

/** Scores within a bin are not told apart, so the AUC of the scores themselves is between two numbers. */
function bounds(measures: PerformanceMeasures | null): string {
  if (measures?.aucLower == null || measures.aucUpper === null) return '';
  return ` [${shortNumber(measures.aucLower)}, ${shortNumber(measures.aucUpper)}]`;
}

const MEASURES = [
  ...(['accuracy', 'precision', 'recall', 'f1', 'auc', 'logLoss', 'brier', 'ece', 'positiveRate'] as const),
  ...(['mae', 'rmse', 'bias', 'r2'] as const),
] as const;

/** All measures that are defined, of labels, estimate and reference. */
function others(sights: readonly PerformanceSight[], { name, size }: TableNames): Html {
  const rows = sights.flatMap(({ window, of }, i) => {
    const place = windowText({ ...window, final: true });
    // One reference holds for a whole version of a model; it is told again only where it changes.
    const isNews = sights[i - 1]?.of.referenceId !== of.referenceId;
    return [
      ...(isNews && of.reference ? [{ place: 'Reference', basis: 'labels', measures: of.reference }] : []),
      ...(of.realised ? [{ place, basis: 'labels', measures: of.realised }] : []),
      ...(of.estimated ? [{ place, basis: 'estimated', measures: of.estimated }] : []),
    ];
  });
  const known = MEASURES.filter((measure) => rows.some(({ measures }) => measures[measure] !== null));
  if (known.length === 0) return html``;
  const title = `All measures${name} in windows of ${size}`;
  return html`<details><summary>All measures${name}</summary><div class="scroll" role="region" tabindex="0" aria-label="${title}"><table class="performance">
<caption>${title}, newest first, times in UTC</caption>
<thead><tr><th scope="col">Window</th><th scope="col">From</th><th scope="col">Rows</th>${known.map((measure) => html`<th scope="col">${measureName(measure)}</th>`)}</tr></thead>
<tbody>
${rows.map(({ place, basis, measures }) => html`<tr><th scope="row">${place}</th><td>${basis}</td><td>${countText(measures.n)}</td>${known.map((measure) => html`<td>${shortNumber(measures[measure])}</td>`)}</tr>\n`)}</tbody>
</table></div></details>`;
}
