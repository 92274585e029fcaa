import { describe, expect, test } from 'vitest';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import type { DriftStatistics } from '../../../src/drift/index.ts';
import { RowWindows } from '../../../src/drift/row-windows.ts';
import { dataOf, deltasOf, feed, HOUR_MS, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { type Datum, mergerOf } from './support.ts';

const MINUTE_MS = 60_000;
const windows = [windowSizeFrom('1000 rows')!];

/** Data of some hours in order of time: so many rows in the first hour, so many in the next. */
const inOrder = (...counts: number[]): Datum[] => counts.flatMap((count, window) => dataOf(count, { window, seed: window + 1 }));

const inChunks = <T>(values: T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

const placesOf = (finals: readonly DriftStatistics[]) =>
  finals.map(({ windowStart, windowEnd, events }) => [
    (windowStart - WINDOW_START_MS) / MINUTE_MS,
    (windowEnd - WINDOW_START_MS) / MINUTE_MS,
    events,
  ]);

describe('windows by a number of rows', () => {
  test('end with the pane in which the number is reached, and begin where the last one ended', () => {
    // 50 rows a minute, then 7, then 100.
    const data = inOrder(3_000, 420, 6_000);
    const { finals } = merged(deltasOf(inChunks(data, 100), { endOffset: 1e6, isAtomic: true }), { windows });
    expect(placesOf(finals).slice(0, 4)).toEqual([
      [0, 20, 1_000],
      [20, 40, 1_000],
      [40, 60, 1_000],
      [60, 126, 1_020],
    ]);
    expect(finals.every(({ events, window, final }) => events >= 1_000 && window === '1000 rows' && final)).toBe(true);
    for (const [i, { windowStart }] of finals.slice(1).entries()) expect(windowStart).toBe(finals[i]!.windowEnd);
    // False alarms come as seldom in time as with windows of the lengths that these have.
    const [short, , , long] = finals;
    expect(long!.alpha / short!.alpha).toBeCloseTo(66 / 20, 1);
  });

  test('are the same however rows are split over deltas', () => {
    const data = inOrder(2_000, 2_500, 1_500);
    const [whole, ...others] = [100, 333, 500].map(
      (size) => merged(deltasOf(inChunks(data, size), { endOffset: 1e6, isAtomic: true }), { windows }).finals,
    );
    expect(whole!.length).toBe(5);
    const facts = (finals: readonly DriftStatistics[]): unknown => finals.map(({ coverage: _, ...rest }) => rest);
    for (const other of others) expect(facts(other.slice(0, 5))).toEqual(facts(whole!));
  });

  test('show the one that has not got its rows as open, of complete panes only', () => {
    const { merger, finals } = merged(deltasOf([inOrder(900)], { endOffset: 1e6, isAtomic: true }), { windows });
    expect(finals).toEqual([]);
    // The last three minutes may still get rows: 30 s out of order, and two minutes of lateness.
    const [open] = statisticsOf(merger.due('all'));
    expect(placesOf([open!])).toEqual([[0, 57, 57 * 15]]);
    expect(open!.final).toBe(false);
    expect(merger.snapshot().windows.map(({ windowEnd }) => windowEnd)).toEqual([open!.windowEnd]);
  });

  test('do not count dead letters towards the number, but say how many had a value of a wrong type', () => {
    const data = inOrder(4_000).map((d, i) => (i % 4 === 0 ? { ...d, wrongTypes: [0], dead: true } : d));
    const { finals } = merged(deltasOf(inChunks(data, 250), { endOffset: 1e6, isAtomic: true }), { windows });
    expect(placesOf(finals)[0]).toEqual([0, 20, 1_000]);
    expect(finals[0]).toMatchObject({ rejected: 334, windowEnd: finals[1]!.windowStart });
    expect(finals[0]!.features[0]).toMatchObject({ name: 'delay', qualityAlarm: true });
    expect(finals[0]!.features[0]!.typeMismatchRate).toBe(334 / 1_334);
  });

  test('take late rows where their time lies, between two panes as well, and are published again', () => {
    const quiet = inOrder(3_000).filter(({ timeMs }) => (timeMs! - WINDOW_START_MS) % (10 * MINUTE_MS) >= MINUTE_MS);
    const lateAt = (minute: number): Datum[] =>
      dataOf(7, { seed: 9 }).map((datum) => ({ ...datum, timeMs: WINDOW_START_MS + minute * MINUTE_MS }));
    const [first, late, early] = deltasOf([quiet, lateAt(10), lateAt(-5)], { endOffset: 1e6, isAtomic: true });
    const { merger } = mergerOf(reference, { windows });
    const finals = feed(merger, [first!], 1_000);
    expect(placesOf(finals)).toEqual([
      [1, 23, 1_000],
      [23, 45, 1_000],
    ]);
    const [again, ...rest] = feed(merger, [late!], 60_000);
    expect(placesOf([again!])).toEqual([[1, 23, 1_007]]);
    expect([again!.revision, rest]).toEqual([1, []]);
    // Before the first there is no window.
    feed(merger, [early!], 120_000);
    expect(merger.counts()).toMatchObject({ lateDropped: 7, events: 2_707 });
  });

  test('leave out rows of windows that were let go, and begin after a silence where they were', () => {
    const one = { ...dataOf(1)[0]!, timeMs: WINDOW_START_MS + 59 * MINUTE_MS };
    const chunks = [inOrder(3_000), [one], dataOf(5, { seed: 4 }), dataOf(1_500, { window: 30, seed: 3 })];
    const [first, second, late, next] = deltasOf(chunks, { endOffset: 1e6, isAtomic: true });
    const { merger } = mergerOf(reference, { windows, reviseMs: 0 });
    feed(merger, [first!, second!, late!], 1_000);
    expect(merger.counts().lateDropped).toBe(4);
    const finals = feed(merger, [next!], 1_000);
    expect(placesOf(finals)).toEqual([
      [40, 60, 1_002],
      [60, 1_840, 1_000],
    ]);
  });

  test('take the oldest pane for complete when more than 512 wait', () => {
    const size = windowSizeFrom('10 rows')!;
    const cells = cellLayoutOf(reference);
    const rest = { cells, size, rows: 10, paneMs: MINUTE_MS, thresholds: { tvd: 0.1, psi: 0.2 }, minSamples: 10, overDispersion: 1 };
    const book = new RowWindows({ ...rest, alphaOver: () => 0.01, pending: () => [] });
    for (let i = 600; i > 0; i--) book.at(i * MINUTE_MS + 7)!.window.events = 4;
    expect(book.all().length).toBe(600);
    expect(book.advance(Number.NEGATIVE_INFINITY)).toEqual(Array.from({ length: 88 }, (_, i) => (i + 1) * MINUTE_MS));
    expect(book.inOrder().length).toBe(30);
    expect(
      book
        .inOrder()
        .map(({ isGrowing }) => isGrowing)
        .lastIndexOf(false),
    ).toBe(28);
    expect(book.at(5 * MINUTE_MS)!.window.events).toBe(12);
    expect(book.at(0)).toBeUndefined();
  });

  test('wait for what their panes waited for', () => {
    const cells = cellLayoutOf(reference);
    const rest = {
      cells,
      size: windows[0]!,
      rows: 10,
      paneMs: MINUTE_MS,
      thresholds: { tvd: 0.1, psi: 0.2 },
      minSamples: 10,
      overDispersion: 1,
    };
    const book = new RowWindows({ ...rest, alphaOver: () => 0.01, pending: () => [] });
    const hold = { untilMs: 1, inputTopic: 'in', inputPartition: 0, position: 9 };
    book.at(0)!.holds.push(hold);
    book.at(MINUTE_MS);
    book.advance(2 * MINUTE_MS);
    expect(book.inOrder()).toMatchObject([{ holds: [hold], isGrowing: true, isChanged: true }]);
  });

  test('know which was before which when that was let go', () => {
    const deltas = deltasOf(inChunks(inOrder(4_000, 4_000, 4_000), 250), { endOffset: 1e6, isAtomic: true });
    for (const previous of [{ windows: 1 }, { windows: 3 }]) {
      const kept = merged(deltas, { windows, previous }).finals;
      expect(merged(deltas, { windows, previous, reviseMs: 0 }).finals).toEqual(kept);
      const nReference = kept.map(({ prediction }) => prediction.againstPrevious!.nReference);
      expect(nReference).toEqual(kept.map((_, i) => kept[i - previous.windows]?.events ?? 0));
    }
  });

  test('are compared with the one before, whatever its length', () => {
    const data = [dataOf(2_000, { seed: 1 }), dataOf(4_000, { window: 1, seed: 2, shift: 25 })].flat();
    const { finals } = merged(deltasOf(inChunks(data, 250), { endOffset: 1e6, isAtomic: true }), {
      windows,
      previous: { agoMs: 24 * HOUR_MS },
    });
    const against = finals.map(({ features }) => features[0]!.againstPrevious!);
    expect(against.slice(0, 4).map(({ status }) => status)).toEqual(['INSUFFICIENT_DATA', 'OK', 'DRIFT', 'OK']);
    expect(against[0]!.reason).toBe('no counts: there is no window before');
  });
});
