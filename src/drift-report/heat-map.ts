import type { ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';
import { html, type Content, type Html } from './html.ts';
import type { FeatureSeries, WindowGroup } from './series.ts';
import { countOf, minuteText, shareText, shortNumber, STATUS_SYMBOLS, STATUS_WORDS, windowText } from './text.ts';

/** Windows and features that the table shows at most: more would make a page of many megabytes that nobody reads. */
const MOST_WINDOWS = 60;
const MOST_FEATURES = 100;

/** Where the colours of the heat map begin: the share of the distribution that moved. */
const LEVELS = [0, 0.025, 0.05, 0.1, 0.2, 0.4] as const;

/** Class of a cell's colour: `level-0` to `level-5`, or `level-none` when it cannot be told how far something moved. */
export function levelOf({ status, tvd }: Pick<ExportedFeature, 'status' | 'tvd'>): string {
  if (status === 'INSUFFICIENT_DATA' || tvd === null) return 'level-none';
  return `level-${LEVELS.findLastIndex((from) => tvd >= from)}`;
}

/** Features by windows: how far each moved, as a table. @param id not used for anything else on the page */
export function heatMap({ windows, series, window }: WindowGroup, id: string): Html {
  const first = Math.max(0, windows.length - MOST_WINDOWS);
  const shown = windows.slice(first);
  const rows = series.slice(0, MOST_FEATURES);
  return html`<section aria-labelledby="${id}">
<h3 id="${id}">How far each feature moved</h3>
<p>Each cell says which share of the distribution lies elsewhere than in the reference (total variation distance).</p>
${first > 0 ? html`<p>The newest ${MOST_WINDOWS} windows are shown; ${countOf(first, 'older window')} ${first === 1 ? 'is' : 'are'} left out.</p>` : undefined}
${rows.length < series.length ? html`<p>The ${MOST_FEATURES} features that moved most are shown; ${series.length - rows.length} are left out.</p>` : undefined}
${legend()}
<div class="scroll newest-first" role="region" tabindex="0" aria-label="Heat map of features by windows of ${window}">
<table class="heat">
<caption><span>Features by windows of ${window}, oldest window first, times in UTC</span></caption>
<thead><tr><th scope="col">Feature</th>${shown.map(heading)}</tr></thead>
<tbody>
${rows.map((of) => row(of, shown, first))}</tbody>
</table>
</div>
</section>`;
}

function heading({ windowStart, final }: ExportedWindow): Html {
  const [date = '', time] = minuteText(windowStart).split(' ');
  return html`<th scope="col">${date}${time === '00:00' ? undefined : html`<br>${time}`}${final ? undefined : ' open'}</th>`;
}

function row({ label, points }: FeatureSeries, windows: readonly ExportedWindow[], first: number): Html {
  return html`<tr><th scope="row"><bdi>${label}</bdi></th>${windows.map((window, i) => cell(label, points[first + i], window))}</tr>
`;
}

function cell(label: string, point: ExportedFeature | undefined, window: ExportedWindow): Html {
  if (!point) return html`<td class="level-none"><span class="unseen">not in this window</span></td>`;
  const { status, reason, tvd } = point;
  if (status === 'OK') return html`<td class="${levelOf(point)}">${shareText(tvd)}</td>`;
  const title = `${label}, ${windowText(window)}: ${STATUS_WORDS[status]}${reason && `; ${reason}`}`;
  return html`<td class="${levelOf(point)} ${status.toLowerCase()}" title="${title}"><span aria-hidden="true">${STATUS_SYMBOLS[status]} </span>${shareText(tvd)}<span class="unseen">, ${STATUS_WORDS[status]}</span></td>`;
}

function legend(): Html {
  const levels: Content[] = LEVELS.map((from, i) => {
    const to = LEVELS[i + 1];
    const text = to === undefined ? `${shortNumber(100 * from)} % or more` : `under ${shortNumber(100 * to)} %`;
    return html`<li><span class="swatch level-${i}" aria-hidden="true"></span>${text}</li>`;
  });
  const symbols = (['DRIFT', 'WARN', 'INSUFFICIENT_DATA'] as const).map(
    (status) => html`<li><span class="symbol">${STATUS_SYMBOLS[status]}</span> ${STATUS_WORDS[status]}</li>`,
  );
  return html`<ul class="legend">${levels}${symbols}</ul>`;
}
