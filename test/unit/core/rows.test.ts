import { describe, expect, it } from 'vitest';
import { BytesColumn } from '../../../src/core/bytes-column.ts';
import { ERROR_TABLE, isRetriable, RECORD_ERROR_CODES, WeirError, weirErrorFrom } from '../../../src/core/errors.ts';
import { type ColumnSpec, createRowLayout } from '../../../src/core/layout.ts';
import { positionAfter } from '../../../src/core/records.ts';
import { Rows, STATUS_OK, STATUS_SKIPPED, statusOf } from '../../../src/core/rows.ts';
import { recordBatch } from '../../support/records.ts';

const float = (name: string, binding: ColumnSpec['binding'] = { from: 'event', path: [name] }): ColumnSpec => ({
  name,
  kind: 'float',
  binding,
  required: false,
  onInvalid: 'flag',
});
const text = (name: string): ColumnSpec => ({ ...float(name), kind: 'string' });

const layout = createRowLayout(
  [
    { name: 'a', kind: 'float', columns: [float('a0'), float('a1', { from: 'group', group: 'g', feature: 'x' })] },
    { name: 's', kind: 'string', columns: [text('s0')] },
    { name: 'b', kind: 'float', columns: [float('b0')] },
  ],
  { entities: new Map([['g', ['id']]]) },
);

describe('createRowLayout', () => {
  it('gives every column its tensor, slot and lane, and collects groups', () => {
    expect(layout.columns.map((c) => [c.name, c.index, c.tensor, c.slot, c.lane])).toEqual([
      ['a0', 0, 0, 0, 0],
      ['a1', 1, 0, 1, 0],
      ['s0', 2, 1, 0, 0],
      ['b0', 3, 2, 0, 1],
    ]);
    expect(layout.floatWidths).toEqual([2, 1]);
    expect(layout.groups.map((g) => [g.name, g.entity, g.columns.map((c) => c.name)])).toEqual([['g', ['id'], ['a1']]]);
  });

  it('names the column whose group is not defined', () => {
    const inputs = [{ name: 'a', kind: 'float' as const, columns: [float('z', { from: 'group', group: 'nowhere', feature: 'x' })] }];
    expect(() => createRowLayout(inputs, { entities: new Map() })).toThrow(/z.*nowhere/);
  });
});

describe('Rows', () => {
  it('forgets the last batch when it is reset', () => {
    const rows = new Rows(layout, 4);
    const records = recordBatch([
      { value: 'x', timestampMs: 11 },
      { value: 'y', timestampMs: 12 },
      { value: 'z', timestampMs: 13 },
    ]);
    rows.reset([{ records, from: 0, to: 3, fromRow: 0 }]);
    rows.fail(1, 'decode_failed', 'broken');
    rows.floats[0]!.fill(5);
    rows.texts[0]!.setText(2, 'hello');
    rows.degrade(2, 3);
    rows.reset([{ records, from: 1, to: 3, fromRow: 0 }]);
    expect(rows.count).toBe(2);
    expect([...rows.eventTimeMs.subarray(0, 2)]).toEqual([12, 13]);
    expect([...rows.status.subarray(0, 2)]).toEqual([STATUS_OK, STATUS_OK]);
    expect([...rows.floats[0]!.subarray(0, 4)]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect(rows.texts[0]!.text(1)).toBeUndefined();
    expect([rows.failed, rows.messageOf(1), rows.isDegraded(0), rows.isDegraded(1)]).toEqual([0, '', false, false]);
  });

  it('keeps the first failure of a row and counts each row once', () => {
    const rows = new Rows(layout, 2);
    rows.reset([{ records: recordBatch([{ value: 'x' }, { value: 'y' }]), from: 0, to: 2, fromRow: 0 }]);
    rows.fail(0, 'out_of_range', 'first');
    rows.fail(0, 'decode_failed', 'second');
    rows.skip(0);
    rows.skip(1);
    expect([rows.codeOf(0), rows.messageOf(0), rows.failed]).toEqual(['out_of_range', 'first', 2]);
    expect([rows.status[1], rows.codeOf(1)]).toEqual([STATUS_SKIPPED, undefined]);
    rows.withdraw(0);
    expect([rows.codeOf(0), rows.failed]).toEqual([undefined, 2]);
  });

  it('names the columns that hold a stand-in', () => {
    const rows = new Rows(layout, 2);
    rows.reset([{ records: recordBatch([{ value: 'x' }, { value: 'y' }]), from: 0, to: 2, fromRow: 0 }]);
    rows.degrade(1, 1);
    rows.degrade(1, 3);
    expect([rows.degradedNames(0), rows.degradedNames(1)]).toEqual([[], ['a1', 'b0']]);
  });
});

describe('BytesColumn', () => {
  it('keeps short and long values over growth, null apart from empty', () => {
    const column = new BytesColumn(50, 1);
    const values = Array.from({ length: 50 }, (_, i) => (i % 7 === 0 ? undefined : 'é'.repeat(i)));
    values.forEach((v, i) => {
      if (v !== undefined) {
        const bytes = Buffer.from(`--${v}`);
        column.set(i, bytes, 2, bytes.length - 2);
      }
    });
    expect(values.map((_, i) => column.text(i))).toEqual(values);
    column.setText(0, '');
    expect([column.text(0), column.isNull(0), column.isNull(7)]).toEqual(['', false, true]);
  });
});

describe('errors', () => {
  it('gives each record error a status of its own', () => {
    const statuses = RECORD_ERROR_CODES.map(statusOf);
    expect(new Set(statuses).size).toBe(statuses.length);
    expect(Math.min(...statuses)).toBe(1);
    expect(Math.max(...statuses)).toBeLessThan(STATUS_SKIPPED);
  });

  it('says what happened and what to do, in whole sentences', () => {
    for (const [code, { title, action }] of Object.entries(ERROR_TABLE)) {
      expect(title, code).toMatch(/^[A-Z].*\.$/);
      expect(action, code).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('takes what it does not know for fatal', () => {
    expect(weirErrorFrom('boom')).toMatchObject({ code: 'unknown', kind: 'fatal' });
    expect(isRetriable(new Error('x'))).toBe(false);
    expect(isRetriable(new WeirError('store_unavailable', 'x'))).toBe(true);
  });
});

describe('positionAfter', () => {
  it('is the next record of the batch, or the position after the whole batch with its control records', () => {
    const records = { ...recordBatch([{ value: 'x' }, { value: 'y' }], { firstOffset: 40 }), nextOffset: 45 };
    expect(positionAfter({ records, from: 0, to: 1, fromRow: 0 }).nextOffset).toBe(41);
    expect(positionAfter({ records, from: 1, to: 2, fromRow: 0 }).nextOffset).toBe(45);
  });
});
