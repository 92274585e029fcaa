import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DistinctKeys } from '../../../src/core/byte-keys.ts';
import { BytesColumn } from '../../../src/core/bytes-column.ts';
import { STATUS_SKIPPED } from '../../../src/core/rows.ts';

function columnOf(values: readonly (Uint8Array | null)[]): BytesColumn {
  const column = new BytesColumn(Math.max(1, values.length));
  column.clear(values.length);
  for (const [row, value] of values.entries()) if (value) column.set(row, value, 0, value.length);
  return column;
}

/** What `DistinctKeys` must give, by way of strings and a Map. */
function expected(values: readonly (Uint8Array | null)[], ok: (row: number) => boolean): { keyOfRow: number[]; keys: string[] } {
  const numbers = new Map<string, number>();
  const keyOfRow = values.map((value, row) => {
    if (value === null || !ok(row)) return -1;
    const text = Buffer.from(value).toString('hex');
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text)!;
  });
  return { keyOfRow, keys: [...numbers.keys()] };
}

function actual(distinct: DistinctKeys, rows: number): { keyOfRow: number[]; keys: string[] } {
  const { column, count } = distinct;
  const keys = Array.from({ length: count }, (_, key) => {
    const at = column.start[key]!;
    return column.arena.toString('hex', at, at + column.length[key]!);
  });
  return { keyOfRow: [...distinct.keyOfRow.subarray(0, rows)], keys };
}

const bytes = fc.oneof(fc.uint8Array({ maxLength: 3, max: 2 }), fc.uint8Array({ maxLength: 40 }), fc.constant(null));

describe('DistinctKeys', () => {
  it('agrees with a Map for any batches, one after another in one table', () => {
    const batches = fc.array(fc.array(fc.tuple(bytes, fc.boolean()), { maxLength: 200 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(batches, (list) => {
        const distinct = new DistinctKeys(8);
        for (const batch of list) {
          const values = batch.map(([value]) => value);
          const status = Uint8Array.from(batch, ([, ok]) => (ok ? 0 : STATUS_SKIPPED));
          distinct.assign(columnOf(values), values.length, status);
          expect(actual(distinct, values.length)).toEqual(expected(values, (row) => status[row] === 0));
        }
      }),
    );
  });

  it('takes every row without a status lane', () => {
    const distinct = new DistinctKeys(1);
    distinct.assign(columnOf([Buffer.from('a'), null, Buffer.from('a'), Buffer.from('')]), 4);
    expect([...distinct.keyOfRow.subarray(0, 4)]).toEqual([0, -1, 0, 1]);
    expect(distinct.count).toBe(2);
    expect(distinct.column.text(1)).toBe('');
  });

  it('keeps its keys when the column they came from is used again', () => {
    const from = columnOf([Buffer.from('first'), Buffer.from('second')]);
    const distinct = new DistinctKeys(2);
    distinct.assign(from, 2);
    from.arena.fill(0);
    from.clear(2);
    expect([distinct.column.text(0), distinct.column.text(1)]).toEqual(['first', 'second']);
  });

  it('tells keys with one hash apart', () => {
    // FNV-1a 32 gives "costarring" and "liquid" the same hash (a known pair), as it does "declinate" and "macallums".
    const words = ['costarring', 'liquid', 'declinate', 'macallums', 'liquid', 'costarring'];
    const distinct = new DistinctKeys(8);
    distinct.assign(columnOf(words.map((word) => Buffer.from(word))), words.length);
    expect([...distinct.keyOfRow.subarray(0, 6)]).toEqual([0, 1, 2, 3, 1, 0]);
  });

  it('finds 5,000 distinct keys and one repeated 5,000 times', () => {
    const distinct = new DistinctKeys(512);
    const many = Array.from({ length: 5000 }, (_, i) => Buffer.from(`entity-${i}`));
    distinct.assign(columnOf(many), many.length);
    expect(distinct.count).toBe(5000);
    distinct.assign(columnOf(Array.from({ length: 5000 }, () => Buffer.from('one'))), 5000);
    expect(distinct.count).toBe(1);
    expect(new Set(distinct.keyOfRow.subarray(0, 5000))).toEqual(new Set([0]));
  });
});
