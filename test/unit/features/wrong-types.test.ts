import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/silent.ts';
import { WrongTypes } from '../../../src/core/wrong-types.ts';
import { float32Layout } from '../../../src/features/layouts/float32.ts';
import { hashLayout } from '../../../src/features/layouts/hash.ts';
import { jsonLayout } from '../../../src/features/layouts/json.ts';
import type { Layout } from '../../../src/features/layouts/layout.ts';
import { packedLayout } from '../../../src/features/layouts/packed.ts';
import { FeatureTableBuffer } from '../../../src/pipeline/feature-table.ts';
import { type Reply, repliesOf } from './wire/resp.ts';

const GROUP = { name: 'g', floatFeatures: ['a', 'b'], stringFeatures: ['s'] };
const NUMBERS = { ...GROUP, stringFeatures: [] };

/** State of each entity, and which of its values are of a wrong type. */
function read(layout: Layout, replies: readonly Reply[], count: number, group = GROUP): unknown[] {
  const table = new FeatureTableBuffer(group, 1);
  const reader = layout.createReader({ group, keyPrefix: '' }, silentLogger);
  table.reserve(count);
  // Those of an earlier answer must not shine through.
  for (let entity = 0; entity < count; entity++) table.wrongTypes.noteAll(entity);
  const { unreadable } = reader.decode(repliesOf(...replies), count, table);
  const names = [...group.floatFeatures, ...group.stringFeatures];
  const found = Array.from({ length: count }, (_, entity) => [
    table.state[entity],
    names.filter((_name, feature) => table.wrongTypes.has(entity, feature)),
  ]);
  return [...found, unreadable];
}

const HIT = 0;
const MISS = 1;

describe('values of a wrong type in a store', () => {
  it('json: single values are noted, and all of what is no object', () => {
    const values = [{ a: 1, b: '2.5', s: 'x' }, { a: 'much', b: true, s: 7 }, { a: [1], b: null, s: { deep: 1 } }, {}, [1]].map((value) =>
      JSON.stringify(value),
    );
    expect(read(jsonLayout, [[...values, '{"a":', null]], 7)).toEqual([
      [HIT, []],
      [HIT, ['a']],
      [HIT, ['a', 's']],
      [HIT, []],
      [MISS, ['a', 'b', 's']],
      [MISS, ['a', 'b', 's']],
      [MISS, []],
      5,
    ]);
  });

  it('hash: texts that are no numbers, and keys of another type', () => {
    const wrongType = new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
    const replies = [['1', '-2e3', 'x', '5'], ['one', '', 'y', null], wrongType, [null, null, null, null]];
    expect(read(hashLayout, replies, 4)).toEqual([[HIT, []], [HIT, ['a']], [MISS, ['a', 'b', 's']], [MISS, []], 2]);
  });

  it('float32 and packed: rows that are not of the layout', () => {
    expect(read(float32Layout(['a', 'b']), [[Buffer.alloc(8), Buffer.alloc(9), null]], 3, NUMBERS)).toEqual([
      [HIT, []],
      [MISS, ['a', 'b']],
      [MISS, []],
      1,
    ]);
    expect(read(packedLayout, [['no packed row', null]], 2)).toEqual([[MISS, ['a', 'b', 's']], [MISS, []], 1]);
  });
});

describe('WrongTypes', () => {
  it('grows with what is noted, and forgets', () => {
    const wrong = new WrongTypes(3);
    expect([wrong.has(0, 0), wrong.has(999, 2)]).toEqual([false, false]);
    wrong.note(40, 2);
    wrong.note(2, 0);
    expect([wrong.count, wrong.has(40, 2), wrong.has(2, 0), wrong.has(40, 1)]).toEqual([2, true, true, false]);
    wrong.clear();
    expect([wrong.count, wrong.has(40, 2)]).toEqual([0, false]);
  });
});
