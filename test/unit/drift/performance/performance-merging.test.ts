import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOwnSchema } from '../../../../src/core/own-schemas.ts';
import type { OutputRecords } from '../../../../src/core/outputs.ts';
import type { RecordBatch } from '../../../../src/core/records.ts';
import { windowSizeFrom } from '../../../../src/core/window-size.ts';
import type { Merger, MergerOptions } from '../../../../src/drift/merger.ts';
import type { RetrainRequest } from '../../../../src/drift/retrain-request.ts';
import { finalBytes } from '../merging.ts';
import { batchOf, mergerOf as anyMerger, observerOf, PREFIX, randomFrom, rowsOf, SINK, sourceOf, datumFrom } from '../support.ts';
import { deltaOf, HOUR_MS, labelledReference, outputOf, paneOf, performance, performanceOf, START_MS, tick, timed } from './performing.ts';

const windows = [windowSizeFrom('1h')!, windowSizeFrom('1d')!];
const retrain = { window: '1h', cooldownMs: 4 * HOUR_MS, minSamples: 800, topic: 'retrain', prefix: PREFIX };
const requestType = avsc.Type.forSchema(readOwnSchema('retrain-request') as avsc.Schema);

const mergerOf = (change: Partial<MergerOptions> = {}): Merger =>
  anyMerger(labelledReference, { windows, performance, retrain, ...change }).merger;

/** All that a merger publishes while it reads records. */
function read(merger: Merger, batch: RecordBatch, from = 0): OutputRecords[] {
  const found: OutputRecords[] = [];
  for (let next = from; next < batch.count; ) {
    next = merger.apply(batch, next);
    do found.push(...merger.due('final'));
    while (merger.isClosing);
  }
  return found;
}

function requestsOf(outputs: readonly OutputRecords[]): RetrainRequest[] {
  return outputs
    .filter(({ topic }) => topic === 'retrain')
    .flatMap(({ count, buffer, valueStart, valueLength }) =>
      Array.from(
        { length: count },
        (_, i) =>
          requestType.fromBuffer(buffer.subarray(valueStart[i]! + PREFIX.length, valueStart[i]! + valueLength[i]!)) as RetrainRequest,
      ),
    );
}

/** Writes a saved state as the state topic would hold it. */
function write(values: Map<string, string | null>, merger: Merger, position: number): void {
  const records = merger.save({ partition: 0, position })!;
  const text = (start: number, length: number): string => records.buffer.toString('utf8', start, start + length);
  for (let i = 0; i < records.count; i++) {
    const key = text(records.keyStart[i]!, records.keyLength[i]!);
    if (records.valueLength[i]! < 0) values.delete(key);
    else values.set(key, text(records.valueStart[i]!, records.valueLength[i]!));
  }
}

function performanceKeys(values: ReadonlyMap<string, unknown>): string[] {
  return [...values.keys()].filter((key) => key.includes('|performance|')).sort();
}

