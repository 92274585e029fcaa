import { nextUpFloat32 } from '../drift/bins.ts';
import type { ExportedCells } from '../drift/exported-window.ts';
import { html, type Html } from './html.ts';
import { countText, shareText, shortNumber } from './text.ts';

/** A bar of a histogram, twice: of the reference and of the window. */
export interface Bar {
  /** What values it counts. */
  readonly label: string;
  readonly reference: number;
  readonly current: number;
}

/** Words that have a bar of their own; the others share one. */
const WORDS = 14;

/** The bars of a feature: its coarse bins, the ones on which it is judged; or the words most seen on either side. */
export function barsOf(cells: ExportedCells): Bar[] {
  const { edges, fold, vocabulary } = cells;
  if (vocabulary) return wordBars(vocabulary, cells);
  return edges && fold ? numberBars(edges, fold, cells) : [];
}

function numberBars(edges: readonly number[], fold: readonly number[], { counts, referenceCounts }: ExportedCells): Bar[] {
  const bins = Map.groupBy(fold.keys(), (cell) => fold[cell]!);
  const coarse = [...bins].sort(([a], [b]) => a - b).map(([, of]) => of);
  const digits = digitsFor(edges, coarse);
  const sum = (of: readonly number[], values: readonly number[]): number => of.reduce((total, cell) => total + values[cell]!, 0);
  return (
    coarse
      .map((of) => ({ label: rangeText(edges, of, digits), reference: sum(of, referenceCounts), current: sum(of, counts) }))
      // Between single values lie bins that are empty on both sides: they tell nothing.
      .filter(({ label, reference, current }) => label !== OTHERS || reference + current > 0)
  );
}

const OTHERS = 'other values';

/** Digits that tell the ends of all bins apart: pressures of 1,013.2 and 1,013.8 hPa are not the same. */
function digitsFor(edges: readonly number[], coarse: readonly (readonly number[])[]): number {
  const ends = coarse.flatMap((cells) => {
    const edge = edges[cells[0]! - 1];
    // The smallest number above a value ends the bin of that value: no number of digits would do.
    return edge === undefined || edge === nextUpFloat32(edges[cells[0]! - 2] ?? Number.NaN) ? [] : [edge];
  });
  let digits = 3;
  while (digits < 9 && new Set(ends.map((end) => shortNumber(end, digits))).size < new Set(ends).size) digits++;
  return digits;
}

function rangeText(edges: readonly number[], cells: readonly number[], digits: number): string {
  const text = (edge: number): string => shortNumber(edge, digits);
  const first = cells[0]!;
  const last = cells.at(-1)!;
  if (last - first >= cells.length) return OTHERS;
  if (edges.length === 0) return 'all values';
  if (first === 0) return last === edges.length ? 'all values' : `below ${text(edges[last]!)}`;
  const from = edges[first - 1]!;
  if (last === edges.length) return `${text(from)} and more`;
  const to = edges[last]!;
  return nextUpFloat32(from) === to ? text(from) : `${text(from)} to ${text(to)}`;
}

function wordBars(vocabulary: readonly string[], { counts, referenceCounts }: ExportedCells): Bar[] {
  const bars = vocabulary.map((word, i) => ({ label: word, reference: referenceCounts[i]!, current: counts[i]! }));
  const most = (values: readonly number[]): number =>
    Math.max(
      1,
      values.reduce((a, b) => a + b, 0),
    );
  const [ofReference, ofCurrent] = [most(referenceCounts), most(counts)];
  const weight = ({ reference, current }: Bar): number => Math.max(reference / ofReference, current / ofCurrent);
  const ordered = bars.toSorted((a, b) => weight(b) - weight(a));
  const shown = new Set(ordered.slice(0, bars.length > WORDS + 1 ? WORDS : bars.length));
  const rest = bars.filter((bar) => !shown.has(bar));
  const unseen = { label: 'new words', reference: referenceCounts.at(-1)!, current: counts.at(-1)! };
  return [
    ...bars.filter((bar) => shown.has(bar)),
    ...(rest.length > 0 ? [sumOf(`${countText(rest.length)} other words`, rest)] : []),
    ...(unseen.reference + unseen.current > 0 ? [unseen] : []),
  ];
}

