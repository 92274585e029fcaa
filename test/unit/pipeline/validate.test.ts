import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ColumnSpec, createRowLayout } from '../../../src/core/layout.ts';
import type { PipelineMetrics } from '../../../src/core/ports.ts';
import { GROUP_MISS, Rows } from '../../../src/core/rows.ts';
import { silentMetrics } from '../../../src/core/silent.ts';
import { createValidator } from '../../../src/pipeline/validate.ts';

const base: ColumnSpec = { name: 'a', kind: 'float', binding: { from: 'event', path: ['a'] }, required: false, onInvalid: 'dead-letter' };

interface Validated {
  readonly rows: Rows;
  readonly counts: Record<string, number>;
  /** Column `a` after validation. */
  readonly values: number[];
  readonly codes: (string | undefined)[];
  readonly degraded: string[][];
}

/** Validates rows of one float column `a` (and a neighbour `b` that holds 7) and counts what metrics are told. */
function validate(spec: Partial<ColumnSpec>, values: readonly number[], prepare: (rows: Rows) => void = () => {}): Validated {
  const neighbour: ColumnSpec = { ...base, name: 'b', binding: { from: 'event', path: ['b'] } };
  const layout = createRowLayout([{ name: 'x', kind: 'float', columns: [{ ...base, ...spec }, neighbour] }], {
    entities: new Map([['plane', ['tailnum']]]),
  });
  const counts: Record<string, number> = {};
  const metrics: PipelineMetrics = {
    ...silentMetrics,
    invalid(column, action, count) {
      counts[`${column} ${action}`] = (counts[`${column} ${action}`] ?? 0) + count;
    },
  };
  const rows = new Rows(layout, values.length + 2);
  rows.count = values.length;
  for (const [row, value] of values.entries()) rows.floats[0]!.set([value, 7], row * 2);
  prepare(rows);
  createValidator(layout, metrics)(rows);
  const each = <T>(read: (row: number) => T): T[] => values.map((_, row) => read(row));
  return {
    rows,
    counts,
    values: each((row) => rows.floats[0]![row * 2]!),
    codes: each((row) => rows.codeOf(row)),
    degraded: each((row) => rows.degradedNames(row)),
  };
}