describe('performance in a merger', () => {
  test('is the sum of the deltas by window, size and arm, published when the log is 10 s on', () => {
    const deltas = [
      deltaOf([paneOf({ start: START_MS, count: 700, from: 10 }), paneOf({ start: START_MS, count: 50, arm: 'b', labelled: 0 })]),
      deltaOf([paneOf({ start: START_MS + 60_000, count: 600, labelled: 0, seed: 2, partition: 1 })]),
    ];
    const published = performanceOf(read(mergerOf(), timed(batchOf([...deltas.map(outputOf), tick(), tick()]), 4_000)));
    const dayMs = windows[1]!.startOf(START_MS);
    // 4 s between records: all at the fourth, 12 s after the first.
    expect(published.map(({ key, atMs, revision }) => [key, atMs - START_MS, revision])).toEqual([
      [`toy|1|b|1h|${START_MS}`, 12_000, 0],
      [`toy|1|champion|1h|${START_MS}`, 12_000, 0],
      [`toy|1|b|1d|${dayMs}`, 12_000, 0],
      [`toy|1|champion|1d|${dayMs}`, 12_000, 0],
    ]);
    const champion = published.find(({ key }) => key.includes('champion|1h'))!;
    expect(champion).toMatchObject({ predictions: 1_300, labelled: 700, labelCoverage: 700 / 1_300, task: 'BINARY', metric: 'auc' });
    expect(champion).toMatchObject({ dropBasis: 'LABELS', status: 'OK', final: false, labelDelayMedianMs: 300_000 });
    expect(champion.realised!.n).toBe(700);
    expect(champion.estimated!.n).toBe(1_300);
    expect(champion.reference!.n).toBe(20_000);
  });

  test('is in no windows by a number of rows', () => {
    const batch = timed(batchOf([outputOf(deltaOf([paneOf({ start: START_MS, count: 700 })])), tick()]), 10_000);
    const sizesOf = (...sizes: string[]): string[] =>
      performanceOf(read(mergerOf({ windows: sizes.map((size) => windowSizeFrom(size)!) }), batch)).map(({ window }) => window);
    expect(sizesOf('500 rows', '1h')).toEqual(['1h']);
    expect(sizesOf('500 rows')).toEqual([]);
  });

  test('does not depend on how it is split into deltas', () => {
    const panes = [1, 2, 3].map((seed) => paneOf({ start: START_MS + seed * 60_000, count: 200, seed, from: 200 * seed }));
    const last = (deltas: OutputRecords[]): unknown =>
      performanceOf(read(mergerOf(), timed(batchOf([...deltas, tick(), tick()]), 20_000))).at(-1);
    const single = last([outputOf(deltaOf(panes))]);
    const split = last(panes.toReversed().map((pane) => outputOf(deltaOf([pane]))));
    expect({ ...(split as object), revision: 0, atMs: 0 }).toEqual({ ...(single as object), revision: 0, atMs: 0 });
  });

  test('is final when labels cannot come any more, and can still be revised until it is let go', () => {
    const merger = mergerOf({ windows: [windows[0]!] });
    const pane = (hour: number, count = 10, seed = 1) => outputOf(deltaOf([paneOf({ start: START_MS + hour * HOUR_MS, count, seed })]));
    const batch = timed(
      batchOf([pane(0), tick(), pane(2), pane(3), tick(), pane(0, 5, 2), tick(), pane(4), tick(), pane(0), tick()]),
      20_000,
    );
    const first = performanceOf(read(merger, batch)).filter(({ windowStart }) => windowStart === START_MS);
    expect(first.map(({ revision, final, predictions }) => [revision, final, predictions])).toEqual([
      [0, false, 10],
      [1, true, 10],
      [2, true, 15],
    ]);
  });

  test('lets the oldest window go when there are too many, and publishes it first', () => {
    const merger = mergerOf({ windows: [windowSizeFrom('1m')!], performance: { ...performance, ttlMs: 24 * HOUR_MS } });
    const panes = Array.from({ length: 514 }, (_, i) => paneOf({ start: START_MS + i * 60_000, count: 1, labelled: 0 }));
    const published = performanceOf(read(merger, timed(batchOf([outputOf(deltaOf(panes))]), 0)));
    expect(published.filter(({ revision }) => revision === 0).map(({ windowStart }) => windowStart)).toEqual([START_MS, START_MS + 60_000]);
  });

  test.each<[string, () => OutputRecords]>([
    ['another reference', () => outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })], { referenceId: 'other' }))],
    ['another layout', () => outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })], { layout: 'regression/90' }))],
    ['another model', () => outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })], { modelVersion: '2' }))],
    ['a pane of two windows', () => outputOf(deltaOf([{ ...paneOf({ start: START_MS, count: 9 }), durationMs: 2 * HOUR_MS }]))],
  ])('leaves out %s', (_, bad) => {
    expect(read(mergerOf(), timed(batchOf([bad(), bad(), tick()]), 20_000))).toEqual([]);
  });

  test('is passed over where nobody asked for it', () => {
    const batch = timed(batchOf([outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })])), tick()]), 20_000);
    expect(read(anyMerger(labelledReference, { windows }).merger, batch)).toEqual([]);
  });

  test('is measured in slices before it is published, with the same result', () => {
    const panes = [0, 1, 2].map((hour) => paneOf({ start: START_MS + hour * HOUR_MS, count: 50, seed: hour }));
    const batch = timed(batchOf([outputOf(deltaOf(panes)), tick()]), 20_000);
    const made = anyMerger(labelledReference, { windows, performance });
    expect(made.merger.apply(batch)).toBe(2);
    expect(made.merger.measure(0, 'final')).toBe(false);
    expect(made.merger.measure(1, 'final')).toBe(true);
    expect(finalBytes(made.merger)).toEqual(read(mergerOf(), batch).map(({ buffer, bytes }) => Buffer.from(buffer.subarray(0, bytes))));
    expect(made.merger.measure(0, 'final')).toBe(true);
  });

  test('wants the time to be told until it is published', () => {
    const merger = mergerOf();
    expect(merger.wantsTick()).toBe(false);
    read(merger, timed(batchOf([outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })]))]), 0));
    expect(merger.wantsTick()).toBe(true);
    expect(performanceOf(read(merger, timed(batchOf([tick(), tick()]), 5_000, START_MS + 5_000)))).toHaveLength(2);
    expect(merger.wantsTick()).toBe(false);
  });
});

