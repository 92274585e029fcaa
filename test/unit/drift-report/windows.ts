/** Windows for the tests of the report, and a parser that holds pages to be well formed. */
import type { ExportedCells, ExportedFeature, ExportedWindow } from '../../../src/drift/exported-window.ts';

export const HOUR_MS = 3_600_000;

/** Four coarse bins of two fine ones each. */
export const numberCells = (counts: readonly number[], change: Partial<ExportedCells> = {}): ExportedCells => ({
  edges: [1, 2, 3, 4, 5, 6, 7],
  vocabulary: null,
  fold: [0, 0, 1, 1, 2, 2, 3, 3],
  origin: 0,
  quantum: 1,
  counts,
  sums: null,
  referenceCounts: [10, 10, 10, 10, 10, 10, 10, 10],
  referenceSums: null,
  ...change,
});

export const wordCells = (
  vocabulary: readonly string[],
  counts: readonly number[],
  referenceCounts = [...vocabulary.map(() => 10), 0],
): ExportedCells => ({
  ...{ edges: null, vocabulary, fold: null, origin: null, quantum: null },
  ...{ counts, sums: null, referenceCounts, referenceSums: null },
});

export const featureOf = (name: string, change: Partial<ExportedFeature> = {}): ExportedFeature => ({
  ...{ name, type: 'NUMERIC', status: 'OK', reason: '', n: 80, nReference: 80, bins: 4, tvd: 0.0123, psi: 0.01, jsDistance: 0.05 },
  ...{ lInfinity: 0.01, wasserstein: 0.1, ksLower: null, ksUpper: null, ksPUpper: null, ksPLower: null, pMethod: 'none' },
  ...{ chiSquare: null, chiSquareDof: 0, chiSquareP: null, cramersV: null, p: null, qBenjaminiHochberg: null },
  ...{ mean: 1.5, meanReference: 2, missingRate: 0, missingRateReference: 0, infiniteRate: 0, belowDomainRate: 0, aboveDomainRate: 0 },
  ...{ newCategoryRate: 0, standInRate: 0, storeMissRate: 0, storeStaleRate: 0, storeUnavailableRate: 0 },
  ...{
    lowest: null,
    highest: null,
    typeMismatchRate: 0,
    skewRate: null,
    skewCompared: 0,
    qualityAlarm: false,
    nEff: 80,
    overDispersion: 1,
    alert: false,
    againstPrevious: null,
    againstPinned: null,
    marks: null,
    cells: numberCells([10, 10, 10, 10, 10, 10, 10, 10]),
  },
  ...change,
});

/** A window of the given hour; what it says of itself follows from its features. */
export function windowOf(hour: number, features: readonly ExportedFeature[], change: Partial<ExportedWindow> = {}): ExportedWindow {
  const prediction = change.prediction ?? featureOf('score');
  const statuses = [...features, prediction].map(({ status }) => status);
  const drifted = features.filter(({ status }) => status === 'DRIFT').map(({ name }) => name);
  return {
    ...{ model: 'delay', modelVersion: '2', referenceId: 'abcdef0123456789', window: '1h' },
    ...{ windowStart: hour * HOUR_MS, windowEnd: (hour + 1) * HOUR_MS, revision: 0, final: true, events: 12_345 },
    ...{ partitionsSeen: 1, partitionsExpected: 1, alpha: 0.001 },
    status: (['DRIFT', 'WARN', 'OK'] as const).find((status) => statuses.includes(status)) ?? 'INSUFFICIENT_DATA',
    overallDrift: statuses.includes('DRIFT'),
    ...{ driftedFeatures: drifted.length, driftedFeatureNames: drifted, driftShare: drifted.length / Math.max(1, features.length) },
    ...{
      recommendation: 'continue_monitoring',
      alertedFeatureNames: [],
      coverage: 1,
      gaps: 0,
      gapOffsets: 0,
      duplicatesDropped: 0,
      rejected: 0,
      referenceKind: 'training',
    },
    ...{ features, prediction, performance: null },
    ...change,
  };
}

const VOID = new Set(['meta', 'br']);

/** An element of a page. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent: Element | undefined;
}

/** All elements of a page. @throws Error when a tag is not closed where it was opened, or there is anything that is no tag */
export function elementsOf(page: string): Element[] {
  const elements: Element[] = [];
  let open: Element | undefined;
  const text = page.replace(/^<!DOCTYPE html>\n/, '').replace(/(<style>)[^<]*/, '$1');
  let at = 0;
  for (const match of text.matchAll(/<(\/?)([a-z][a-z0-9-]*)((?:\s+[a-zA-Z-]+="[^"<>]*")*)\s*(\/?)>/g)) {
    checkText(text.slice(at, match.index));
    at = match.index + match[0].length;
    const [, end, name = '', attributes = '', selfClosed] = match;
    if (end) {
      if (open?.name !== name) throw new Error(`</${name}> ends <${open?.name}> at ${at}: ${text.slice(at - 200, at)}`);
      open = open.parent;
      continue;
    }
    const found = [...attributes.matchAll(/([a-zA-Z-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!] as const);
    for (const [, value] of found) checkText(value);
    const element = { name, attributes: Object.fromEntries(found), parent: open };
    elements.push(element);
    if (!selfClosed && !VOID.has(name)) open = element;
  }
  checkText(text.slice(at));
  if (open) throw new Error(`<${open.name}> is not closed`);
  return elements;
}

function checkText(text: string): void {
  const wrong = /[<>]|&(?!(amp|lt|gt|quot|#39);)|[^\P{Cc}\n]/u.exec(text);
  if (wrong) throw new Error(`Not escaped: ${text.slice(Math.max(0, wrong.index - 40), wrong.index + 40)}`);
}