describe('createValidator, numbers', () => {
  it('leaves good values and NaN that is not required alone', () => {
    const { values, codes, degraded, counts } = validate({ min: 0, max: 10 }, [0, 10, 5.5, Number.NaN]);
    expect(values).toEqual([0, 10, 5.5, Number.NaN]);
    expect(codes).toEqual([undefined, undefined, undefined, undefined]);
    expect(degraded.flat()).toEqual([]);
    expect(counts).toEqual({});
  });

  it('leaves rows that the store does not have to the policy of their group: no default, but required still counts', () => {
    const binding = { from: 'group', group: 'plane', feature: 'a' } as const;
    const miss = (rows: Rows): void => void (rows.groupState[0]![1] = GROUP_MISS);
    const lenient = validate({ binding, default: 0.5 }, [Number.NaN, Number.NaN], miss);
    expect(lenient.values).toEqual([0.5, Number.NaN]);
    expect(lenient.degraded).toEqual([['a'], []]);
    expect(validate({ binding, default: 0.5, required: true }, [Number.NaN, Number.NaN], miss).codes).toEqual([
      undefined,
      'missing_required',
    ]);
  });

  it('puts the default in place of no value and says so, for event and group columns', () => {
    for (const binding of [base.binding, { from: 'group', group: 'plane', feature: 'a' } as const]) {
      const { values, degraded, codes } = validate({ binding, default: 0.1, required: true }, [1, Number.NaN]);
      expect(values).toEqual([1, Math.fround(0.1)]);
      expect(degraded).toEqual([[], ['a']]);
      expect(codes).toEqual([undefined, undefined]);
    }
  });

  it('fails rows without a required value', () => {
    const { codes, counts, rows } = validate({ required: true }, [1, Number.NaN, Number.NaN]);
    expect(codes).toEqual([undefined, 'missing_required', 'missing_required']);
    expect(rows.messageOf(1)).toBe('Column a has no value.');
    expect(rows.failed).toBe(2);
    expect(counts).toEqual({ 'a dead-letter': 2 });
  });

  it('dead-letters what is out of range or infinite, and says which', () => {
    const { codes, rows, counts } = validate({ min: -1, max: 2 }, [-1.5, 2.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2]);
    expect(codes).toEqual(['out_of_range', 'out_of_range', 'not_finite', 'not_finite', undefined]);
    expect([0, 1, 2].map((row) => rows.messageOf(row))).toEqual([
      'Column a is below its min of -1.',
      'Column a is above its max of 2.',
      'Column a is infinite.',
    ]);
    expect(counts).toEqual({ 'a dead-letter': 4 });
  });

  it('dead-letters infinity without a range, too', () => {
    expect(validate({}, [Number.POSITIVE_INFINITY, 3.4e38]).codes).toEqual(['not_finite', undefined]);
  });

  it('clamps to the bounds; infinity without a bound on its side is a dead letter', () => {
    const both = validate({ min: -1, max: 2, onInvalid: 'clamp' }, [-9, 9, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]);
    expect(both.values).toEqual([-1, 2, 2, -1, 0]);
    expect(both.degraded).toEqual([['a'], ['a'], ['a'], ['a'], []]);
    expect(both.counts).toEqual({ 'a clamp': 4 });
    const one = validate({ max: 2, onInvalid: 'clamp' }, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e30]);
    expect(one.values[0]).toBe(2);
    expect(one.values[2]).toBe(Math.fround(-1e30));
    expect(one.codes).toEqual([undefined, 'not_finite', undefined]);
    expect(one.counts).toEqual({ 'a clamp': 1, 'a dead-letter': 1 });
  });

  it('puts the default, or no value, in place of invalid ones', () => {
    const given = validate({ min: 0, default: 3, onInvalid: 'default' }, [-1, Number.NEGATIVE_INFINITY]);
    expect(given.values).toEqual([3, 3]);
    expect(given.counts).toEqual({ 'a default': 2 });
    expect(validate({ min: 0, onInvalid: 'default' }, [-1]).values).toEqual([Number.NaN]);
  });

  it('flags and keeps', () => {
    const { values, degraded, codes, counts } = validate({ min: 0, max: 250, onInvalid: 'flag' }, [1048.36, 3, Number.POSITIVE_INFINITY]);
    expect(values).toEqual([Math.fround(1048.36), 3, Number.POSITIVE_INFINITY]);
    expect(degraded).toEqual([['a'], [], ['a']]);
    expect(codes).toEqual([undefined, undefined, undefined]);
    expect(counts).toEqual({ 'a flag': 2 });
  });

  it('compares bounds as float32, so that a bound itself is in range', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e30, max: 1e30, noNaN: true }), (bound) => {
        expect(validate({ min: bound, max: bound }, [bound]).codes).toEqual([undefined]);
      }),
    );
  });

  it('leaves rows that have failed before alone, neither counting nor degrading them, and makes them harmless', () => {
    const { values, degraded, codes, counts, rows } = validate({ min: 0, default: 1, onInvalid: 'clamp' }, [-5, Number.NaN, -5], (r) => {
      r.fail(0, 'decode_failed', 'bad');
      r.skip(1);
    });
    expect(codes).toEqual(['decode_failed', undefined, undefined]);
    expect(values).toEqual([0, 0, 0]);
    expect([...rows.floats[0]!.subarray(0, 6)]).toEqual([0, 0, 0, 0, 0, 7]);
    expect(degraded).toEqual([[], [], ['a']]);
    expect(counts).toEqual({ 'a clamp': 1 });
  });

  it('leaves every ok row finite or NaN and in range, whatever comes in', () => {
    const action = fc.constantFrom<ColumnSpec['onInvalid']>('dead-letter', 'clamp', 'default');
    const value = fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY));
    fc.assert(
      fc.property(action, fc.boolean(), fc.array(value, { maxLength: 20 }), (onInvalid, required, values) => {
        const result = validate({ min: -10, max: 10, default: 0.5, onInvalid, required }, values);
        for (const [row, out] of result.values.entries()) {
          const input = values[row]!;
          if (result.codes[row]) expect(out).toBe(0);
          else expect(out >= -10 && out <= 10).toBe(true);
          const good = input >= -10 && input <= 10;
          expect(good).toBe(result.codes[row] === undefined && result.degraded[row]!.length === 0);
        }
        expect(result.rows.failed).toBe(result.codes.filter(Boolean).length);
      }),
    );
  });
});