describe('requests to train again for performance', () => {
  const hour = (i: number, change: Partial<Parameters<typeof paneOf>[0]> = {}): OutputRecords =>
    outputOf(deltaOf([paneOf({ start: START_MS + i * HOUR_MS, count: 3_000, labelled: 2_000, seed: i + 1, from: 3_000 * i, ...change })]));
  const run = (hours: OutputRecords[], change: Partial<MergerOptions> = {}): RetrainRequest[] =>
    requestsOf(read(mergerOf(change), timed(batchOf([...hours, tick()]), 20_000)));

  test('come when labels say that it fell, once for a cooldown, and say where the rows are', () => {
    const [first, second, ...more] = run([0, 1, 2, 3, 4, 5, 6].map((i) => hour(i, { noise: i > 0 ? 0.9 : 0 })));
    expect(first).toMatchObject({
      cause: 'PERFORMANCE',
      driftedFeatures: [],
      window: '1h',
      windowStart: START_MS + HOUR_MS,
      events: 3_000,
      data: [{ topic: 'in', partition: 0, fromOffset: 3_000, toOffset: 6_000 }],
    });
    expect(first!.reason).toMatch(
      /^auc went from 0\.\d+ in the reference to 0\.\d+ over a window of 1h: 2000 of 3000 predictions have labels$/,
    );
    expect(second).toMatchObject({ windowStart: START_MS + 5 * HOUR_MS });
    expect(second!.requestId).not.toBe(first!.requestId);
    expect(more).toEqual([]);
  });

  test.each<[string, Partial<Parameters<typeof paneOf>[0]>, Partial<MergerOptions>]>([
    ['it did not fall', { noise: 0 }, {}],
    ['there are too few labels', { labelled: 700 }, {}],
    ['nothing but the estimate says so', { labelled: 0 }, {}],
    ['another size of windows decides', {}, { retrain: { ...retrain, window: '28d' } }],
  ])('do not come when %s', (_, pane, change) => {
    expect(run([hour(0, { noise: 0.9, ...pane })], change)).toEqual([]);
  });
});