function sumOf(label: string, bars: readonly Bar[]): Bar {
  return bars.reduce((a, b) => ({ label, reference: a.reference + b.reference, current: a.current + b.current }), {
    ...{ label, reference: 0, current: 0 },
  });
}

/** Sizes of the drawing, in its own units; about a pixel on a phone. */
const LABEL_WIDTH = 122;
const BAR_WIDTH = 158;
const WIDTH = 330;
const ROW_HEIGHT = 28;
const BAR_HEIGHT = 10;
/** Characters of a label that fit. */
const LABEL_CHARACTERS = 17;

/** What a histogram is of. */
export interface HistogramOptions {
  /** Not used for anything else on the page. */
  readonly id: string;
  /** What is compared, for a screen reader. */
  readonly title: string;
  /** Name of the window's column in the table. */
  readonly current: string;
}

/** Bars of the reference and of a window below each other, with the same numbers as a table that opens. */
export function histogram(bars: readonly Bar[], { id, title, current }: HistogramOptions): Html {
  const total = { reference: totalOf(bars, 'reference'), current: totalOf(bars, 'current') };
  const share = (bar: Bar, side: 'reference' | 'current'): number => bar[side] / Math.max(1, total[side]);
  const longest = Math.max(...bars.flatMap((bar) => [share(bar, 'reference'), share(bar, 'current')]), Number.MIN_VALUE);
  const height = bars.length * ROW_HEIGHT;
  const rows = bars.map((bar, i) => {
    const y = i * ROW_HEIGHT;
    const line = (side: 'reference' | 'current', top: number): Html => {
      const width = (BAR_WIDTH * share(bar, side)) / longest;
      return html`<rect class="${side}" x="${LABEL_WIDTH}" y="${top}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}"/><text class="value" x="${(LABEL_WIDTH + width + 4).toFixed(1)}" y="${top + 9}">${shareText(share(bar, side))}</text>`;
    };
    return html`<text class="label" x="${LABEL_WIDTH - 6}" y="${y + 17}">${cut(bar.label)}</text>${line('reference', y + 2)}${line('current', y + 14)}`;
  });
  return html`<svg role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${height}"><title id="${id}-title">${title}</title><desc id="${id}-desc">${descriptionOf(bars, share)} All numbers are in the table that follows.</desc>${rows}</svg>
<details><summary>Numbers</summary><div class="scroll" role="region" tabindex="0" aria-label="Numbers: ${title}"><table>
<thead><tr><th scope="col">Values</th><th scope="col">Reference</th><th scope="col">${current}</th></tr></thead>
<tbody>${bars.map((bar) => html`<tr><th scope="row"><bdi>${bar.label}</bdi></th><td>${shareText(share(bar, 'reference'))} (${countText(bar.reference)})</td><td>${shareText(share(bar, 'current'))} (${countText(bar.current)})</td></tr>`)}</tbody>
</table></div></details>`;
}

function totalOf(bars: readonly Bar[], side: 'reference' | 'current'): number {
  return bars.reduce((sum, bar) => sum + bar[side], 0);
}

/** Which bar grew most and which shrank most. */
function descriptionOf(bars: readonly Bar[], share: (bar: Bar, side: 'reference' | 'current') => number): string {
  const by = (bar: Bar): number => share(bar, 'current') - share(bar, 'reference');
  const ordered = bars.toSorted((a, b) => by(b) - by(a));
  const tell = (what: string, bar: Bar): string =>
    `${what} most: ${bar.label}, from ${shareText(share(bar, 'reference'))} to ${shareText(share(bar, 'current'))}.`;
  const [grown, shrunk] = [ordered[0], ordered.at(-1)];
  if (!grown || !shrunk || by(grown) <= 0) return 'Both are the same.';
  return `${tell('Grew', grown)} ${tell('Shrank', shrunk)}`;
}

function cut(label: string): string {
  const characters = [...label];
  return characters.length > LABEL_CHARACTERS ? `${characters.slice(0, LABEL_CHARACTERS - 1).join('')}…` : label;
}
