import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GROUP_MISS } from '../../../src/core/rows.ts';
import { countsReader, encodeDriftCounts } from '../../../src/drift/counts-record.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import { decideWindow } from '../../../src/drift/decision.ts';
import { measureFeature } from '../../../src/drift/feature-statistics.ts';
import { encodeProfileDelta, type PaneDelta, type ProfileDelta } from '../../../src/drift/profile-delta.ts';
import { checkProfileDelta, decodeProfileDelta } from '../../../src/drift/profile-delta-reader.ts';
import { countsOf, putCounts, type SavedCounts } from '../../../src/drift/window-counts.ts';
import { Window } from '../../../src/drift/window.ts';
import { dataOf, deltasOf, featureOf, HOUR_MS, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { type Datum, PREFIX, START_MS } from './support.ts';

const cells = cellLayoutOf(reference);
const PANE_MS = 60_000;
const bad: Partial<Datum> = { wrongTypes: [0, 3], dead: true };

const deltaOf = (data: Datum[]): ProfileDelta => {
  const [records] = deltasOf([data]);
  const { buffer, valueStart, valueLength } = records!;
  const delta = decodeProfileDelta(PREFIX, buffer, valueStart[0]!, valueLength[0]!);
  checkProfileDelta(delta, cells, () => true);
  return delta;
};
const marksOf = ({ features }: PaneDelta): number[] => features.map(({ typeMismatches }) => typeMismatches);
const SOURCE = { inputTopic: 'in', inputPartition: 0, fromOffset: 0, toOffset: 1 };
const windowOf = (panes: readonly PaneDelta[]): Window => {
  const window = new Window(cells, WINDOW_START_MS, WINDOW_START_MS + HOUR_MS);
  for (const pane of panes) window.add(pane, SOURCE);
  return window;
};

describe('values of a wrong type', () => {
  test('are counted in the pane of their event time, dead letters too, as a plain count says', () => {
    const datum = fc.record({
      wrongTypes: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
      dead: fc.boolean(),
      pane: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(datum, { minLength: 1, maxLength: 40 }), (data) => {
        const { panes, deadLetters, maxEventTime } = deltaOf(data.map((d) => ({ ...d, timeMs: START_MS + d.pane * PANE_MS })));
        expect(deadLetters).toBe(data.filter(({ dead }) => dead).length);
        const seen = data.filter(({ dead, wrongTypes }) => !dead || wrongTypes.length > 0);
        expect(maxEventTime).toBe(seen.length === 0 ? -1 : START_MS + Math.max(...seen.map(({ pane }) => pane)) * PANE_MS);
        expect(panes.map(({ start }) => start)).toEqual(
          [...new Set(seen.map(({ pane }) => pane))].sort((a, b) => a - b).map((pane) => START_MS + pane * PANE_MS),
        );
        for (const pane of panes) {
          const here = seen.filter((d) => START_MS + d.pane * PANE_MS === pane.start);
          expect([pane.events, pane.rejected]).toEqual([here.filter(({ dead }) => !dead).length, here.filter(({ dead }) => dead).length]);
          const counts = [0, 1, 2, 3].map((column) => here.filter(({ wrongTypes }) => wrongTypes.includes(column)).length);
          expect(marksOf(pane)).toEqual([...counts, 0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a batch without them has none of those of the one before, and unusable times are in no pane', () => {
    const [first, second] = deltasOf([[{ wrongTypes: [1] }], [{}]]);
    const read = (records: typeof first): ProfileDelta =>
      decodeProfileDelta(PREFIX, records!.buffer, records!.valueStart[0]!, records!.valueLength[0]!);
    expect([read(first), read(second)].map(({ panes }) => marksOf(panes[0]!))).toEqual([
      [0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
    expect(deltaOf([{ ...bad, timeMs: Number.NaN }])).toMatchObject({ deadLetters: 1, panes: [], maxEventTime: -1 });
  });

  test('a delta that says more than its rows is refused', () => {
    const delta = deltaOf([{ wrongTypes: [0] }]);
    const spoilt = (change: object): (() => void) => {
      const panes = delta.panes.map((pane) => ({ ...pane, features: pane.features.map((feature) => ({ ...feature, ...change })) }));
      const bytes = encodeProfileDelta(PREFIX, { ...delta, panes });
      return () => checkProfileDelta(decodeProfileDelta(PREFIX, bytes, 0, bytes.length), cells, () => true);
    };
    expect(spoilt({})).not.toThrow();
    expect(spoilt({ typeMismatches: 2 })).toThrow(/more wrong types/);
    expect(spoilt({ skewCompared: 2 })).toThrow(/more comparisons/);
    expect(spoilt({ skewMismatched: 1 })).toThrow(/more comparisons/);
  });

  test('raise the quality alarm, of a column whose records all became dead letters as well', () => {
    const data = dataOf(3000).map((d, i) => (i % 2 === 0 ? { ...d, ...bad } : { ...d, wrongTypes: [2], airport: GROUP_MISS }));
    const [statistics] = statisticsOf(merged(deltasOf([data])).merger.due('all'));
    expect(statistics).toMatchObject({ events: 1500, rejected: 1500 });
    for (const name of ['delay', 'wind', 'origin'])
      expect(featureOf(statistics!, name)).toMatchObject({ typeMismatchRate: 0.5, qualityAlarm: true, skewRate: null, skewCompared: 0 });
    expect(featureOf(statistics!, 'delay').reason).toMatch(/type mismatch rate 0.5 \(reference 0\)/);
    expect(featureOf(statistics!, 'day')).toMatchObject({ typeMismatchRate: 0, qualityAlarm: false });

    const nothing = dataOf(3000).map((d) => ({ ...d, ...bad }));
    const [empty] = statisticsOf(merged(deltasOf([nothing])).merger.due('all'));
    expect(empty).toMatchObject({ events: 0, rejected: 3000, partitionsSeen: 1, status: 'INSUFFICIENT_DATA' });
    expect(featureOf(empty!, 'delay')).toMatchObject({ n: 0, typeMismatchRate: 1, qualityAlarm: true, missingRate: 0 });
  });
});

describe('what windows keep of it', () => {
  const pane = deltaOf([...dataOf(50), { ...bad, timeMs: WINDOW_START_MS }, { wrongTypes: [1], timeMs: WINDOW_START_MS }]).panes[0]!;
  const skewed: PaneDelta = {
    ...pane,
    features: pane.features.map((feature, i) => ({ ...feature, skewCompared: i * 3, skewMismatched: i })),
  };

  test('adds up, and is there again after it was saved', () => {
    const window = windowOf([skewed, skewed, pane]);
    const again = windowOf([]);
    putCounts(again, JSON.parse(JSON.stringify(countsOf(window))) as SavedCounts, window.partitions);
    expect(again).toEqual(window);
    expect(countsOf(window)).toMatchObject({ rejected: 3, partitions: ['in/0'] });
    expect(window.copy()).toEqual(window);
  });

  test('is nothing in what an older weir has saved', () => {
    const { rejected: _, ...counts } = countsOf(windowOf([skewed]));
    const features = counts.features.map(({ typeMismatches: _t, skewCompared: _c, skewMismatched: _m, ...rest }) => rest);
    const window = windowOf([]);
    putCounts(window, { ...counts, features }, []);
    expect(countsOf(window).features).toEqual(features.map((f) => ({ ...f, typeMismatches: 0, skewCompared: 0, skewMismatched: 0 })));
    expect(window.rejected).toBe(0);
  });

  test('goes into the counts record', () => {
    const shown = { model: 'toy', modelVersion: '1', referenceId: 'r', window: '1h', revision: 0, final: true };
    const counts = { ...shown, windowStart: WINDOW_START_MS, windowEnd: WINDOW_START_MS + HOUR_MS, ...countsOf(windowOf([skewed])) };
    expect(countsReader.read(encodeDriftCounts(Buffer.alloc(0), counts))).toEqual(counts);
  });

  test('skew is a rate of what was compared, and raises the quality alarm', () => {
    const all = deltaOf(dataOf(2000)).panes;
    const options = { thresholds: { tvd: 0.1, psi: 0.2 }, alpha: 0.001, minSamples: 1000 };
    const decided = (share: number, mismatched: number): { skewRate: number | null; qualityAlarm: boolean; reason: string } => {
      const window = windowOf(all);
      window.marks[9] = window.events * share;
      window.marks[10] = window.events * share * mismatched;
      const measures = cells.features.map((_, index) => measureFeature(window, index, options.minSamples));
      return decideWindow(window, measures, options).features[0]!;
    };
    expect(decided(1, 0.25)).toMatchObject({ skewRate: 0.25, qualityAlarm: true, reason: 'skew rate 0.25 (reference 0)' });
    expect(decided(1, 0.005)).toMatchObject({ skewRate: 0.005, qualityAlarm: false });
    // Few were compared.
    expect(decided(0.1, 0.5)).toMatchObject({ skewRate: 0.5, qualityAlarm: false });
    expect(decided(0, 0)).toMatchObject({ skewRate: null, qualityAlarm: false });
  });
});
