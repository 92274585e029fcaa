/** The steps on values of a wrong type in a store, and on values that are only compared with a column. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import type { PipelineMetrics } from '../../../src/core/ports.ts';
import { GROUP_MISS, GROUP_UNAVAILABLE, type Rows, STATUS_OK } from '../../../src/core/rows.ts';
import { createMemoryStore, type MemoryData } from '../../../src/features/index.ts';
import { createEnricher, type EnrichedGroup, featureGroupOf } from '../../../src/pipeline/enrich.ts';
import { createValidator } from '../../../src/pipeline/validate.ts';
import { column, rowsOf, spied } from '../../support/enriching.ts';

const entities = new Map([
  ['g', ['id']],
  ['h', ['id']],
]);
const metrics = { invalid: () => {} } as unknown as PipelineMetrics;

function setUp(layout: RowLayout, data: MemoryData, policy: Partial<EnrichedGroup> = {}) {
  const store = createMemoryStore(data);
  const readers = layout.groups.map((group) => spied(store.reader(featureGroupOf(group))));
  const groups = layout.groups.map(
    (group, i): EnrichedGroup => ({ layout: group, reader: readers[i]!, onMissing: 'default', onUnavailable: 'pause', ...policy }),
  );
  return { enrich: createEnricher({ layout, groups, clock: new ManualClock(0) }), readers };
}

/** Names of the columns that were given a wrong type in each row. */
const wrongTypes = (rows: Rows): string[][] =>
  Array.from({ length: rows.count }, (_, row) =>
    rows.layout.columns
      .filter(({ index }) => ((rows.wrongTypes[row * rows.layout.degradedWords + (index >>> 5)] ?? 0) >>> (index & 31)) & 1)
      .map(({ name }) => name),
  );

describe('a store value of a wrong type', () => {
  const layout = createRowLayout(
    [
      {
        name: 'x',
        kind: 'float',
        columns: [column('a', 'g.a', { default: 7 }), column('b', 'g.b', { required: true }), column('a2', 'g.a')],
      },
      { name: 's', kind: 'string', columns: [column('s', 'g.s', { kind: 'string' })] },
    ],
    { entities },
  );
  const data = { g: { good: { a: 1, b: 2, s: 'x' }, odd: { a: 'one', b: 2, s: 'x' }, bad: { a: 1, b: 'two', s: [1] } } } as never;

  it('marks its columns in each row of the entity, and is no value otherwise', async () => {
    const { enrich } = setUp(layout, data);
    const rows = rowsOf({ g: ['good', 'odd', 'bad', 'odd', null, 'nobody'] }, layout);
    await enrich(rows);
    expect(wrongTypes(rows)).toEqual([[], ['a', 'a2'], ['b', 's'], ['a', 'a2'], [], []]);
    createValidator(layout, metrics)(rows);
    expect(rows.float(1, layout.columns[0]!)).toBe(7);
    expect(rows.float(1, layout.columns[2]!)).toBeNaN();
    expect([1, 2].map((row) => rows.codeOf(row))).toEqual([undefined, 'missing_required']);
    expect([1, 2, 0].map((row) => rows.hasWrongType(row))).toEqual([true, true, false]);
  });

  it('leaves no mark behind for the next batch', async () => {
    const { enrich } = setUp(layout, data);
    const rows = rowsOf({ g: ['odd'] }, layout);
    await enrich(rows);
    expect(rows.wrongTypeCount).toBe(2);
    rows.reset(rows.slices);
    rows.entities[0]!.setText(0, 'good');
    await enrich(rows);
    expect([rows.wrongTypeCount, wrongTypes(rows)]).toEqual([0, [[]]]);
  });
});

describe('values that are only compared', () => {
  const compareWith = { from: 'group', group: 'h', feature: 'a' } as const;
  const layout = createRowLayout([{ name: 'x', kind: 'float', columns: [column('a', 'g.a', { compareWith, min: 0, max: 5 })] }], {
    entities,
  });
  const other = layout.comparisons[0]!.other;
  const data: MemoryData = { g: { one: { a: 1 }, two: { a: 2 } }, h: { one: { a: 1e9 } } };
  const of = (rows: Rows): unknown[] =>
    Array.from({ length: rows.count }, (_, row) => [rows.float(row, layout.columns[0]!), rows.float(row, other), rows.status[row]]);

  it('come from their group, and no policy and no range applies to them', async () => {
    const { enrich } = setUp(layout, data, { onMissing: 'dead-letter', onUnavailable: 'dead-letter' });
    const rows = rowsOf({ g: ['one', 'two'], h: ['one', 'two'] }, layout);
    await enrich(rows);
    createValidator(layout, metrics)(rows);
    expect(of(rows)).toEqual([
      [1, 1e9, STATUS_OK],
      [2, NaN, STATUS_OK],
    ]);
    expect([...rows.groupState[1]!.subarray(0, 2)]).toEqual([0, GROUP_MISS]);
    expect([rows.isDegraded(0), rows.isDegraded(1)]).toEqual([false, false]);
  });

  it('hold nothing up while their store does not answer', async () => {
    const { enrich, readers } = setUp(layout, data);
    readers[1]!.failure = new WeirError('store_unavailable', 'test');
    const rows = rowsOf({ g: ['one'], h: ['one'] }, layout);
    await enrich(rows);
    expect(of(rows)).toEqual([[1, NaN, STATUS_OK]]);
    expect(rows.groupState[1]![0]).toBe(GROUP_UNAVAILABLE);
    readers[0]!.failure = new WeirError('store_unavailable', 'test');
    await expect(enrich(rows)).rejects.toThrow('test');
  });

  it('of the same group are one more feature of its read', () => {
    const same = createRowLayout(
      [
        {
          name: 'x',
          kind: 'float',
          columns: [column('a', 'g.a'), column('e', 'event.e', { compareWith: { ...compareWith, group: 'g', feature: 'e' } })],
        },
      ],
      { entities },
    );
    expect(same.groups.map(featureGroupOf)).toEqual([{ name: 'g', floatFeatures: ['a', 'e'], stringFeatures: [] }]);
    const strange = [{ name: 'x', kind: 'float' as const, columns: [column('a', 'g.a', { compareWith: { ...compareWith, group: 'k' } })] }];
    expect(() => createRowLayout(strange, { entities })).toThrow(/a is bound to feature group k/);
  });
});
