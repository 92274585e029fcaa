import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodePerformanceDelta, layoutName, type PerformanceDelta } from '../../../../src/drift/performance/performance-delta.ts';
import { checkPerformanceDelta, decodePerformanceDelta } from '../../../../src/drift/performance/performance-delta-reader.ts';
import { performanceLayoutOf } from '../../../../src/drift/performance/layout.ts';
import { PREFIX, referenceOf } from '../support.ts';

const layout = performanceLayoutOf(referenceOf(500), { kind: 'binary' });
const delta: PerformanceDelta = {
  model: 'toy',
  modelVersion: '1',
  referenceId: 'r',
  layout: layoutName(layout),
  predictionsPartition: 3,
  emittedAt: 1_700_000_000_000,
  panes: [
    {
      start: 60_000,
      durationMs: 60_000,
      arm: 'champion',
      cells: [0, 5, layout.size - 1],
      sums: [1, -7, 2 ** 40],
      inputs: [{ topic: 'in', partition: 1, fromOffset: 4, toOffset: 9 }],
    },
    { start: 0, durationMs: 60_000, arm: '', cells: [], sums: [], inputs: [] },
  ],
};
const bytes = encodePerformanceDelta(PREFIX, delta);
const read = (value: Buffer, from = 0): PerformanceDelta => decodePerformanceDelta(PREFIX, value, from, value.length - from);

describe('reading performance deltas', () => {
  test('gives back what was written, wherever it stands', () => {
    expect(read(bytes)).toEqual(delta);
    expect(read(Buffer.concat([Buffer.from('xyz'), bytes]), 3)).toEqual(delta);
    expect(() => checkPerformanceDelta(delta, layout, () => true)).not.toThrow();
  });

  test('refuses what is cut, longer, or of another framing', () => {
    for (let length = 0; length < bytes.length; length++) expect(() => read(bytes.subarray(0, length))).toThrow(RangeError);
    expect(() => read(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('left over');
    expect(() => read(Buffer.concat([Buffer.of(1), bytes.subarray(1)]))).toThrow('framing');
  });

  test('throws nothing but RangeError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - PREFIX.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[PREFIX.length + at] = value;
        try {
          checkPerformanceDelta(read(changed), layout, () => true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, Partial<PerformanceDelta> | Partial<PerformanceDelta['panes'][number]>]>([
    ['its layout is', { layout: 'regression/9' }],
    ['does not exist', { cells: [0, 5, layout.size] }],
    ['does not exist', { cells: [5, 5, 6] }],
    ['does not exist', { cells: [5, 4, 6] }],
    ['differ in length', { sums: [1, 2] }],
    ['too large', { sums: [1, 2, 2 ** 53] }],
    ['one window', { durationMs: 0 }],
    ['one window', { start: 3_600_000 }],
    ['run backwards', { inputs: [{ topic: 'in', partition: 0, fromOffset: 2, toOffset: 1 }] }],
  ])('says that %s: %o', (message, change) => {
    const changed = 'layout' in change ? { ...delta, ...change } : { ...delta, panes: [{ ...delta.panes[0]!, ...change }] };
    expect(() => checkPerformanceDelta(changed as PerformanceDelta, layout, (startMs) => startMs < 3_600_000)).toThrow(message);
  });
});
