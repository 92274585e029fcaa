import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { GROUP_HIT, GROUP_MISS } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { float32Layout } from '../../../src/features/layouts/float32.ts';
import { FeatureTableBuffer } from '../../../src/pipeline/feature-table.ts';
import { repliesOf } from './wire/resp.ts';

// Not all of the fields, and in another order than they lie.
const group = { name: 'user', floatFeatures: ['spend', 'age'], stringFeatures: [] };
const layout = float32Layout(['age', 'visits', 'spend']);
const reader = layout.createReader({ group, keyPrefix: 'u:' }, silentLogger);

function decode(values: (Buffer | null)[]) {
  const table = new FeatureTableBuffer(group, values.length);
  const tally = reader.decode(repliesOf(values), values.length, table);
  return { table, tally };
}

const rowOf = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

describe('rows of layout float32', () => {
  it('give the features that the group has, by their position', () => {
    const { table, tally } = decode([rowOf(31, 7, 12.5), null, rowOf(Number.NaN, 1, Number.NEGATIVE_INFINITY)]);
    expect([...table.floats.subarray(0, 6)]).toEqual([12.5, 31, Number.NaN, Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN]);
    expect([...table.state.subarray(0, 3)]).toEqual([GROUP_HIT, GROUP_MISS, GROUP_HIT]);
    expect([...table.writtenAtMs.subarray(0, 3)]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(tally).toEqual({ misses: 1, unreadable: 0 });
  });

  it('of any other length are misses, and harm no other row', () => {
    const damaged = fc.uint8Array({ maxLength: 40 }).filter(({ length }) => length !== 12);
    fc.assert(
      fc.property(damaged, (bytes) => {
        const { table, tally } = decode([Buffer.from(bytes), rowOf(1, 2, 3)]);
        expect([...table.state.subarray(0, 2)]).toEqual([GROUP_MISS, GROUP_HIT]);
        expect([...table.floats.subarray(0, 4)]).toEqual([Number.NaN, Number.NaN, 3, 1]);
        expect(tally).toEqual({ misses: 1, unreadable: 1 });
        expect(layout.findFault(Buffer.from(bytes))).toContain(`${bytes.length} bytes, not 12 for 3 fields`);
      }),
    );
    expect(layout.findFault(rowOf(1, 2, 3))).toBeUndefined();
  });

  it.each([
    [{ ...group, floatFeatures: ['spend', 'height'] }, 'height is not among the fields of its rows: age, visits, spend'],
    [{ ...group, stringFeatures: ['city'] }, 'city is a string'],
  ])('cannot serve %o', (other, message) => {
    const create = (): unknown => layout.createReader({ group: other, keyPrefix: 'u:' }, silentLogger);
    expect(create).toThrow(WeirError);
    expect(create).toThrow(message);
  });
});
