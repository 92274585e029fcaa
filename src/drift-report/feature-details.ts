import type { ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';
import { barsOf, histogram } from './histogram.ts';
import { html, type Content, type Html } from './html.ts';
import { type FeatureSeries, isNoticed, type WindowGroup, worstIndexOf } from './series.ts';
import { countOf, countText, listText, shareText, shortNumber, STATUS_WORDS, windowText } from './text.ts';

/** Features with histograms at most, and features that a sentence names. */
const MOST_DRAWN = 40;
const MOST_NAMED = 200;

/** The score, and each feature that was ever in drift or close to it: what changed, in numbers and bars. */
export function featureDetails({ windows, series }: WindowGroup, id: string): Html {
  const noticed = series.filter((of) => of.isScore || isNoticed(of));
  const quiet = series.filter((of) => !noticed.includes(of));
  const drawn = noticed.slice(0, MOST_DRAWN);
  // The score sorts last when it is well: it is shown whatever the features do.
  const score = noticed.find(({ isScore }) => isScore);
  if (score && !drawn.includes(score)) drawn.push(score);
  const rest = noticed.length - drawn.length;
  return html`<section aria-labelledby="${id}">
<h3 id="${id}">What changed</h3>
<p class="keys"><span class="key reference" aria-hidden="true"></span> reference <span class="key current" aria-hidden="true"></span> window</p>
${drawn.map((of, i) => details(of, windows, `${id}-${i + 1}`))}
${rest > 0 ? html`<p>${countOf(rest, 'more feature')} with drift or warnings ${rest === 1 ? 'is' : 'are'} in the heat map only.</p>` : undefined}
${quiet.length > 0 ? html`<p>Neither in drift nor with a warning in any window: ${namesOf(quiet)}.</p>` : undefined}
</section>`;
}

function namesOf(series: readonly FeatureSeries[]): string {
  return listText(
    series.map(({ label, worst }) => (worst === 'INSUFFICIENT_DATA' ? `${label} (never enough rows to tell)` : label)),
    MOST_NAMED,
  );
}

/** A window and what it says of the feature. */
interface Sight {
  readonly name: string;
  readonly window: ExportedWindow;
  readonly feature: ExportedFeature;
}

function details(series: FeatureSeries, windows: readonly ExportedWindow[], id: string): Html {
  const { label, points, drifted, worst } = series;
  const worstIndex = worstIndexOf(series);
  const newestIndex = points.findLastIndex((point) => point !== undefined);
  const sight = (name: string, i: number): Sight => ({ name, window: windows[i]!, feature: points[i]! });
  const sights =
    worstIndex === newestIndex
      ? [sight('Worst and newest window', newestIndex)]
      : [sight('Worst window', worstIndex), sight('Newest window', newestIndex)];
  const summary =
    drifted > 0 ? `In drift in ${countText(drifted)} of ${countOf(points.length, 'window')}.` : `At worst: ${STATUS_WORDS[worst]}.`;
  return html`<article aria-labelledby="${id}">
<h4 id="${id}"><bdi>${label}</bdi></h4>
<p>${summary}</p>
${facts(label, sights)}
<div class="pair">${sights.map((of, i) => figure(label, of, `${id}-${i + 1}`))}</div>
</article>
`;
}

function figure(label: string, { name, window, feature }: Sight, id: string): Html {
  const caption = html`<figcaption>${name}: ${windowText(window)}</figcaption>`;
  const bars = feature.cells ? barsOf(feature.cells) : [];
  if (bars.length === 0) return html`<figure>${caption}<p>The counts of this window, or its reference, are not kept any more.</p></figure>`;
  if (feature.n === 0) return html`<figure>${caption}<p>No values in this window.</p></figure>`;
  const title = `${label}: reference and ${name.toLowerCase()}, ${windowText(window)}`;
  return html`<figure>${caption}${histogram(bars, { id, title, current: name })}</figure>`;
}

/** A row of the table of facts: shown when it matters in one of the windows. */
interface Fact {
  readonly name: string;
  readonly reference?: (feature: ExportedFeature) => string;
  readonly of: (feature: ExportedFeature) => string;
  readonly matters: (feature: ExportedFeature) => boolean;
}

/** Rates below this are noise to who looks for a cause. */
const NOTABLE_RATE = 0.001;

function rate(name: string, of: (feature: ExportedFeature) => number): Fact {
  return { name, of: (feature) => shareText(of(feature)), matters: (feature) => of(feature) >= NOTABLE_RATE };
}

function range({ lowest, highest }: ExportedFeature): string {
  return [
    ...(lowest === null ? [] : [`down to ${shortNumber(lowest)}`]),
    ...(highest === null ? [] : [`up to ${shortNumber(highest)}`]),
  ].join(', ');
}

const FACTS: readonly Fact[] = [
  { name: 'Status', of: ({ status }) => STATUS_WORDS[status], matters: () => true },
  { name: 'Why', of: ({ reason }) => reason || '–', matters: ({ reason }) => reason !== '' },
  { name: 'Values', reference: ({ nReference }) => countText(nReference), of: ({ n }) => countText(n), matters: () => true },
  { name: 'Moved', of: ({ tvd }) => shareText(tvd), matters: () => true },
  {
    ...{ name: 'Mean', reference: ({ meanReference }) => shortNumber(meanReference), of: ({ mean }) => shortNumber(mean) },
    matters: ({ mean }) => mean !== null,
  },
  {
    ...{ name: 'Missing', reference: ({ missingRateReference: of }) => shareText(of), of: ({ missingRate }) => shareText(missingRate) },
    matters: ({ missingRate, missingRateReference }) => Math.max(missingRate, missingRateReference) >= NOTABLE_RATE,
  },
  rate('Below what the reference saw', ({ belowDomainRate }) => belowDomainRate),
  rate('Above what the reference saw', ({ aboveDomainRate }) => aboveDomainRate),
  { name: 'Furthest outside', of: (feature) => range(feature) || '–', matters: (feature) => range(feature) !== '' },
  rate('Words the reference did not see', ({ newCategoryRate }) => newCategoryRate),
  rate('Infinite', ({ infiniteRate }) => infiniteRate),
  rate('Replaced by weir (default, clamped, stale)', ({ standInRate }) => standInRate),
  rate('Of a wrong type', ({ typeMismatchRate }) => typeMismatchRate),
  rate('Other than its compareWith', ({ skewRate }) => skewRate ?? 0),
  rate('Not in the store', ({ storeMissRate }) => storeMissRate),
  rate('Stale in the store', ({ storeStaleRate }) => storeStaleRate),
  rate('Store not available', ({ storeUnavailableRate }) => storeUnavailableRate),
];

function facts(label: string, sights: readonly Sight[]): Html {
  const rows = FACTS.filter(({ matters }) => sights.some(({ feature }) => matters(feature))).map(({ name, reference, of }): Content => {
    // One reference holds for a whole version of a model; the newest window has it.
    const against = reference ? reference(sights.at(-1)!.feature) : '';
    return html`<tr><th scope="row">${name}</th><td>${against}</td>${sights.map(({ feature }) => html`<td>${of(feature)}</td>`)}</tr>
`;
  });
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Numbers of ${label}"><table class="facts">
<caption class="unseen">Numbers of ${label}</caption>
<thead><tr><th scope="col">What</th><th scope="col">Reference</th>${sights.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows}</tbody>
</table></div>`;
}
