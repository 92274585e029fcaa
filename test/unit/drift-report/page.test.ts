import { describe, expect, it } from 'vitest';
import { reportOf } from '../../../src/app/drift-report.ts';
import { reportPage } from '../../../src/drift-report/page.ts';
import type { ExportedWindow } from '../../../src/drift/exported-window.ts';
import { expectAccessible } from './accessible.ts';
import { elementsOf, featureOf, numberCells, windowOf, wordCells } from './windows.ts';

const pageOf = (windows: readonly ExportedWindow[]): string => reportPage({ windows, topic: 'drift.statistics', madeAtMs: 0 });

/** What a person reads, without tags. */
const textOf = (page: string): string =>
  page
    .replace(/<style>[^<]*<\/style>/, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');

const drifted = featureOf('temp', {
  ...{ status: 'DRIFT', tvd: 0.25, reason: 'tvd 0.25 >= 0.1; p 0 < 0.001', mean: 7.25, aboveDomainRate: 0.05, highest: 99.5 },
  cells: numberCells([0, 0, 10, 10, 10, 10, 20, 20]),
});
const warned = featureOf('wind', {
  status: 'WARN',
  tvd: 0.02,
  reason: 'missing rate 0.3 (reference 0.01)',
  missingRate: 0.3,
  qualityAlarm: true,
});
const scarce = featureOf('gust', { status: 'INSUFFICIENT_DATA', tvd: null, n: 3, reason: '3 values, 500 needed for 4 bins' });

describe('reportPage', () => {
  const windows = [
    windowOf(0, [featureOf('temp'), featureOf('wind'), scarce, featureOf('day')]),
    windowOf(1, [drifted, warned, scarce, featureOf('day')]),
    windowOf(2, [{ ...drifted, tvd: 0.2 }, featureOf('wind'), scarce, featureOf('day')], {
      ...{ recommendation: 'retrain_model', coverage: 0.5, gaps: 2, gapOffsets: 1200 },
    }),
  ];
  const page = pageOf(windows);
  const elements = elementsOf(page);
  const text = textOf(page);

  it('says first what an operator should know', () => {
    expect(text).toContain('Drift of delay 2');
    expect(text).toContain(
      '2 of 3 windows with enough rows are in drift: temp; what is recommended now: retrain the model; 1,200 input offsets were never counted.',
    );
    expect(text).toContain('Reference abcdef012345 Range 1970-01-01 00:00 to 1970-01-01 03:00 Windows 3 of 1h');
  });

  it('has a table of features by windows, with the status in words', () => {
    expect(text).toMatch(/temp 1\.2 % ▲ 25 % , in drift ▲ 20 % , in drift/);
    expect(text).toMatch(/wind 1\.2 % ! 2\.0 % , warning 1\.2 %/);
    expect(text).toMatch(/gust \? – , too few rows/);
    expect(page).toContain('title="temp, 1970-01-01 01:00 to 1970-01-01 02:00: in drift; tvd 0.25 &gt;= 0.1; p 0 &lt; 0.001"');
  });

  it('compares what was noticed with the reference, in its worst and its newest window, and names the rest', () => {
    const titles = [...page.matchAll(/<title id[^>]*>([^<]*)/g)].map(([, title]) => title);
    expect(titles).toEqual([
      'temp: reference and worst window, 1970-01-01 01:00 to 1970-01-01 02:00',
      'temp: reference and newest window, 1970-01-01 02:00 to 1970-01-01 03:00',
      'wind: reference and worst window, 1970-01-01 01:00 to 1970-01-01 02:00',
      'wind: reference and newest window, 1970-01-01 02:00 to 1970-01-01 03:00',
      'score of the model: reference and worst and newest window, 1970-01-01 02:00 to 1970-01-01 03:00',
    ]);
    expect(text).toContain('In drift in 2 of 3 windows.');
    expect(text).toContain('Mean 2 7.25 7.25');
    expect(text).toContain('Missing 0 % 30 % 0 %');
    expect(text).toContain('Furthest outside up to 99.5');
    expect(text).toContain('Neither in drift nor with a warning in any window: day and gust (never enough rows to tell).');
    expect(text).not.toContain('Replaced by weir');
  });

  it('tells what was decided and why, newest first, and what was not counted', () => {
    const decided = text.slice(text.indexOf('What was decided'));
    expect(decided).toContain('temp : tvd 0.25 &gt;= 0.1; p 0 &lt; 0.001 wind : missing rate 0.3 (reference 0.01)');
    expect(decided.indexOf('02:00 to')).toBeLessThan(decided.indexOf('01:00 to'));
    expect(decided).toContain('retrain the model 50 % of the partitions had come past its end; 2 gaps in the input so far, 1,200 offsets');
    expect(decided).toContain('1 window without drift or warnings is not listed.');
    expect(textOf(pageOf(windows.slice(0, 2)))).not.toContain('Not counted');
  });

  it('is one file that loads nothing and runs nothing', () => {
    expect(elements.filter(({ name }) => ['script', 'link', 'img', 'iframe', 'object', 'form'].includes(name))).toEqual([]);
    const urls = elements.flatMap(({ attributes }) => [attributes['href'], attributes['src'], attributes['xlink:href']]);
    expect(urls.filter((url) => url !== undefined && !url.startsWith('#'))).toEqual([]);
    expect(elements.flatMap(({ attributes }) => Object.keys(attributes)).filter((key) => key.startsWith('on') || key === 'style')).toEqual(
      [],
    );
    expect(page).not.toMatch(/url\(|@import|@font-face|https?:/);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it('can be read by a screen reader', () => {
    expectAccessible(elements);
  });

  it('shows names as they are, whatever they hold', () => {
    const hostile = `"><script>alert(1)</script>&amp;'\u202e\u0000\n\ud800`;
    const bad = featureOf(hostile, { status: 'DRIFT', tvd: 0.5, reason: hostile, cells: wordCells([hostile, 'b'], [1, 2, 3]) });
    const of = [windowOf(0, [bad]), windowOf(1, [{ ...bad, tvd: 0.3 }])].map((window) => ({
      ...window,
      ...{ model: hostile, modelVersion: hostile, referenceId: hostile },
    }));
    for (const windowsOf of [of, [...of, ...windows]]) {
      const evil = reportPage({ windows: windowsOf, topic: hostile, madeAtMs: 0 });
      const names = new Set(elementsOf(evil).map(({ name }) => name));
      expect(names).not.toContain('script');
      expect(evil).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&#39;\\u{202e}\\u{0}\\u{a}\ufffd');
    }
  });

  it('is a page also without windows, without counts, and when nothing can be told', () => {
    const empty = pageOf([]);
    elementsOf(empty);
    expect(textOf(empty)).toContain('No windows in drift.statistics that fit.');

    const unknown = { status: 'INSUFFICIENT_DATA', tvd: null, n: 0, mean: null, reason: '0 values, 500 needed for 4 bins' } as const;
    const nothing = pageOf([windowOf(0, [featureOf('a', unknown)], { prediction: featureOf('score', unknown), events: 0 })]);
    elementsOf(nothing);
    expect(textOf(nothing)).toContain('The only window has too few rows to be judged; what is recommended now: go on monitoring.');
    expect(textOf(nothing)).toContain('No values in this window.');
    expect(textOf(nothing)).toContain('score : 0 values, 500 needed for 4 bins');

    const lost = pageOf([windowOf(0, [{ ...drifted, cells: null }])]);
    elementsOf(lost);
    expect(textOf(lost)).toContain('The counts of this window, or its reference, are not kept any more.');
  });

  it('keeps versions and sizes apart, and leaves out what nobody would read', () => {
    const many = Array.from({ length: 70 }, (_, hour) => windowOf(hour, [hour === 3 ? drifted : featureOf('temp')]));
    const two = pageOf([...many, windowOf(0, [featureOf('temp')], { modelVersion: '3', window: '1d', final: false })]);
    elementsOf(two);
    expect(textOf(two)).toContain('Drift report delay 2, windows of 1h : 1 of 70 windows with enough rows is in drift: temp;');
    expect(textOf(two)).toContain(
      'delay 3, windows of 1d : No drift in 1 window with enough rows; what is recommended now: go on monitoring.',
    );
    expect(textOf(two)).toContain('The newest 60 windows are shown; 10 older windows are left out.');
    expect(textOf(two)).toContain('1 of 1d, 1 still open');

    const wide = pageOf([
      windowOf(
        0,
        Array.from({ length: 150 }, (_, i) => featureOf(`f${i}`, { status: 'WARN', reason: 'psi' })),
      ),
    ]);
    elementsOf(wide);
    expect(textOf(wide)).toContain('The 100 features that moved most are shown; 51 are left out.');
    expect(textOf(wide)).toContain('110 more features with drift or warnings are in the heat map only.');
    expect(textOf(wide)).toContain('but warnings for f0, f1, f2, f3, f4 and 145 more');
    expect(textOf(wide)).toContain('score of the model At worst: no drift.');
  });
});

describe('reportOf', () => {
  it('is of final windows unless others are asked for, and says what the page says', () => {
    const found = {
      topic: 't',
      windows: [windowOf(0, [drifted]), windowOf(1, [drifted], { final: false })],
      unreadable: 1,
      withoutCounts: 2,
      performance: undefined,
    };
    expect(reportOf(found, { isWithOpen: false, madeAtMs: 0 })).toMatchObject({
      ...{ topic: 't', windows: 1, unreadable: 1, withoutCounts: 2 },
      conclusions: ['delay 2, 1h: 1 of 1 window with enough rows is in drift: temp; what is recommended now: go on monitoring.'],
    });
    expect(reportOf(found, { isWithOpen: true, madeAtMs: 0 }).windows).toBe(2);
  });
});
