import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Merger } from '../../../src/drift/merger.ts';
import { dataOf, deltasOf, HOUR_MS, keysOf, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { batchOf, batchOfRecords, type Datum, mergerOf, referenceOf } from './support.ts';

describe('publication', () => {
  test('interim at intervals, final by the watermark, a revision for what comes late', () => {
    const chunks = [dataOf(1500), dataOf(1500, { seed: 2 }), dataOf(10, { window: 1 }), dataOf(10, { window: 2 })];
    const outputs = deltasOf(chunks, { endOffset: 1e6 });
    const { merger, clock } = mergerOf(reference);
    merger.apply(batchOf([outputs[0]!]));
    const first = merger.due()!;
    expect(keysOf(first)).toEqual([`toy|1|${HOUR_MS}|${WINDOW_START_MS}`]);
    expect(statisticsOf(first)[0]).toMatchObject({ revision: 0, final: false, events: 1500 });
    expect(merger.due()).toBeUndefined();
    clock.advance(5000);
    merger.apply(batchOf([outputs[1]!]));
    expect(merger.due()).toBeUndefined();
    clock.advance(5000);
    merger.apply(batchOf([outputs[2]!]));
    const second = statisticsOf(merger.due());
    expect(second.map(({ revision, final, events }) => [revision, final, events])).toEqual([
      [1, true, 3000],
      [0, false, 10],
    ]);
    const late = deltasOf([dataOf(5, { seed: 3 })], { partition: 0, firstOffset: 3020 });
    merger.apply(batchOf(late));
    expect(statisticsOf(merger.due(true)).map(({ revision, final, events }) => [revision, final, events])).toEqual([[2, true, 3005]]);
    expect(merger.due(true)).toBeUndefined();
  });

  test('measuring beforehand, in slices, changes nothing but when the time is spent', () => {
    const outputs = deltasOf([dataOf(1500), dataOf(1500, { seed: 2, window: 1 })], { endOffset: 1e6 });
    const whole = merged(outputs).merger;
    const sliced = merged(outputs).merger;
    let slices = 1;
    while (!sliced.measure(0, true)) slices++;
    expect(slices).toBe(2 * (reference.features.length + 1) + 1);
    expect(sliced.measure(0, true)).toBe(true);
    expect(statisticsOf(sliced.due(true))).toEqual(statisticsOf(whole.due(true)));
    // What comes afterwards is measured again.
    sliced.apply(batchOf(deltasOf([dataOf(5, { seed: 3 })], { partition: 0, firstOffset: 3020 })));
    // But not before it is to be published.
    expect(sliced.measure(0)).toBe(true);
    expect(sliced.measure(0, true)).toBe(false);
    expect(statisticsOf(sliced.due(true))[0]).toMatchObject({ events: 1505 });
  });

  test('changed windows are published when deltas stop coming', () => {
    const { merger, clock } = mergerOf(reference, { interimMs: 60_000 });
    const [a, b] = deltasOf([dataOf(10), dataOf(10)]);
    merger.apply(batchOf([a!]));
    merger.due();
    merger.apply(batchOf([b!]));
    clock.advance(1999);
    expect(merger.due()).toBeUndefined();
    clock.advance(1);
    expect(statisticsOf(merger.due())[0]).toMatchObject({ events: 20, revision: 1 });
  });

  test('the slowest partition holds windows open until it is idle', () => {
    const { merger, clock } = mergerOf(reference, { partitions: 3 });
    merger.apply(batchOf(deltasOf([dataOf(1500), dataOf(10, { window: 3 })], { partition: 0 })));
    const finals = (): boolean[] => merger.snapshot().windows.map(({ final }) => final);
    merger.due(true);
    expect(merger.snapshot().watermarkMs).toBeUndefined();
    merger.apply(batchOf(deltasOf([dataOf(10)], { partition: 1 })));
    merger.apply(batchOf(deltasOf([dataOf(10, { window: 2 })], { partition: 2 })));
    merger.due(true);
    expect(merger.snapshot().watermarkMs).toBe(WINDOW_START_MS + 0.9 * HOUR_MS - 30_000);
    expect(finals()).toEqual([false, false, false]);
    clock.advance(30_000);
    merger.apply(batchOf(deltasOf([dataOf(10, { window: 3 })], { partition: 0, firstOffset: 1510 })));
    clock.advance(30_000);
    // Partitions 1 and 2 were read to their end a minute ago: only partition 0 counts.
    merger.due(true);
    expect(finals()).toEqual([true, true, false]);
    expect(statisticsOf(merger.due(true))).toEqual([]);
    expect(merger.snapshot()).toMatchObject({ partitionsSeen: 3, counts: { events: 1540, deltas: 5 } });
  });

  test('a silent partition that was not at its end holds the watermark ten times as long', () => {
    const { merger, clock } = mergerOf(reference);
    merger.apply(batchOf(deltasOf([dataOf(10)], { partition: 1, endOffset: 1e6 })));
    const beat = (seconds: number, firstOffset: number): void => {
      clock.advance(seconds * 1000);
      merger.apply(batchOf(deltasOf([dataOf(10, { window: 3 })], { partition: 0, firstOffset })));
    };
    beat(300, 0);
    expect(merger.snapshot().watermarkMs).toBeLessThan(WINDOW_START_MS + HOUR_MS);
    beat(300, 10);
    expect(merger.snapshot().watermarkMs).toBeGreaterThan(WINDOW_START_MS + 3 * HOUR_MS);
  });

  test('beyond 128 windows the oldest is let go, published first, and what comes for it is counted', () => {
    const { merger } = mergerOf(reference);
    merger.apply(
      batchOf(
        deltasOf(
          Array.from({ length: 129 }, (_, window) => dataOf(window + 1, { window })),
          { endOffset: 1e6 },
        ),
      ),
    );
    const published = statisticsOf(merger.due(true));
    expect(published).toHaveLength(129);
    expect(published[0]).toMatchObject({ windowStart: WINDOW_START_MS, events: 1, final: true });
    expect(merger.snapshot().windows).toHaveLength(128);
    merger.apply(batchOf(deltasOf([dataOf(7)], { firstOffset: 100_000 })));
    expect(merger.snapshot().counts).toMatchObject({ lateDropped: 7, events: (129 * 130) / 2 });
    expect(merger.due(true)).toBeUndefined();
  });

  test('windows begin at the origin', () => {
    const originMs = 30 * 60_000;
    const [statistics] = statisticsOf(merged(deltasOf([[{ timeMs: WINDOW_START_MS + 40 * 60_000 }]]), { originMs }).merger.due(true));
    expect(statistics!.windowStart).toBe(WINDOW_START_MS + originMs);
    expect(() => mergerOf(reference, { originMs: 1 })).toThrow(/must divide/);
    expect(() => mergerOf(reference, { paneMs: 7 * 60_000 })).toThrow(/must divide/);
  });
});

describe('what it reads', () => {
  test('bad, foreign and outdated records are counted and change nothing', () => {
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => void warnings.push(message) };
    const { merger } = mergerOf(reference, { logger });
    const key = Buffer.from('toy|1');
    merger.apply(
      batchOfRecords([
        { key, value: Buffer.from('nonsense') },
        { key, value: null },
        { key: null, value: Buffer.from('x') },
        { key: Buffer.from('toy|2'), value: Buffer.from('x') },
      ]),
    );
    const stale = deltasOf([dataOf(5), dataOf(5)], { reference: referenceOf(500, 8) });
    merger.apply(batchOf(stale));
    expect(merger.snapshot().counts).toMatchObject({ malformed: 2, otherModel: 2, otherReference: 2, deltas: 0, events: 0 });
    expect(merger.snapshot().latest).toBeUndefined();
    expect(merger.due(true)).toBeUndefined();
    expect(warnings.filter((w) => w.includes('another reference'))).toHaveLength(1);
    expect(warnings.filter((w) => w.includes('cannot be read'))).toHaveLength(2);
  });

  test('what a worker had not committed counts with its successor, and what nobody has counted is told', () => {
    const outputs = [
      ...deltasOf([dataOf(10), dataOf(10)], { firstOffset: 0 }),
      ...deltasOf([dataOf(7)], { firstOffset: 10, workerId: 'w2', generation: 2 }),
      ...deltasOf([dataOf(10)], { firstOffset: 20, workerId: 'w3', generation: 3 }),
      ...deltasOf([dataOf(10), dataOf(3)], { firstOffset: 7, partition: 1 }),
    ];
    const { merger } = merged(outputs, { partitions: 2 });
    expect(merger.snapshot().counts).toMatchObject({ events: 40, retracted: 1, gaps: 1, gapOffsets: 3, deltas: 5 });
    expect(statisticsOf(merger.due(true))[0]).toMatchObject({
      events: 40,
      duplicatesDropped: 1,
      gaps: 1,
      gapOffsets: 3,
      partitionsSeen: 2,
      coverage: 0,
    });
  });

  test('a window whose records are to be counted again is not shown with too little', () => {
    const { merger, clock } = mergerOf(reference, { partitions: 1 });
    const [first, second] = deltasOf([dataOf(2000), dataOf(10, { window: 2 })], { endOffset: 1e6 });
    merger.apply(batchOf([first!, second!]));
    expect(statisticsOf(merger.due())[0]).toMatchObject({ revision: 0, final: true, events: 2000, coverage: 1 });
    const again = deltasOf([dataOf(2000).slice(0, 20), dataOf(2000).slice(20), dataOf(10, { window: 2 })], {
      workerId: 'w2',
      generation: 2,
      endOffset: 1e6,
    });
    merger.apply(batchOf([again[0]!]));
    clock.advance(60_000);
    expect(merger.due(true)).toBeUndefined();
    expect(merger.counts()).toMatchObject({ events: 20, retracted: 2 });
    merger.apply(batchOf(again.slice(1)));
    expect(statisticsOf(merger.due(true))[0]).toMatchObject({ revision: 1, events: 2000, coverage: 1, duplicatesDropped: 2 });
    expect(merger.counts()).toMatchObject({ events: 2010, lateDropped: 0 });
  });

  test('what was late and is taken back is late no more', () => {
    const { merger } = mergerOf(reference);
    const late = Array.from({ length: 130 }, (_, window) => dataOf(1, { window: window + 1 }));
    merger.apply(batchOf(deltasOf([...late, dataOf(100)], { endOffset: 1e6 })));
    expect(merger.counts()).toMatchObject({ lateDropped: 100, events: 130 });
    merger.apply(batchOf(deltasOf([late[0]!], { workerId: 'w2', generation: 2 })));
    expect(merger.counts().lateDropped).toBeGreaterThanOrEqual(0);
  });

  test('a lost profiles partition takes its state with it; another one does not', () => {
    const outputs = deltasOf([dataOf(50)]);
    const { merger } = merged(outputs);
    merger.revoke([{ topic: 'profiles', partition: 4 }]);
    expect(merger.snapshot().counts.events).toBe(50);
    merger.revoke([{ topic: 'profiles', partition: 0 }]);
    expect(merger.snapshot()).toMatchObject({ counts: { events: 0 }, windows: [], watermarkMs: undefined });
    merger.apply(batchOf(outputs));
    expect(merger.snapshot().counts.events).toBe(50);
  });
});

