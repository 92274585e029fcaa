import avsc from 'avsc';
import { describe, expect, test } from 'vitest';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import { readOwnSchema } from '../../../src/core/own-schemas.ts';
import type { Merger } from '../../../src/drift/merger.ts';
import type { RetrainRequest } from '../../../src/drift/retrain-request.ts';
import { dataOf, deltasOf, HOUR_MS, reference, WINDOW_START_MS } from './merging.ts';
import { batchOf, mergerOf, PREFIX } from './support.ts';

const type = avsc.Type.forSchema(readOwnSchema('retrain-request') as avsc.Schema);
const retrain = { window: '1h', cooldownMs: 6 * HOUR_MS, minSamples: 1_000, topic: 'retrain', prefix: PREFIX };
const windows = [windowSizeFrom('1h')!];

/** Requests that a merger writes while it reads deltas from `from` on. */
function requestsOf(merger: Merger, batch: ReturnType<typeof batchOf>, from = 0): RetrainRequest[] {
  const found: RetrainRequest[] = [];
  for (let next = from; next < batch.count; ) {
    next = merger.apply(batch, next);
    do {
      for (const { topic, count, buffer, valueStart, valueLength, keyStart, keyLength } of merger.due('final')) {
        for (let i = 0; topic === 'retrain' && i < count; i++) {
          expect(buffer.toString('utf8', keyStart[i], keyStart[i]! + keyLength[i]!)).toBe('toy|1');
          found.push(type.fromBuffer(buffer.subarray(valueStart[i]! + PREFIX.length, valueStart[i]! + valueLength[i]!)) as RetrainRequest);
        }
      }
    } while (merger.isClosing);
  }
  return found;
}

/** Twelve hours, drifted from the third on. */
const drifting = batchOf(
  deltasOf(
    Array.from({ length: 12 }, (_, window) => dataOf(2_000, { window, seed: window + 1, shift: window >= 2 ? 25 : 0 })),
    { endOffset: 1e6, isAtomic: true },
  ),
);

describe('requests to train again', () => {
  test('come when drift persists, once for a cooldown, and say where the rows are', () => {
    const { merger } = mergerOf(reference, { windows, retrain });
    const [first, second, ...more] = requestsOf(merger, drifting);
    // The third and fourth hour are in drift: two of three.
    expect(first).toMatchObject({
      model: 'toy',
      modelVersion: '1',
      referenceId: reference.referenceId,
      cause: 'DRIFT',
      driftedFeatures: expect.arrayContaining(['delay']),
      window: '1h',
      windowStart: WINDOW_START_MS + 3 * HOUR_MS,
      windowEnd: WINDOW_START_MS + 4 * HOUR_MS,
      events: 2_000,
      data: [{ topic: 'in', partition: 0, fromOffset: 6_000, toOffset: 8_000 }],
    });
    expect(first!.reason).toContain('delay');
    expect(second).toMatchObject({ windowStart: WINDOW_START_MS + 9 * HOUR_MS });
    expect(second!.requestId).not.toBe(first!.requestId);
    expect(more).toEqual([]);
  });

  test('come from a merger that goes on as from one that was not disturbed', () => {
    const whole = requestsOf(mergerOf(reference, { windows, retrain }).merger, drifting);
    const { merger } = mergerOf(reference, { windows, retrain });
    const before = requestsOf(merger, { ...drifting, count: 7 });
    const saved = merger.save({ partition: 0, position: 7 })!;
    const text = (start: number, length: number): string => saved.buffer.toString('utf8', start, start + length);
    const values = new Map(
      Array.from({ length: saved.count }, (_, i) => [
        text(saved.keyStart[i]!, saved.keyLength[i]!),
        text(saved.valueStart[i]!, saved.valueLength[i]!),
      ]),
    );
    const next = mergerOf(reference, { windows, retrain }).merger;
    expect(next.restore(values, { partition: 0, position: 7 })).toBe(true);
    expect([...before, ...requestsOf(next, drifting, 7)]).toEqual(whole);
  });

  test.each([
    ['another size of windows decides', { window: '1d' }],
    ['windows have fewer rows than asked for', { minSamples: 2_001 }],
  ])('do not come when %s', (_, change) => {
    expect(requestsOf(mergerOf(reference, { windows, retrain: { ...retrain, ...change } }).merger, drifting)).toEqual([]);
  });

  test('do not come without drift, nor when nobody asked for them', () => {
    const calm = batchOf(
      deltasOf(
        Array.from({ length: 6 }, (_, window) => dataOf(2_000, { window, seed: window + 1 })),
        { endOffset: 1e6 },
      ),
    );
    expect(requestsOf(mergerOf(reference, { windows, retrain }).merger, calm)).toEqual([]);
    expect(requestsOf(mergerOf(reference, { windows }).merger, drifting)).toEqual([]);
  });
});
