import { describe, expect, it } from 'vitest';
import { paneGridOf, compareSizes, isSumOfPanes, windowSizeFrom } from '../../../src/core/window-size.ts';

const DAY_MS = 86_400_000;

describe('sizes of windows', () => {
  it.each([
    ['5m', '5m', 300_000],
    ['60m', '1h', 3_600_000],
    ['24h', '1d', DAY_MS],
    ['28d', '28d', 28 * DAY_MS],
    ['1500', '1500ms', 1_500],
    ['month', 'month', 31 * DAY_MS],
    ['50000rows', '50000 rows', Number.POSITIVE_INFINITY],
    ['050000 rows', '50000 rows', Number.POSITIVE_INFINITY],
  ])('%s is %s', (text, name, longestMs) => {
    expect(windowSizeFrom(text)).toMatchObject({ name, longestMs });
  });

  it('are nothing else', () => {
    for (const text of ['', 'year', '0', '-1h', '1w', 'months', '0rows', 'rows', '1.5rows', '9999999999 rows', '5  rows'])
      expect(windowSizeFrom(text), text).toBeUndefined();
  });

  it('follow one another without a gap, months by the calendar', () => {
    const month = windowSizeFrom('month')!;
    const starts = [2011, 2012, 2013].flatMap((year) => Array.from({ length: 12 }, (_, m) => Date.UTC(year, m)));
    for (const [i, start] of starts.entries()) {
      const end = starts[i + 1] ?? Date.UTC(2014, 0);
      expect([month.startOf(start), month.startOf(end - 1), month.endOf(start), month.before(end)]).toEqual([start, start, end, start]);
    }
    const hour = windowSizeFrom('1h')!;
    expect([hour.startOf(-1), hour.startOf(0), hour.endOf(0), hour.before(0)]).toEqual([-3_600_000, 0, 3_600_000, -3_600_000]);
  });

  it('are sums of panes that divide them, a month of panes that divide a day', () => {
    const [hour, month] = [windowSizeFrom('1h')!, windowSizeFrom('month')!];
    expect([isSumOfPanes(hour, 60_000), isSumOfPanes(hour, 7 * 60_000)]).toEqual([true, false]);
    expect([isSumOfPanes(month, DAY_MS), isSumOfPanes(month, 31 * DAY_MS)]).toEqual([true, false]);
  });

  it('by a number of rows are sums of any panes, and come after all others', () => {
    expect(isSumOfPanes(windowSizeFrom('7 rows')!, 12_345)).toBe(true);
    const sizes = ['20 rows', 'month', '3 rows', '1h'].map((name) => windowSizeFrom(name)!);
    expect(sizes.toSorted(compareSizes).map(({ name }) => name)).toEqual(['1h', 'month', '3 rows', '20 rows']);
  });
});

describe('panes', () => {
  const grid = (paneMs: number, ...sizes: string[]): number[] => {
    const { startOf, endOf } = paneGridOf(
      sizes.map((size) => windowSizeFrom(size)!),
      paneMs,
    );
    const start = startOf(Date.UTC(2024, 1, 10, 13, 37, 11));
    return [start, endOf(start) - start];
  };
  const HOUR_MS = 3_600_000;

  it.each<[string, number[], number[]]>([
    ['the only size', grid(60_000, 'month'), [Date.UTC(2024, 1), 29 * 24 * HOUR_MS]],
    ['the shortest of sizes that it divides', grid(60_000, '24h', '1h', 'month'), [Date.UTC(2024, 1, 10, 13), HOUR_MS]],
    ['pieces where sizes do not divide each other', grid(60_000, '28d', 'month'), [Date.UTC(2024, 1, 10, 13, 37), 60_000]],
    ['pieces where sizes have no common start', grid(HOUR_MS, '7h', '24h'), [Date.UTC(2024, 1, 10, 13), HOUR_MS]],
    ['pieces for a number of rows', grid(60_000, '1h', '500 rows'), [Date.UTC(2024, 1, 10, 13, 37), 60_000]],
    ['pieces without any size', grid(60_000), [Date.UTC(2024, 1, 10, 13, 37), 60_000]],
  ])('are %s', (_, found, expected) => expect(found).toEqual(expected));
});