describe('merged equals single pass, bit for bit', () => {
  const content = (merger: Merger): unknown =>
    merger.snapshot().windows.map(({ publishedAt: _p, revision: _r, coverage: _c, partitionsSeen: _s, ...rest }) => rest);

  test('however rows are split over partitions, workers and flushes, and however deltas of partitions are mixed', () => {
    const datum: fc.Arbitrary<Datum> = fc
      .record(
        {
          delay: fc.float(),
          day: fc.integer({ min: 0, max: 9 }),
          wind: fc.oneof(fc.constant(0), fc.float({ min: -40, max: 40, noNaN: true })),
          origin: fc.constantFrom('EWR', 'JFK', 'SFO', '', 'Zürich ✈'),
          score: fc.double({ min: 0, max: 1, noNaN: true }),
          airport: fc.nat(3),
          dead: fc.boolean(),
        },
        { requiredKeys: ['score', 'airport'] },
      )
      .chain((d) => fc.nat(3 * HOUR_MS - 1).map((t) => ({ ...d, timeMs: WINDOW_START_MS + t })));
    const rowsWithPlace = fc.array(fc.tuple(datum, fc.nat(2), fc.nat(3)), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(rowsWithPlace, fc.infiniteStream(fc.nat(1_000_000)), (placed, randoms) => {
        const single = mergerOf(reference, { minSamples: 20 });
        single.merger.apply(batchOf(deltasOf([placed.map(([d]) => d)])));
        const outputs = [0, 1, 2].flatMap((partition) => {
          const chunks = [0, 1, 2, 3].map((flush) => placed.filter(([, p, f]) => p === partition && f === flush).map(([d]) => d));
          return deltasOf(
            chunks.filter(({ length }) => length > 0),
            { partition, workerId: `w${partition % 2}`, isAtomic: partition === 1 },
          ).map((output) => ({ partition, output }));
        });
        const order = outputs.map(({ partition }) => ({ partition, key: randoms.next().value as number })).sort((a, b) => a.key - b.key);
        const split = mergerOf(reference, { minSamples: 20 });
        const next = new Map([0, 1, 2].map((p) => [p, outputs.filter(({ partition }) => partition === p).values()]));
        for (const { partition } of order) split.merger.apply(batchOf([next.get(partition)!.next().value!.output]));
        expect(content(split.merger)).toEqual(content(single.merger));
        const ok = placed.filter(([d]) => !d.dead).length;
        expect(split.merger.snapshot().counts).toMatchObject({ events: ok, deadLetters: placed.length - ok });
      }),
      { numRuns: 60 },
    );
  });
});
