import type { PerformanceByScore } from '../drift/performance/measures.ts';
import { scaleOf, ticksOf } from './axis.ts';
import { html, type Html } from './html.ts';
import { countText, shareText, shortNumber } from './text.ts';

/** Neighbouring scores, and how often they were right. */
export interface ReliabilityBin {
  /** Which scores. */
  readonly label: string;
  readonly labelled: number;
  readonly positives: number;
  readonly meanScore: number;
}

/** Bins of the score are put together until each has about so large a part of the labels: fewer tell too little, more scatter. */
const PARTS = 12;

/** The bins with labels, neighbours put together. Empty when the task is not binary, or nothing is labelled. */
export function reliabilityBins(byScore: readonly PerformanceByScore[]): ReliabilityBin[] {
  const total = byScore.reduce((sum, { labelled }) => sum + (labelled ?? 0), 0);
  const bins: ReliabilityBin[] = [];
  let open = { first: 0, labelled: 0, positives: 0, scores: 0 };
  for (const [i, { labelled, positives, meanScore }] of byScore.entries()) {
    if (labelled !== null && positives !== null && meanScore !== null) {
      const { first } = open;
      open = {
        first,
        labelled: open.labelled + labelled,
        positives: open.positives + positives,
        scores: open.scores + labelled * meanScore,
      };
    }
    const isLast = i === byScore.length - 1;
    if (open.labelled === 0 || (open.labelled < total / PARTS && !isLast)) continue;
    bins.push({
      label: labelOf(byScore[open.first]!.from, byScore[i + 1]?.from ?? null),
      ...{ labelled: open.labelled, positives: open.positives, meanScore: open.scores / open.labelled },
    });
    open = { first: i + 1, labelled: 0, positives: 0, scores: 0 };
  }
  return bins;
}

function labelOf(from: number | null, to: number | null): string {
  if (from === null) return to === null ? 'all scores' : `below ${shortNumber(to)}`;
  return to === null ? `${shortNumber(from)} and more` : `${shortNumber(from)} to ${shortNumber(to)}`;
}

/** Sizes of the drawing, in its own units; about a pixel on a phone. */
const WIDTH = 330;
const LEFT = 48;
const TOP = 14;
const SIDE = 200;
const HEIGHT = TOP + SIDE + 36;
const LARGEST = 8;

/** Mean score against share of positives, the larger the more labels, with the same numbers as a table that opens. @param id not used for anything else on the page */
export function reliability(bins: readonly ReliabilityBin[], { id, title }: { readonly id: string; readonly title: string }): Html {
  const shares = bins.map(({ labelled, positives }) => positives / labelled);
  const values = [...bins.map(({ meanScore }) => meanScore), ...shares];
  const ticks = ticksOf(Math.min(0, ...values), Math.max(...values));
  const [from, to] = [ticks[0]!, ticks.at(-1)!];
  const x = scaleOf(from, to, LEFT, LEFT + SIDE);
  const y = scaleOf(from, to, TOP + SIDE, TOP);
  const most = Math.max(...bins.map(({ labelled }) => labelled));
  const dots = bins.map(({ meanScore, labelled }, i) => {
    const r = Math.max(2, LARGEST * Math.sqrt(labelled / most)).toFixed(1);
    return html`<circle class="point seen-through" cx="${x(meanScore)}" cy="${y(shares[i]!)}" r="${r}"/>`;
  });
  const rows = bins.map(
    ({ label, labelled, meanScore }, i) =>
      html`<tr><th scope="row">${label}</th><td>${countText(labelled)}</td><td>${shortNumber(meanScore)}</td><td>${shareText(shares[i]!)}</td></tr>`,
  );
  return html`<svg role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${HEIGHT}"><title id="${id}-title">${title}</title><desc id="${id}-desc">${descriptionOf(bins, shares)} All numbers are in the table that follows.</desc>
${ticks.map((tick) => html`<path class="grid" d="M${LEFT} ${y(tick)}H${LEFT + SIDE}"/><text class="label" x="${LEFT - 5}" y="${y(tick) + 4}">${shortNumber(tick)}</text><text class="middle" x="${x(tick)}" y="${TOP + SIDE + 15}">${shortNumber(tick)}</text>`)}
<path class="reference-line" d="M${x(from)} ${y(from)}L${x(to)} ${y(to)}"/>${dots}
<text class="middle" x="${LEFT + SIDE / 2}" y="${HEIGHT - 5}">mean score</text><text x="${LEFT + SIDE + 6}" y="${TOP + 10}">positives</text></svg>
<details><summary>Numbers</summary><div class="scroll" role="region" tabindex="0" aria-label="Numbers: ${title}"><table>
<caption>${title}</caption>
<thead><tr><th scope="col">Scores</th><th scope="col">Labelled</th><th scope="col">Mean score</th><th scope="col">Positive</th></tr></thead>
<tbody>${rows}</tbody>
</table></div></details>`;
}

function descriptionOf(bins: readonly ReliabilityBin[], shares: readonly number[]): string {
  const away = bins.map(({ meanScore }, i) => Math.abs(meanScore - shares[i]!));
  const worst = away.indexOf(Math.max(...away));
  const { label, meanScore } = bins[worst]!;
  return `Scores that say how often they are right lie on the diagonal. Furthest from it: ${label}, with a mean score of ${shortNumber(meanScore)}, of which ${shareText(shares[worst]!)} were positive.`;
}
