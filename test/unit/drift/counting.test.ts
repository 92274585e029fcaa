import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { fixedPanes } from '../../../src/core/window-size.ts';
import { GROUP_MISS, GROUP_STALE, GROUP_UNAVAILABLE } from '../../../src/core/rows.ts';
import { Accumulator } from '../../../src/drift/accumulator.ts';
import { boundedQuantaOf, createBinLookup } from '../../../src/drift/bin-lookup.ts';
import { binOf } from '../../../src/drift/bins.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import { countOutside } from '../../../src/drift/counting.ts';
import { FloatCounter } from '../../../src/drift/float-counter.ts';
import { PaneSlab } from '../../../src/drift/pane-slab.ts';
import { profileDeltaFrom } from '../../../src/drift/profile-delta.ts';
import { numericFeatureFrom } from '../../../src/drift/reference-builder.ts';
import { MAX_QUANTA, type NumericFeature, referenceProfileFrom } from '../../../src/drift/reference-profile.ts';
import { Vocabulary } from '../../../src/drift/vocabulary.ts';
import type { AssignmentOrigin } from '../../../src/core/records.ts';
import { type Datum, layout, MODEL, referenceOf, rowsOf, START_MS } from './support.ts';

/** Counts values by one way of looking up and by plain search over the edges. */
function countBoth(
  feature: NumericFeature,
  values: Float32Array,
  way: 'linear' | 'bits',
): { kernel: [number[], number[]]; plain: [number[], number[]] } {
  const profile = referenceProfileFrom({
    format: 'weir-reference-profile/1',
    model: MODEL,
    rows: 1,
    observedRows: 1,
    features: [],
    prediction: feature,
  });
  const slab = new PaneSlab(cellLayoutOf(profile), 1);
  const counter = new FloatCounter(slab, 1, [{ column: 0, feature: 0, start: 0, lookup: createBinLookup(feature, way) }]);
  const slot = slab.acquire();
  const rows = Int32Array.from(values, (_, i) => i);
  counter.count(values, { rows, slots: new Int32Array(values.length).fill(slot), count: values.length }, (...outside) =>
    countOutside(slab, ...outside),
  );
  const counts = feature.counts.map(() => 0);
  const sums = feature.counts.map(() => 0);
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    const bin = binOf(feature.edges, x);
    counts[bin]!++;
    sums[bin]! += boundedQuantaOf(x, feature.origin, 1 / feature.quantum);
  }
  return { kernel: [[...slab.countsOf(slot)], [...slab.sumsOf(slot)]], plain: [counts, sums] };
}

describe('bin look-up', () => {
  const anyFloat = fc.oneof(
    fc.float(),
    fc.float({ min: -10, max: 10, noNaN: true }),
    fc.constantFrom(0, -0, 1, 5, 2 ** -149, 3e38, -3e38),
    fc.integer({ min: 0, max: 40 }),
  );

  test.each(['linear', 'bits'] as const)('by a %s grid agrees with plain search for any reference and values', (way) => {
    fc.assert(
      fc.property(fc.array(anyFloat, { maxLength: 200 }), fc.array(anyFloat, { maxLength: 50 }), (reference, values) => {
        const feature = numericFeatureFrom('x', Float32Array.from(reference));
        // Every edge, and its neighbours, is a place to go wrong.
        const probes = Float32Array.from([
          ...values,
          ...reference,
          ...feature.edges,
          ...feature.edges.map((e) => Math.fround(e - Math.abs(e) * 1e-7)),
        ]);
        const { kernel, plain } = countBoth(feature, probes, way);
        expect(kernel).toEqual(plain);
      }),
      { numRuns: 300 },
    );
  });

  test('chooses a linear grid for even spreads and one over bits for many decades', () => {
    const even = numericFeatureFrom(
      'x',
      Float32Array.from({ length: 5000 }, (_, i) => i),
    );
    const decades = numericFeatureFrom(
      'x',
      Float32Array.from({ length: 5000 }, (_, i) => 10 ** (i / 500)),
    );
    expect(createBinLookup(even).scale).toBe('linear');
    expect(createBinLookup(decades).scale).toBe('bits');
  });

  test('an outlier is summed at a bounded distance', () => {
    expect(boundedQuantaOf(3e38, 0, 1)).toBe(MAX_QUANTA);
    expect(boundedQuantaOf(-3e38, 0, 1)).toBe(-MAX_QUANTA);
  });
});

describe('vocabulary', () => {
  test('finds each word and no other', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme' }), { maxLength: 200 }),
        fc.array(fc.string({ minLength: 1 })),
        (words, others) => {
          const vocabulary = new Vocabulary(words);
          for (const word of [...words, ...others]) {
            const bytes = Buffer.from(`>${word}<`);
            const expected = words.findIndex((w) => Buffer.from(w).equals(Buffer.from(word)));
            expect(vocabulary.indexOf(bytes, 1, bytes.length - 2)).toBe(expected < 0 ? words.length : expected);
          }
        },
      ),
    );
  });
});