describe('a merger with performance that goes on from a saved state', () => {
  /** Drift and performance of seven hours, in any order, with labels that come hours later. */
  function log(): RecordBatch {
    const random = randomFrom(5);
    const observer = observerOf({ reference: labelledReference });
    const outputs: { output: OutputRecords; key: number }[] = [];
    for (let i = 0; i < 7; i++) {
      const data = Array.from({ length: 60 }, (_, j) => ({ ...datumFrom(random), timeMs: START_MS + i * HOUR_MS + j * 60_000 }));
      const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 60 * i, data, endOffset: 1e6 }]);
      observer.observe(rows, scores, sourceOf());
      outputs.push({ output: observer.takeDeltas(true, SINK)!, key: i });
      for (const arm of ['champion', 'b|#']) {
        const pane = (more: object) =>
          paneOf({ start: START_MS + i * HOUR_MS, count: 900, seed: i, arm, from: 60 * i, noise: i > 3 ? 0.9 : 0, ...more });
        const [all, labels] = [pane({ labelled: 0 }), pane({ count: 850, seed: i + 50 })];
        outputs.push(
          { output: outputOf(deltaOf([all])), key: i + random() },
          { output: outputOf(deltaOf([labels])), key: i + 1 + 3 * random() },
        );
      }
      outputs.push({ output: tick(), key: i + random() });
    }
    return timed(batchOf(outputs.toSorted((a, b) => a.key - b.key).map(({ output }) => output)), 4_000);
  }

  test('publishes what one that was never disturbed does, byte for byte, wherever the others ended', () => {
    const batch = log();
    const step = (next: number, merger: Merger): { next: number; values: Buffer[] } => {
      const reached = merger.apply(batch, next);
      return { next: reached, values: finalBytes(merger) };
    };
    const change = {
      partitions: 1,
      minSamples: 40,
      windows: [windowSizeFrom('1h')!, windowSizeFrom('3h')!],
      performance: { ...performance, ttlMs: HOUR_MS },
    };
    const whole = mergerOf(change);
    whole.restore(new Map(), { partition: 0, position: 0 });
    const expected: Buffer[] = [];
    for (let next = 0; next < batch.count; ) {
      const { next: reached, values } = step(next, whole);
      expected.push(...values);
      next = reached;
    }
    expect(requestsOf(read(mergerOf(change), batch)).map(({ cause }) => cause)).toContain('PERFORMANCE');
    expect(performanceOf(read(mergerOf(change), batch)).length).toBeGreaterThan(20);

    const last = new Map<string, string | null>();
    write(last, whole, batch.count);
    const kept = performanceKeys(last);
    expect(kept.length).toBeLessThan(2 * (7 + 3));
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(99)), (dice) => {
        const roll = (): number => dice.next().value as number;
        const values = new Map<string, string | null>();
        const published: Buffer[] = [];
        let saved = 0;
        for (let saves = 0, restored = 0; saved < batch.count; ) {
          const merger = mergerOf(change);
          expect(merger.restore(values, { partition: 0, position: saved })).toBe(saves > 0);
          restored++;
          const unsaved: Buffer[] = [];
          for (let next = saved; next < batch.count; ) {
            const { next: reached, values: bytes } = step(next, merger);
            next = reached;
            unsaved.push(...bytes);
            if (roll() < 5) merger.due('all');
            if (roll() < 25 || next === batch.count) {
              write(values, merger, next);
              saves++;
              saved = next;
              published.push(...unsaved.splice(0));
            }
            if (roll() < 10 && restored < 25) break;
          }
        }
        expect(published).toEqual(expected);
        // What was let go is not kept.
        expect(performanceKeys(values)).toEqual(kept);
      }),
      { numRuns: 4 },
    );
  });

  test('begins with what comes when the state is of before there were labels, or of other labels', () => {
    const batch = timed(batchOf([outputOf(deltaOf([paneOf({ start: START_MS, count: 9 })])), tick(), tick()]), 20_000);
    const values = new Map<string, string | null>();
    const without = mergerOf({ performance: undefined } as never);
    read(without, { ...batch, count: 1 });
    write(values, without, 1);
    const next = mergerOf();
    expect(next.restore(values, { partition: 0, position: 1 })).toBe(true);
    expect(read(next, batch, 1)).toEqual([]);

    const withIt = mergerOf();
    read(withIt, { ...batch, count: 1 });
    write(values, withIt, 1);
    expect(performanceKeys(values)).toHaveLength(2);
    const other = mergerOf({ performance: { ...performance, layout: { ...performance.layout, task: { kind: 'regression' } } } });
    expect(other.restore(values, { partition: 0, position: 1 })).toBe(true);
    expect(read(other, batch, 1)).toEqual([]);
    write(values, other, 3);
    expect(performanceKeys(values)).toEqual([]);
  });
});
