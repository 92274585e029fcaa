import { describe, expect, it } from 'vitest';
import { compilePlan, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { type ColumnSpec, createRowLayout } from '../../../../src/core/layout.ts';
import { Rows, STATUS_OK } from '../../../../src/core/rows.ts';
import { double, float, long, text } from '../../../oracle/bytes.ts';

const spec = (name: string, more: Partial<ColumnSpec> = {}): ColumnSpec => ({
  ...{ name, kind: 'float', binding: { from: 'event', path: [name] }, required: false, onInvalid: 'flag' },
  ...more,
});
const record = (fields: Readonly<Record<string, unknown>>): object => ({
  ...{ type: 'record', name: 'R' },
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});
const RECORD_TIME = 1234;

function decode(
  writer: object,
  columns: readonly ColumnSpec[],
  datum: Buffer,
  reader?: object,
): { rows: Rows; end: number; warnings: readonly string[] } {
  const layout = createRowLayout([{ name: 'x', kind: 'float', columns }], { entities: new Map(), eventTime: ['at'] });
  const plan = compilePlan(parseAvroSchema(writer), reader && parseAvroSchema(reader), layout);
  const rows = new Rows(layout, 1);
  const records = { timestamps: new Float64Array(1).fill(RECORD_TIME) } as unknown as Rows['slices'][number]['records'];
  rows.reset([{ records, from: 0, to: 1, fromRow: 0 }]);
  return { rows, end: plan.decode(datum, 0, datum.length, rows, 0), warnings: plan.warnings };
}

const MIXED = ['null', 'float', 'string'];

describe('a branch of a union that a column does not take', () => {
  const writer = record({ x: MIXED, y: 'float', z: MIXED, at: 'long' });
  const columns = [spec('x'), spec('y'), spec('z')];

  it('fails the row and marks its columns; the rest is read, for the event time', () => {
    const { rows, end } = decode(writer, columns, Buffer.concat([long(2), text('one'), float(2), long(2), text('three'), long(99)]));
    expect([end, rows.codeOf(0), rows.eventTimeMs[0], rows.wrongTypes[0]]).toEqual([-1, 'data_unresolvable', 99, 0b101]);
    expect(rows.messageOf(0)).toBe('event.x is string, but column x needs a number, boolean or decimal.');
  });

  it('leaves no mark where the others are', () => {
    const good = decode(writer, columns, Buffer.concat([long(1), float(1), float(2), long(0), long(99)]));
    expect([good.rows.status[0], good.rows.wrongTypeCount, good.rows.eventTimeMs[0]]).toEqual([STATUS_OK, 0, 99]);
  });

  it('of the event time itself marks nothing', () => {
    const strange = record({ x: 'float', at: ['long', 'string'] });
    const { rows, end } = decode(strange, [spec('x')], Buffer.concat([float(1), long(1), text('noon')]));
    expect([end, rows.codeOf(0), rows.wrongTypeCount]).toEqual([-1, 'data_unresolvable', 0]);
  });
});

describe('fields that are only compared', () => {
  const columns = [spec('x', { compareWith: { from: 'event', path: ['o', 'x'] } })];
  const values = ({ rows }: { rows: Rows }): unknown[] => {
    const { column, other } = rows.layout.comparisons[0]!;
    return [rows.status[0], rows.float(0, column), rows.float(0, other), rows.eventTimeMs[0]];
  };

  it('are read beside the column', () => {
    const writer = record({ o: { type: 'record', name: 'O', fields: [{ name: 'x', type: 'double' }] }, x: 'float', at: 'long' });
    expect(values(decode(writer, columns, Buffer.concat([double(2.5), float(1), long(5)])))).toEqual([STATUS_OK, 1, 2.5, 5]);
  });

  it.each([
    ['of a type that cannot be compared', { type: 'record', name: 'O', fields: [{ name: 'x', type: 'string' }] }, text('two')],
    ['of a branch that cannot', { type: 'record', name: 'O', fields: [{ name: 'x', type: MIXED }] }, Buffer.concat([long(2), text('two')])],
    ['below something that is no record', 'string', text('two')],
    ['that are absent', { type: 'record', name: 'O', fields: [{ name: 'w', type: 'float' }] }, float(3)],
  ])('%s cost a warning at most, not the record', (_, type, bytes) => {
    const decoded = decode(record({ o: type, x: 'float', at: 'long' }), columns, Buffer.concat([bytes, float(1), long(5)]));
    expect(values(decoded)).toEqual([STATUS_OK, 1, Number.NaN, 5]);
    expect(decoded.rows.wrongTypeCount).toBe(0);
  });

  it('that the writer lacks and the reader has no default for are not compared', () => {
    const inner = { type: 'record', name: 'O', fields: [{ name: 'x', type: 'float' }] };
    const bytes = Buffer.concat([float(1), long(5)]);
    expect(values(decode(record({ x: 'float', at: 'long' }), columns, bytes, record({ x: 'float', at: 'long', o: inner })))).toEqual([
      ...[STATUS_OK, 1, Number.NaN, 5],
    ]);
  });
});
