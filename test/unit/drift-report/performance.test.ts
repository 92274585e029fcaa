import { describe, expect, it } from 'vitest';
import { ticksOf } from '../../../src/drift-report/axis.ts';
import { conclusionOf } from '../../../src/drift-report/conclusion.ts';
import { reportPage } from '../../../src/drift-report/page.ts';
import { delayText, dropWithError, measureName } from '../../../src/drift-report/performance-text.ts';
import { reliabilityBins } from '../../../src/drift-report/reliability.ts';
import { groupsOf } from '../../../src/drift-report/series.ts';
import type { ExportedWindow } from '../../../src/drift/exported-window.ts';
import { noMeasures } from '../../../src/drift/performance/measures.ts';
import {
  decodePerformanceStatistics,
  encodePerformanceStatistics,
  type PerformanceStatistics,
} from '../../../src/drift/performance/performance-record.ts';
import { expectAccessible } from './accessible.ts';
import { aucOf, byScore, estimatedOnly, fell, performanceOf, untold } from './performances.ts';
import { elementsOf, featureOf, windowOf } from './windows.ts';

const pageOf = (windows: readonly ExportedWindow[]): string => reportPage({ windows, topic: 't', madeAtMs: 0 });

const textOf = (page: string): string =>
  page
    .replace(/<style>[^<]*<\/style>/, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');

const of = (
  performance: readonly PerformanceStatistics[],
  hour: number,
  isDrift: { inputs?: boolean; score?: boolean } = {},
): ExportedWindow =>
  windowOf(hour, [featureOf('temp', isDrift.inputs ? { status: 'DRIFT', reason: 'tvd 0.2' } : {})], {
    performance,
    prediction: featureOf('score', isDrift.score ? { status: 'DRIFT', reason: 'tvd 0.2' } : {}),
  });

describe('a report with performance', () => {
  const windows = [of([performanceOf(0)], 0), of([untold(1)], 1), of([fell(2)], 2), of([fell(3)], 3), of([estimatedOnly(4)], 4)];
  const page = pageOf(windows);
  const text = textOf(page);
  const elements = elementsOf(page);

  it('is well formed and can be read by a screen reader', () => {
    expectAccessible(elements);
    const charts = elements.filter(({ name }) => name === 'svg').slice(0, 2);
    for (const { attributes } of charts)
      expect(attributes).toMatchObject({ role: 'img', 'aria-labelledby': expect.stringMatching(/-title .*-desc$/) });
    const captions = elements.filter(({ name, parent }) => name === 'caption' && parent?.attributes['class'] === 'performance');
    expect(captions).toHaveLength(2);
  });

  it('draws the measure over time with gaps, and marks what fell by shape and word', () => {
    const chart = page.slice(page.indexOf('<svg'), page.indexOf('</svg>'));
    expect(chart.match(/class="current-line" d="([^"]*)"/)?.[1]!.match(/[ML]/g)).toEqual(['M', 'M', 'L']);
    expect(chart.match(/class="estimated-line" d="([^"]*)"/)?.[1]!.match(/[ML]/g)).toEqual(['M', 'M', 'L', 'L']);
    expect(chart.match(/<path class="point fell"/g)).toHaveLength(2);
    expect(chart.match(/>fell</g)).toHaveLength(1);
    expect(chart.match(/class="band"/g)).toHaveLength(3);
    expect(chart.match(/class="band estimate"/g)).toHaveLength(1);
    expect(chart.match(/class="reference-line" d="([^"]*)"/)?.[1]!.match(/M/g)).toHaveLength(1);
    expect(text).toContain(
      'AUC from labels in 3 of 5 windows: at first 0.8, at last 0.7. Estimated without labels: at first 0.79, at last 0.79. In the reference 0.8. It fell in 2 windows, the newest of which is 1970-01-01 03:00 to 1970-01-01 04:00.',
    );
  });

  it('lists what is known of each window, newest first', () => {
    expect(text).toContain(
      '1970-01-01 04:00 to 1970-01-01 05:00 (labels may still come) 3,000 0 (0 %) – – 0.79 0.8 0.01 worse ± 0.03 (estimated) held auc 0.79',
    );
    expect(text).toContain(
      '1970-01-01 03:00 to 1970-01-01 04:00 3,000 2,000 (67 %) 15 min, 2 h 0.7 [0.69, 0.71] 0.79 0.8 0.1 worse ± 0.03 ▼ fell auc 0.7, in the reference 0.8',
    );
    expect(text).toContain('3,000 0 (0 %) – – – 0.8 – ? cannot be told 0 labelled predictions of 1000 needed');
    expect(text).toContain('All measures in windows of 1h');
    expect(text).toContain('Reference labels 50,000 0.9 0.8 0.1');
  });

  it('shows how often scores were right, of the newest window that labels can judge, else of the newest with any', () => {
    expect(text).toContain('How often scores were right, 1970-01-01 03:00 to 1970-01-01 04:00');
    expect(text).toContain('Furthest from it: 0.9 and more, with a mean score of 0.95, of which 50 % were positive.');
    expect(text).toContain('0.8 to 0.9 200 0.85 85 %');
  });

  it('does not say of a few labels how often scores were right where there are windows with many', () => {
    const few = untold(5, { byScore, labelled: 30, realised: aucOf(0.5, 30) });
    expect(textOf(pageOf([...windows, of([few], 5)]))).toContain('How often scores were right, 1970-01-01 03:00 to 1970-01-01 04:00');
    expect(textOf(pageOf([of([few], 5)]))).toContain('How often scores were right, 1970-01-01 05:00 to 1970-01-01 06:00');
  });

  it('tells in the decisions what fell, also where nothing drifted', () => {
    const decided = text.slice(text.indexOf('What was decided'));
    expect(decided).toContain('– ▼ fell : auc 0.7, in the reference 0.8 (2000 labelled predictions) retrain the model');
    expect(decided).toContain('2 windows without drift, a fall of performance or warnings are not listed.');
    expect(textOf(pageOf([windowOf(0, [featureOf('temp')])]))).not.toMatch(/performance/i);
  });

  it('keeps arms apart, and shows their names as they are', () => {
    const evil = '"><script>&\u202e';
    const two = pageOf([of([performanceOf(0), fell(0, { arm: evil, reason: evil })], 0)]);
    expectAccessible(elementsOf(two));
    expect(elementsOf(two).some(({ name }) => name === 'script')).toBe(false);
    expect(textOf(two)).toContain('AUC of champion in windows of 1h');
    expect(two).toContain('AUC of &quot;&gt;&lt;script&gt;&amp;\\u{202e} in windows of 1h');
    expect(textOf(two)).toContain('performance of champion held (AUC 0.8, in the reference 0.8);');
  });

  it('says when nothing was published, and when no labels have come', () => {
    const nothing = pageOf([of([], 0)]);
    expectAccessible(elementsOf(nothing));
    expect(textOf(nothing)).toContain('Labels are configured, but nothing has been published yet');
    const none = pageOf([of([untold(0)], 0)]);
    expectAccessible(elementsOf(none));
    expect(textOf(none)).toContain('No labels have come yet for these windows.');
    expect(textOf(none)).not.toContain('How often scores were right');
    const unknown = pageOf([of([untold(0, { reference: null })], 0)]);
    expectAccessible(elementsOf(unknown));
    expect(textOf(unknown)).toContain('AUC is not known of any of these windows.');
  });

  it('shows many windows without a page that nobody would read', () => {
    const many = pageOf(Array.from({ length: 230 }, (_, hour) => of([performanceOf(hour)], hour)));
    expectAccessible(elementsOf(many));
    expect(textOf(many)).toContain('The newest 60 windows are drawn.');
    expect(textOf(many)).toContain('188 older windows');
    expect(textOf(many)).toContain('30 older windows left out.');
  });

  it('is the same of records that came through Avro', () => {
    const through = (record: PerformanceStatistics): PerformanceStatistics =>
      decodePerformanceStatistics(0, encodePerformanceStatistics(Buffer.alloc(0), record));
    const read = windows.map((window) => ({ ...window, performance: window.performance!.map(through) }));
    expect(pageOf(read)).toBe(page);
  });

  it('is of errors of numbers as well', () => {
    const rmse = (value: number): PerformanceStatistics['realised'] => ({ ...noMeasures(2_000), rmse: value, mae: value / 2, bias: 0.5 });
    const numbers = fell(0, {
      ...{ task: 'REGRESSION', metric: 'rmse', realised: rmse(15), estimated: null, reference: rmse(10), drop: 0.5, samplingError: 0.02 },
      byScore: byScore.map((bin) => ({ ...bin, labelled: null, positives: null, meanScore: null })),
    });
    const page1 = pageOf([of([numbers], 0)]);
    expectAccessible(elementsOf(page1));
    expect(textOf(page1)).toContain('15 – 10 50 % worse ± 6 % ▼ fell');
    expect(textOf(page1)).toContain('RMSE in windows of 1h');
    expect(textOf(page1)).not.toContain('How often scores were right');
  });
});

describe('conclusionOf', () => {
  const conclude = (windows: readonly ExportedWindow[]): string => conclusionOf(groupsOf(windows)[0]!);
  const CONCEPT = 'what the inputs mean may have changed (concept drift), which only labels show';

  it.each([
    [of([performanceOf(0)], 0), 'performance held (AUC 0.8, in the reference 0.8); what is recommended now: go on monitoring.'],
    [of([performanceOf(0)], 0, { inputs: true }), 'performance held (AUC 0.8, in the reference 0.8) although inputs drifted;'],
    [
      of([fell(0)], 0),
      `performance fell (AUC 0.7, in the reference 0.8) without drift of inputs or score: ${CONCEPT}; what is recommended now: retrain the model.`,
    ],
    [
      of([fell(0)], 0, { inputs: true }),
      `while inputs drifted but the score did not: ${CONCEPT}; what is recommended now: retrain the model.`,
    ],
    [of([fell(0)], 0, { inputs: true, score: true }), 'performance fell (AUC 0.7, in the reference 0.8) and inputs and score drifted;'],
    [of([fell(0)], 0, { score: true }), 'and the score drifted;'],
    [of([untold(0)], 0), 'performance cannot be judged yet: no labels have come;'],
    [of([untold(0, { labelled: 5 })], 0), 'performance cannot be judged yet;'],
    [of([estimatedOnly(0)], 0), 'performance is estimated to have held (AUC 0.79, in the reference 0.8);'],
    [
      of([estimatedOnly(0, { status: 'FELL', estimated: aucOf(0.7) })], 0, { inputs: true }),
      'performance is estimated to have fallen (AUC 0.7, in the reference 0.8) and inputs drifted; what is recommended now: go on monitoring.',
    ],
  ])('of window %#', (window, expected) => {
    expect(conclude([window])).toContain(expected);
  });

  it('does not let an estimate hide what labels said', () => {
    const windows = [of([performanceOf(0)], 0), of([fell(1)], 1), of([estimatedOnly(2)], 2)];
    expect(conclude(windows)).toContain(
      `${CONCEPT}; of the newest window it is estimated to have held; it fell in 1 of 3 windows that can be judged; what is recommended now: retrain the model.`,
    );
  });

  it('says that nothing is known of drift where it is not', () => {
    const window = of([fell(0)], 0);
    const scarce = { ...window, prediction: featureOf('score', { status: 'INSUFFICIENT_DATA', tvd: null }) };
    expect(conclude([scarce])).toContain('performance fell (AUC 0.7, in the reference 0.8); whether anything drifted cannot be told;');
  });
});

describe('reliabilityBins', () => {
  it('puts neighbours together, and keeps every label', () => {
    const fine = Array.from({ length: 64 }, (_, i) => ({
      from: i === 0 ? null : i / 64,
      ...{ predictions: 20, labelled: i % 3 === 0 ? 0 : 10, positives: i % 3 === 0 ? 0 : 4, meanScore: i % 3 === 0 ? null : i / 64 },
    }));
    const bins = reliabilityBins(fine);
    expect(bins.length).toBeGreaterThan(8);
    expect(bins.length).toBeLessThanOrEqual(12);
    expect(bins.reduce((sum, { labelled }) => sum + labelled, 0)).toBe(420);
    expect(bins[0]!.label).toMatch(/^below/);
    expect(bins.at(-1)!.label).toMatch(/ and more$/);
  });

  it('keeps the labels of the lower bins when the last has none', () => {
    const first = { from: null, predictions: 5, labelled: 5, positives: 1, meanScore: 0.2 };
    const empty = { from: 0.5, predictions: 0, labelled: 0, positives: 0, meanScore: null };
    expect(reliabilityBins([first, empty])).toEqual([{ label: 'below 0.5', labelled: 5, positives: 1, meanScore: 0.2 }]);
    expect(reliabilityBins([empty])).toEqual([]);
    expect(reliabilityBins([{ from: null, predictions: 5, labelled: null, positives: null, meanScore: null }])).toEqual([]);
  });
});

describe('text and axes of performance', () => {
  it('has round numbers on both sides of the values', () => {
    expect(ticksOf(0.66, 0.85)).toEqual([0.65, 0.7, 0.75, 0.8, 0.85]);
    expect(ticksOf(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    for (const value of [0.8, 0, -3, 1e-9]) {
      const ticks = ticksOf(value, value);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks[0]).toBeLessThanOrEqual(value);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(value);
    }
  });

  it('tells times and drops in words', () => {
    expect([1_000, 900_000, 7_200_000, 86_400_000, 172_800_000].map(delayText)).toEqual(['1 s', '15 min', '2 h', '24 h', '2 d']);
    expect(delayText(null)).toMatch(/^over /);
    expect(dropWithError(untold(0))).toBe('–');
    expect(dropWithError(fell(0, { drop: -0.02, samplingError: null }))).toBe('0.02 better');
    expect(dropWithError(fell(0, { metric: 'logLoss', drop: 0.123 }))).toBe('12 % worse ± 3 %');
    expect([measureName('accuracy'), measureName('auc'), measureName('constructor')]).toEqual(['accuracy', 'AUC', 'constructor']);
  });
});