describe('accumulator', () => {
  const reference = referenceOf();
  const cells = cellLayoutOf(reference);
  const PANE_MS = 60_000;
  const create = (): Accumulator =>
    new Accumulator({ layout, cells, panes: fixedPanes(PANE_MS), latestUsableMs: () => START_MS + 10 * PANE_MS });
  const origin = { model: 'toy', modelVersion: '1', referenceId: reference.referenceId, workerId: 'w' };
  /** The newest assignment of each partition, as a source has it. */
  const origins = new Map<number, AssignmentOrigin>();
  const source = { originOf: ({ partition }: { partition: number }) => origins.get(partition) };
  beforeEach(() => origins.clear());
  const take = (accumulator: Accumulator): ReturnType<typeof profileDeltaFrom>[] => {
    const deltas: ReturnType<typeof profileDeltaFrom>[] = [];
    accumulator.take((segment) =>
      deltas.push(profileDeltaFrom(segment, accumulator.slab, { grid: fixedPanes(PANE_MS), emittedAt: 0, committedOffset: 0, origin })),
    );
    return deltas;
  };
  const observe = (accumulator: Accumulator, parts: Parameters<typeof rowsOf>[0]): void => {
    const { rows, scores } = rowsOf(parts);
    for (const { partition, firstOffset, epoch = 1 } of parts) {
      const held = origins.get(partition);
      if (!held || epoch > held.epoch)
        origins.set(partition, { epoch, startOffset: firstOffset, generation: epoch, beganAtMs: epoch, isElsewhere: false });
    }
    accumulator.observe(rows, scores, source);
  };

  test('keeps partitions and panes apart within one micro-batch', () => {
    const accumulator = create();
    const at = (pane: number): Datum => ({ delay: 0, day: 1, wind: 0, origin: 'JFK', timeMs: START_MS + pane * PANE_MS });
    observe(accumulator, [
      { partition: 3, firstOffset: 10, data: [at(0), at(1), at(0), at(1), at(1)], endOffset: 99 },
      { partition: 5, firstOffset: 70, data: [at(0)] },
    ]);
    const deltas = take(accumulator);
    expect(deltas.map((d) => [d.inputPartition, d.fromOffset, d.toOffset, d.atEnd, d.maxEventTime])).toEqual([
      [3, 10, 15, false, START_MS + PANE_MS],
      [5, 70, 71, true, START_MS],
    ]);
    expect(deltas[0]!.panes.map(({ start, events }) => [start, events])).toEqual([
      [START_MS, 2],
      [START_MS + PANE_MS, 3],
    ]);
    expect(accumulator.panes).toBe(0);
  });

  test('counts dead letters, skipped and untimed rows beside the panes', () => {
    const accumulator = create();
    observe(accumulator, [
      {
        partition: 0,
        firstOffset: 0,
        data: [{ dead: true }, { skip: true }, { timeMs: Number.NaN }, { timeMs: -1 }, { timeMs: START_MS + 11 * PANE_MS }, {}],
      },
    ]);
    const [delta] = take(accumulator);
    expect(delta).toMatchObject({ deadLetters: 1, skipped: 1, untimed: 3, maxEventTime: START_MS, toOffset: 6 });
    expect(delta!.panes).toHaveLength(1);
    expect(delta!.panes[0]!.events).toBe(1);
  });

  test('counts missing, infinite, out of domain, stand-ins and what the store said', () => {
    const accumulator = create();
    observe(accumulator, [
      {
        partition: 0,
        firstOffset: 0,
        data: [
          { delay: 1e6, origin: 'nowhere', airport: GROUP_MISS },
          { delay: -1e6, day: 3, origin: '', airport: GROUP_STALE, standIns: [2] },
          { delay: Number.POSITIVE_INFINITY, day: 3, wind: 1, origin: 'JFK', airport: GROUP_UNAVAILABLE, standIns: [0, 2] },
          { delay: 2e6, day: 3, wind: 1, origin: 'JFK' },
        ],
      },
    ]);
    const [delay, day, wind, originFeature, score] = take(accumulator)[0]!.panes[0]!.features;
    expect(delay).toMatchObject({
      infinite: 1,
      belowDomain: 1,
      aboveDomain: 2,
      lowest: -1e6,
      highest: 2e6,
      standIns: 1,
      missing: 0,
      storeMiss: 0,
    });
    expect(delay!.cells).toEqual([0, cells.features[0]!.count - 1]);
    expect(delay!.counts).toEqual([1, 2]);
    expect(day).toMatchObject({ missing: 1 });
    expect(wind).toMatchObject({ missing: 2, storeMiss: 1, storeStale: 1, storeUnavailable: 1, standIns: 2 });
    expect(originFeature).toMatchObject({ missing: 1, sums: [] });
    expect(originFeature!.cells.at(-1)).toBe(cells.features[3]!.count - 1);
    expect(score!.counts).toEqual([4]);
  });

  test('a delta covers exactly what came since the last one; a revoked partition is forgotten', () => {
    const accumulator = create();
    observe(accumulator, [{ partition: 0, firstOffset: 0, data: [{}, {}] }]);
    take(accumulator);
    expect(accumulator.hasCounts).toBe(false);
    expect(take(accumulator)).toEqual([]);
    observe(accumulator, [
      { partition: 0, firstOffset: 2, data: [{}] },
      { partition: 1, firstOffset: 8, data: [{ dead: true }] },
    ]);
    accumulator.revoke([
      { topic: 'in', partition: 0 },
      { topic: 'other', partition: 1 },
    ]);
    expect(accumulator.panes).toBe(0);
    const deltas = take(accumulator);
    expect(deltas.map((d) => [d.inputPartition, d.fromOffset, d.toOffset, d.deadLetters])).toEqual([[1, 8, 9, 1]]);
    // Back again, in a new epoch, from an earlier offset.
    observe(accumulator, [{ partition: 0, firstOffset: 2, data: [{}], epoch: 2 }]);
    expect(take(accumulator)[0]).toMatchObject({ fromOffset: 2, toOffset: 3, segmentId: 'w/2/2' });
  });

  test('a new epoch without a revocation begins anew', () => {
    const accumulator = create();
    observe(accumulator, [{ partition: 0, firstOffset: 5, data: [{}, {}], epoch: 1 }]);
    observe(accumulator, [{ partition: 0, firstOffset: 5, data: [{}], epoch: 2 }]);
    const [delta] = take(accumulator);
    expect(delta).toMatchObject({ fromOffset: 5, toOffset: 6, segmentId: 'w/2/2' });
    expect(delta!.panes[0]!.events).toBe(1);
  });

  test('a partition that goes on from elsewhere keeps what was counted before', () => {
    const accumulator = create();
    observe(accumulator, [{ partition: 0, firstOffset: 0, data: [{}, {}] }]);
    origins.set(0, { epoch: 1, startOffset: 90, generation: 1, beganAtMs: 5, isElsewhere: true });
    observe(accumulator, [{ partition: 0, firstOffset: 90, data: [{}] }]);
    const told = (): unknown[] => take(accumulator).map((d) => [d.segmentId, d.startOffset, d.fromOffset, d.toOffset, d.isElsewhere]);
    expect(told()).toEqual([
      ['w/1/1', 0, 0, 2, false],
      ['w/1/5', 90, 90, 91, true],
    ]);
    accumulator.advance({ topic: 'in', partition: 0, epoch: 1, nextOffset: 95 }, source);
    accumulator.advance({ topic: 'in', partition: 0, epoch: 9, nextOffset: 99 }, source);
    expect(told()).toEqual([['w/1/5', 90, 91, 95, true]]);
    expect(accumulator.panes).toBe(0);
  });

  test('withdrawn rows of an assignment that is over leave no trace', () => {
    const accumulator = create();
    observe(accumulator, [{ partition: 0, firstOffset: 0, data: [{}, {}] }]);
    accumulator.revoke([{ topic: 'in', partition: 0 }]);
    observe(accumulator, [
      { partition: 0, firstOffset: 2, data: [{ withdrawn: true }, { withdrawn: true }] },
      { partition: 1, firstOffset: 0, data: [{}] },
    ]);
    expect(take(accumulator).map((d) => d.inputPartition)).toEqual([1]);
    observe(accumulator, [{ partition: 0, firstOffset: 7, data: [{}], epoch: 3 }]);
    observe(accumulator, [{ partition: 0, firstOffset: 4, data: [{}], epoch: 1 }]);
    expect(take(accumulator).map((d) => [d.inputPartition, d.fromOffset, d.toOffset])).toEqual([[0, 7, 8]]);
    // Tombstones of a partition that is ours move it on.
    observe(accumulator, [{ partition: 1, firstOffset: 1, data: [{ skip: true }] }]);
    expect(take(accumulator)).toMatchObject([{ inputPartition: 1, fromOffset: 1, toOffset: 2, skipped: 1 }]);
  });

  test('slots are reused clean, and the slab grows with counts in place', () => {
    const accumulator = create();
    for (let round = 0; round < 3; round++) {
      const data = Array.from({ length: 20 }, (_, i): Datum => ({ delay: 1e6, timeMs: START_MS - i * PANE_MS }));
      observe(accumulator, [{ partition: 0, firstOffset: round * 20, data }]);
      expect(accumulator.panes).toBe(20);
      const [delta] = take(accumulator);
      expect(delta!.panes).toHaveLength(20);
      for (const pane of delta!.panes) {
        expect(pane.events).toBe(1);
        expect(pane.features[0]).toMatchObject({ aboveDomain: 1, highest: 1e6, lowest: null, counts: [1] });
        expect(pane.features[1]).toMatchObject({ missing: 1, counts: [] });
      }
    }
  });
});
