import type { ExportedWindow } from '../drift/exported-window.ts';
import { conclusionOf } from './conclusion.ts';
import { decisions } from './decisions.ts';
import { featureDetails } from './feature-details.ts';
import { heatMap } from './heat-map.ts';
import { html, type Html, trusted } from './html.ts';
import { performance } from './performance.ts';
import { groupsOf, type WindowGroup } from './series.ts';
import { styleSheet } from './style.ts';
import { countOf, countText, minuteText } from './text.ts';

/** What a report is made from. */
export interface ReportOptions {
  /** Of any number of models, versions and sizes. */
  readonly windows: readonly ExportedWindow[];
  /** Topic that they come from. */
  readonly topic: string;
  /** When the report was made; milliseconds since the epoch. */
  readonly madeAtMs: number;
}

/** What a group of windows is told in, in this order; each part gets an id for its heading. */
const PARTS: readonly ((group: WindowGroup, id: string) => Html | undefined)[] = [performance, heatMap, featureDetails, decisions];

/**
 * The report as a page in one file: it loads nothing, needs no scripts, and forbids them, so that a name from the data can
 * do nothing even if it were not escaped.
 */
export function reportPage({ windows, topic, madeAtMs }: ReportOptions): string {
  const groups = groupsOf(windows);
  const title = titleOf(groups);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
${trusted(styleSheet())}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${groups.length === 0 ? html`<p class="conclusion">No windows in ${topic} that fit. They appear once workers with drift enabled have scored records.</p>` : undefined}
${groups.length > 1 ? contents(groups) : undefined}
${groups.length === 1 ? about(groups[0]!) : undefined}
</header>
<main>
${groups.map((group, i) => section(group, `windows-${i + 1}`, groups.length > 1))}
</main>
<footer><p>Made by weir at ${minuteText(madeAtMs)} UTC from the topic <bdi>${topic}</bdi>. Times are event times in UTC.</p></footer>
</body>
</html>
`.text;
}

function titleOf(groups: readonly WindowGroup[]): string {
  const names = new Set(groups.map(({ model, modelVersion }) => `${model} ${modelVersion}`));
  return names.size === 1 ? `Drift of ${[...names][0]!}` : 'Drift report';
}

function nameOf({ model, modelVersion, window }: WindowGroup): string {
  return `${model} ${modelVersion}, windows of ${window}`;
}

/** A sentence for each section, so that nobody has to read all of them. */
function contents(groups: readonly WindowGroup[]): Html {
  return html`<ul>${groups.map((group, i) => html`<li><a href="#windows-${i + 1}">${nameOf(group)}</a>: ${conclusionOf(group)}</li>`)}</ul>`;
}

/** What the windows are of, and what to make of them. */
function about(group: WindowGroup): Html {
  const { model, modelVersion, windows } = group;
  const references = [...new Set(windows.map(({ referenceId }) => referenceId.slice(0, 12)))];
  const open = windows.filter(({ final }) => !final).length;
  const facts = [
    ['Model', `${model}, version ${modelVersion}`],
    [references.length === 1 ? 'Reference' : 'References, newest last', references.join(', ')],
    ['Range', `${minuteText(windows[0]!.windowStart)} to ${minuteText(windows.at(-1)!.windowEnd)}`],
    ['Windows', `${countText(windows.length)} of ${group.window}${open > 0 ? `, ${countText(open)} still open` : ''}`],
  ];
  return html`<p class="conclusion">${conclusionOf(group)}</p>
<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd><bdi>${value}</bdi></dd>`)}</dl>`;
}

function section(group: WindowGroup, id: string, isOneOfMany: boolean): Html {
  const { windows, window } = group;
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${isOneOfMany ? nameOf(group) : `${countOf(windows.length, 'window')} of ${window}`}</h2>
${isOneOfMany ? about(group) : undefined}
${PARTS.map((part, i) => part(group, `${id}-${i + 1}`))}
</section>
`;
}
