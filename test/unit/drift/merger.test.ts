import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ManualClock } from '../../../src/core/clock.ts';
import type { Merger } from '../../../src/drift/merger.ts';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { dataOf, deltasOf, feed, finalBytes, HOUR_MS, keysOf, merged, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { batchOf, batchOfRecords, type Datum, mergerOf, randomFrom, referenceOf } from './support.ts';

/** The merger's clock at its beginning, which is also the timestamp of deltas unless said otherwise. */
const NOW_MS = 1_700_000_000_000;

describe('publication', () => {
  test('interim at intervals, final by the watermark, a revision for what comes late', () => {
    const chunks = [dataOf(1500), dataOf(1500, { seed: 2 }), dataOf(10, { window: 1 }), dataOf(10, { window: 2 })];
    const outputs = deltasOf(chunks, { endOffset: 1e6 });
    const { merger, clock } = mergerOf(reference);
    feed(merger, [outputs[0]!]);
    const first = merger.due('due');
    expect(keysOf(first[0]!)).toEqual([`toy|1|1h|${WINDOW_START_MS}`]);
    expect(statisticsOf(first)[0]).toMatchObject({ window: '1h', revision: 0, final: false, events: 1500 });
    expect(merger.due('due')).toEqual([]);
    clock.advance(5000);
    feed(merger, [outputs[1]!]);
    expect(merger.due('due')).toEqual([]);
    clock.advance(5000);
    expect(feed(merger, [outputs[2]!]).map(({ revision, final, events }) => [revision, final, events])).toEqual([[0, true, 3000]]);
    expect(statisticsOf(merger.due('due')).map(({ revision, final, events }) => [revision, final, events])).toEqual([[0, false, 10]]);
    // Late rows: one revision for what comes within 10 s of the log.
    const late = deltasOf([dataOf(5, { seed: 3 }), dataOf(2, { seed: 4 })], { partition: 0, firstOffset: 3020 });
    expect(feed(merger, [late[0]!], NOW_MS + 5_000)).toEqual([]);
    expect(merger.due('all')).toEqual([]);
    const revised = feed(merger, [late[1]!], NOW_MS + 10_000);
    expect(revised.map(({ revision, final, events }) => [revision, final, events])).toEqual([[1, true, 3007]]);
    expect(merger.due('all')).toEqual([]);
  });

  test('every size of window is published on its own, and each is the sum of the same panes', () => {
    const sizes = ['30m', '1h', '1d', 'month'].map((name) => windowSizeFrom(name)!);
    const chunks = [0, 1, 2].map((window) => dataOf(600, { window, seed: window }));
    const { merger, finals } = merged(deltasOf(chunks, { endOffset: 1e6 }), { windows: sizes });
    const all = [...finals, ...statisticsOf(merger.due('all'))];
    const of = (name: string) => all.filter(({ window }) => window === name);
    expect(of('30m').map(({ events, final }) => [events, final])).toEqual([...Array.from({ length: 5 }, () => [300, true]), [300, false]]);
    expect(of('1h').map(({ events }) => events)).toEqual([600, 600, 600]);
    expect(of('1d').map(({ events, windowStart, windowEnd }) => [events, windowEnd - windowStart])).toEqual([[1800, 86_400_000]]);
    expect(of('month')[0]).toMatchObject({ events: 1800, windowStart: Date.UTC(2013, 0), windowEnd: Date.UTC(2013, 1) });
    expect(of('month')[0]!.alpha).toBeGreaterThan(of('1h')[0]!.alpha);
    expect(() => mergerOf(reference, { paneMs: 7 * 60_000 })).toThrow(/must divide/);
  });

  test('what is final depends on the log alone, not on when it is read or what was shown meanwhile', () => {
    const random = randomFrom(5);
    const outputs = [0, 1, 2].flatMap((partition) =>
      deltasOf(
        Array.from({ length: 12 }, (_, i) => dataOf(150, { window: i >> 1, seed: 10 * partition + i, shift: i === 6 ? 40 : 0 })),
        { partition, endOffset: 1e6, workerId: `w${partition}` },
      ),
    );
    const order = outputs.map((output, i) => ({ output, key: (i % 12) + 4 * random() })).sort((a, b) => a.key - b.key);
    const log = batchOf(order.map(({ output }) => output));
    for (let i = 0; i < log.count; i++) log.timestamps[i] = NOW_MS + 3_000 * i;
    const read = (disturb: (merger: Merger, clock: ManualClock) => void): Buffer[] => {
      const { merger, clock } = mergerOf(reference, {
        minSamples: 200,
        partitions: 3,
        windows: [windowSizeFrom('1h')!, windowSizeFrom('3h')!],
      });
      const values: Buffer[] = [];
      for (let next = 0; next < log.count; ) {
        next = merger.apply(log, next);
        values.push(...finalBytes(merger));
        disturb(merger, clock);
      }
      return values;
    };
    const undisturbed = read(() => {});
    expect(undisturbed.length).toBeGreaterThanOrEqual(10);
    const disturbed = read((merger, clock) => {
      clock.advance(random() * 100_000);
      merger.due(random() < 0.5 ? 'all' : 'due');
      merger.measure(random(), 'all');
    });
    expect(disturbed).toEqual(undisturbed);
  });

  test('measuring beforehand, in slices, changes nothing but when the time is spent', () => {
    const outputs = deltasOf([dataOf(1500), dataOf(1500, { seed: 2, window: 1 })], { endOffset: 1e6 });
    // Both windows stay open, for another partition is waited for.
    const whole = merged(outputs, { partitions: 2 }).merger;
    const sliced = merged(outputs, { partitions: 2 }).merger;
    let slices = 1;
    while (!sliced.measure(0, 'all')) slices++;
    expect(slices).toBe(2 * (reference.features.length + 1) + 1);
    expect(sliced.measure(0, 'all')).toBe(true);
    expect(statisticsOf(sliced.due('all'))).toEqual(statisticsOf(whole.due('all')));
    // What comes afterwards is measured again.
    feed(sliced, deltasOf([dataOf(5, { seed: 3, window: 1 })], { partition: 0, firstOffset: 3020 }));
    // But not before it is to be published.
    expect(sliced.measure(0, 'due')).toBe(true);
    expect(sliced.measure(0, 'all')).toBe(false);
    expect(statisticsOf(sliced.due('all'))[0]).toMatchObject({ events: 1505 });
  });

  test('changed windows are shown when deltas stop coming', () => {
    const { merger, clock } = mergerOf(reference, { interimMs: 60_000 });
    const [a, b] = deltasOf([dataOf(10), dataOf(10)]);
    feed(merger, [a!]);
    merger.due('due');
    feed(merger, [b!]);
    clock.advance(1999);
    expect(merger.due('due')).toEqual([]);
    clock.advance(1);
    expect(statisticsOf(merger.due('due'))[0]).toMatchObject({ events: 20, revision: 0, final: false });
  });

  test('the slowest partition holds windows open until it is idle, by the time of the log', () => {
    const { merger } = mergerOf(reference, { partitions: 3 });
    feed(merger, deltasOf([dataOf(1500), dataOf(10, { window: 3 })], { partition: 0 }));
    const finals = (): boolean[] => merger.snapshot().windows.map(({ final }) => final);
    expect(merger.snapshot().watermarkMs).toBeUndefined();
    feed(merger, deltasOf([dataOf(10)], { partition: 1 }));
    feed(merger, deltasOf([dataOf(10, { window: 2 })], { partition: 2 }));
    expect(merger.snapshot().watermarkMs).toBe(WINDOW_START_MS + 0.9 * HOUR_MS - 30_000);
    expect(finals()).toEqual([false, false, false]);
    feed(merger, deltasOf([dataOf(10, { window: 3 })], { partition: 0, firstOffset: 1510 }), NOW_MS + 30_000);
    // Partitions 1 and 2 were read to their end a minute ago: only partition 0 counts. Nothing comes, so the log is told the time.
    expect(merger.wantsTick()).toBe(true);
    expect(feed(merger, [merger.tick()], NOW_MS + 60_000).map(({ windowStart }) => windowStart)).toEqual([
      WINDOW_START_MS,
      WINDOW_START_MS + 2 * HOUR_MS,
    ]);
    expect(finals()).toEqual([true, true, false]);
    expect(statisticsOf(merger.due('all')).map(({ final }) => final)).toEqual([false]);
    expect(merger.snapshot()).toMatchObject({ partitionsSeen: 3, counts: { events: 1540, deltas: 5, malformed: 0 } });
    // Once time alone closes nothing any more, there are no more ticks.
    feed(merger, [merger.tick()], NOW_MS + 700_000);
    expect(merger.wantsTick()).toBe(false);
  });

  test('a silent partition that was not at its end holds windows until closeAfterMs, and coverage says so', () => {
    const { merger } = mergerOf(reference, { partitions: 2 });
    feed(merger, deltasOf([dataOf(10)], { partition: 1, endOffset: 1e6 }), NOW_MS);
    const beat = (seconds: number, firstOffset: number) =>
      feed(merger, deltasOf([dataOf(10, { window: 3 })], { partition: 0, firstOffset }), NOW_MS + 1000 * seconds);
    expect(beat(599, 0)).toEqual([]);
    expect(merger.snapshot().watermarkMs).toBeLessThan(WINDOW_START_MS + HOUR_MS);
    expect(beat(600, 10)[0]).toMatchObject({ windowStart: WINDOW_START_MS, coverage: 0.5 });
    expect(merger.snapshot().watermarkMs).toBeGreaterThan(WINDOW_START_MS + 3 * HOUR_MS);
  });

  test('what nothing changes any more is let go, and what comes for it is counted', () => {
    const { merger } = mergerOf(reference);
    const windows = Array.from({ length: 40 }, (_, window) => dataOf(window + 1, { window }));
    const finals = feed(merger, deltasOf(windows, { endOffset: 1e6 }));
    expect(finals).toHaveLength(39);
    expect(finals[0]).toMatchObject({ windowStart: WINDOW_START_MS, events: 1, final: true });
    // A day, and two minutes of lateness.
    expect(merger.snapshot().windows).toHaveLength(25);
    feed(merger, deltasOf([dataOf(7), dataOf(3, { window: 20 })], { firstOffset: 100_000 }), NOW_MS + 60_000);
    expect(merger.snapshot().counts).toMatchObject({ lateDropped: 7, events: (40 * 41) / 2 + 3 });
  });

  test('beyond 512 windows the oldest is closed and let go', () => {
    const { merger, finals } = merged(
      deltasOf(
        Array.from({ length: 515 }, (_, window) => dataOf(1, { window })),
        { endOffset: 1e6 },
      ),
      // One of two partitions is not heard of, so that no window can close.
      { partitions: 2 },
    );
    expect(finals.map(({ windowStart }) => windowStart)).toEqual([0, 1, 2].map((n) => WINDOW_START_MS + n * HOUR_MS));
    expect(merger.snapshot().windows).toHaveLength(513);
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
        { key, value: Buffer.of(1, 2, 3) },
        { key: null, value: Buffer.from('x') },
        { key: Buffer.from('toy|2'), value: Buffer.from('x') },
      ]),
    );
    const stale = deltasOf([dataOf(5), dataOf(5)], { reference: referenceOf(500, 8) });
    feed(merger, stale);
    expect(merger.snapshot().counts).toMatchObject({ malformed: 2, otherModel: 2, otherReference: 2, deltas: 0, events: 0 });
    expect(merger.snapshot().windows).toEqual([]);
    expect(merger.due('all')).toEqual([]);
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
    expect(statisticsOf(merger.due('all'))[0]).toMatchObject({
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
    expect(feed(merger, [first!, second!])[0]).toMatchObject({ revision: 0, final: true, events: 2000, coverage: 1 });
    const again = deltasOf([dataOf(2000).slice(0, 20), dataOf(2000).slice(20), dataOf(10, { window: 2 })], {
      workerId: 'w2',
      generation: 2,
      endOffset: 1e6,
    });
    expect(feed(merger, [again[0]!], NOW_MS + 20_000)).toEqual([]);
    clock.advance(60_000);
    expect(merger.due('all')).toEqual([]);
    expect(merger.counts()).toMatchObject({ events: 20, retracted: 2 });
    const [revised] = feed(merger, again.slice(1), NOW_MS + 40_000);
    expect(revised).toMatchObject({ revision: 1, events: 2000, coverage: 1, duplicatesDropped: 2 });
    expect(merger.counts()).toMatchObject({ events: 2010, lateDropped: 0 });
  });

  test('what was late and is taken back is late no more', () => {
    const { merger } = mergerOf(reference);
    const some = Array.from({ length: 40 }, (_, window) => dataOf(1, { window: window + 1 }));
    feed(merger, deltasOf([...some, dataOf(100)], { endOffset: 1e6 }));
    expect(merger.counts()).toMatchObject({ lateDropped: 100, events: 40 });
    feed(merger, deltasOf([some[0]!], { workerId: 'w2', generation: 2 }));
    expect(merger.counts().lateDropped).toBeLessThanOrEqual(1);
  });

  test('a lost profiles partition takes its state with it; another one does not', () => {
    const outputs = deltasOf([dataOf(50)]);
    const { merger } = merged(outputs);
    merger.revoke([{ topic: 'profiles', partition: 4 }]);
    expect(merger.snapshot().counts.events).toBe(50);
    merger.revoke([{ topic: 'profiles', partition: 0 }]);
    expect(merger.snapshot()).toMatchObject({ counts: { events: 0 }, windows: [], watermarkMs: undefined });
    feed(merger, outputs);
    expect(merger.snapshot().counts.events).toBe(50);
  });
});

describe('merged equals single pass, bit for bit', () => {
  const content = (merger: Merger): unknown =>
    merger.snapshot().windows.map(({ revision: _r, final: _f, coverage: _c, partitionsSeen: _s, ...rest }) => rest);

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
        feed(single.merger, deltasOf([placed.map(([d]) => d)]));
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
        for (const { partition } of order) feed(split.merger, [next.get(partition)!.next().value!.output]);
        expect(content(split.merger)).toEqual(content(single.merger));
        const ok = placed.filter(([d]) => !d.dead).length;
        expect(split.merger.snapshot().counts).toMatchObject({ events: ok, deadLetters: placed.length - ok });
      }),
      { numRuns: 60 },
    );
  });
});