describe('createValidator, strings', () => {
  const run = (spec: Partial<ColumnSpec>): Rows => {
    const column: ColumnSpec = { ...base, name: 'city', kind: 'string', ...spec };
    const layout = createRowLayout([{ name: 'x', kind: 'string', columns: [column] }], { entities: new Map() });
    const rows = new Rows(layout, 4);
    rows.count = 4;
    rows.texts[0]!.setText(1, 'Oslo');
    rows.texts[0]!.setText(3, '');
    createValidator(layout, silentMetrics)(rows);
    return rows;
  };
  const texts = (rows: Rows): (string | undefined)[] => [0, 1, 2, 3].map((row) => rows.texts[0]!.text(row));

  it('leaves no value alone where it is neither required nor has a default', () => {
    const rows = run({});
    expect(texts(rows)).toEqual([undefined, 'Oslo', undefined, '']);
    expect(rows.failed).toBe(0);
  });

  it('puts the default in place; the empty string is a value', () => {
    const rows = run({ default: 'nowhere' });
    expect(texts(rows)).toEqual(['nowhere', 'Oslo', 'nowhere', '']);
    expect([0, 1, 2, 3].map((row) => rows.isDegraded(row))).toEqual([true, false, true, false]);
  });

  it('fails rows without a required value', () => {
    const rows = run({ required: true });
    expect([0, 1, 2, 3].map((row) => rows.codeOf(row))).toEqual(['missing_required', undefined, 'missing_required', undefined]);
  });

  it('takes the texts of failed rows away', () => {
    const column: ColumnSpec = { ...base, name: 'city', kind: 'string' };
    const layout = createRowLayout([{ name: 'x', kind: 'string', columns: [column] }], { entities: new Map() });
    const rows = new Rows(layout, 2);
    rows.count = 2;
    rows.texts[0]!.setText(0, 'Oslo');
    rows.texts[0]!.setText(1, 'Rome');
    rows.fail(0, 'decode_failed', '');
    createValidator(layout, silentMetrics)(rows);
    expect([0, 1].map((row) => rows.texts[0]!.text(row))).toEqual([undefined, 'Rome']);
  });
});

describe('createValidator, lists', () => {
  /** Validates rows of a list of three between two columns that hold 100. */
  function validateLists(spec: Partial<ColumnSpec>, lists: readonly (readonly number[])[]) {
    const counts: Record<string, number> = {};
    const layout = createRowLayout(
      [
        {
          name: 'x',
          kind: 'float',
          columns: [
            { ...base, name: 'b' },
            { ...base, size: 3, ...spec },
            { ...base, name: 'c' },
          ],
        },
      ],
      { entities: new Map() },
    );
    const rows = new Rows(layout, lists.length);
    rows.count = lists.length;
    for (const [row, list] of lists.entries()) rows.floats[0]!.set([100, ...list, 100], row * 5);
    const metrics = {
      ...silentMetrics,
      invalid: (name: string, action: string, count: number) => void (counts[`${name} ${action}`] = count),
    };
    createValidator(layout, metrics)(rows);
    const told = lists.map((_, row) =>
      rows.codeOf(row) ? `${rows.codeOf(row)}: ${rows.messageOf(row)}` : [...rows.floats[0]!.subarray(row * 5, row * 5 + 5)],
    );
    return { told, counts, degraded: lists.map((_, row) => rows.degradedNames(row)) };
  }

  it('judges each element and says which', () => {
    const { told, counts } = validateLists({ required: true, min: 0, max: 1 }, [
      [0, 1, 0.5],
      [0, 2, -1],
      [0, 0, -1],
      [Number.NaN, 0, 0],
      [0, Number.POSITIVE_INFINITY, 0],
    ]);
    expect(told).toEqual([
      [100, 0, 1, 0.5, 100],
      'out_of_range: Element 1 of column a is above its max of 1.',
      'out_of_range: Element 2 of column a is below its min of 0.',
      'missing_required: Element 0 of column a has no value.',
      'not_finite: Element 1 of column a is infinite.',
    ]);
    expect(counts).toEqual({ 'a dead-letter': 4 });
  });

  it('clamps and fills in elements; the column is named once', () => {
    const { told, degraded, counts } = validateLists({ default: 7, min: 0, max: 10, onInvalid: 'clamp' }, [
      [Number.NaN, 11, -1],
      [1, 2, 3],
    ]);
    expect(told).toEqual([
      [100, 7, 10, 0, 100],
      [100, 1, 2, 3, 100],
    ]);
    expect(degraded).toEqual([['a'], []]);
    expect(counts).toEqual({ 'a clamp': 2 });
  });
});
