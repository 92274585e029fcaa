import { describe, expect, it } from 'vitest';
import { checkBindings, compilePlan, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { type ColumnSpec, type RowLayout, createRowLayout } from '../../../../src/core/layout.ts';
import { Rows } from '../../../../src/core/rows.ts';
import { float, hex, long, text } from '../../../oracle/bytes.ts';

interface Wanted {
  readonly floats?: readonly string[];
  readonly texts?: readonly string[];
  readonly entity?: string;
  readonly eventTime?: string;
}

function layoutOf({ floats = [], texts = [], entity, eventTime }: Wanted): RowLayout {
  const column = (path: string, kind: 'float' | 'string'): ColumnSpec => ({
    name: path,
    kind,
    binding: { from: 'event', path: path.split('.') },
    required: false,
    onInvalid: 'flag',
  });
  const grouped: ColumnSpec[] = entity
    ? [{ name: 'g', kind: 'float', binding: { from: 'group', group: 'plane', feature: 'x' }, required: false, onInvalid: 'flag' }]
    : [];
  return createRowLayout(
    [
      { name: 'a', kind: 'float', columns: [...floats.map((f) => column(f, 'float')), ...grouped] },
      { name: 'b', kind: 'string', columns: texts.map((t) => column(t, 'string')) },
    ],
    { entities: new Map(entity ? [['plane', entity.split('.')]] : []), ...(eventTime ? { eventTime: eventTime.split('.') } : {}) },
  );
}

/** A record R with these fields. */
const R = (fields: Readonly<Record<string, unknown>>): object => ({
  type: 'record',
  name: 'R',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});

const RECORD_TIME = 1234;

function decode(writer: unknown, reader: unknown, wanted: Wanted, datum: Buffer): { rows: Rows; end: number; warnings: readonly string[] } {
  const layout = layoutOf(wanted);
  const plan = compilePlan(parseAvroSchema(writer), reader === undefined ? undefined : parseAvroSchema(reader), layout);
  const rows = new Rows(layout, 3);
  const records = { timestamps: new Float64Array(3).fill(RECORD_TIME) } as unknown as Rows['slices'][number]['records'];
  rows.reset([{ records, from: 0, to: 3, fromRow: 0 }]);
  return { rows, end: plan.decode(datum, 0, datum.length, rows, 1), warnings: plan.warnings };
}

const stamp = (logicalType?: string): unknown => (logicalType ? { type: 'long', logicalType } : 'long');

describe('event time', () => {
  it.each([
    ['a plain long', 'long', long(1_700_000_000_123), 1_700_000_000_123],
    ['timestamp-millis', stamp('timestamp-millis'), long(-5), -5],
    ['timestamp-micros', stamp('timestamp-micros'), long(1_700_000_000_123_999n), 1_700_000_000_123],
    ['timestamp-micros before 1970', stamp('timestamp-micros'), long(-1), -1],
    ['timestamp-nanos', stamp('timestamp-nanos'), long(1_700_000_000_123_500_000n), 1_700_000_000_123],
    ['date', { type: 'int', logicalType: 'date' }, long(2), 172_800_000],
    ['null: the time of the record', ['null', 'long'], long(0), RECORD_TIME],
  ])('from %s', (_, type, datum, expected) => {
    const { rows, end } = decode(R({ t: type }), undefined, { eventTime: 't' }, datum);
    expect(end).toBe(datum.length);
    expect([...rows.eventTimeMs]).toEqual([RECORD_TIME, expected, RECORD_TIME]);
  });

  it('is refused beyond what a date can hold', () => {
    const { rows, end } = decode(R({ t: 'long' }), undefined, { eventTime: 't' }, long(2n ** 62n));
    expect(end).toBe(-1);
    expect(rows.codeOf(1)).toBe('data_unresolvable');
    expect(rows.eventTimeMs[1]).toBe(RECORD_TIME);
  });

  it('stays the time of the record in a row that fails later', () => {
    const { rows, end } = decode(R({ t: 'long', s: 'string' }), undefined, { eventTime: 't' }, Buffer.concat([long(5), long(50)]));
    expect(end).toBe(-1);
    expect(rows.eventTimeMs[1]).toBe(RECORD_TIME);
  });
});

describe('columns', () => {
  it('only touch their own row', () => {
    const { rows } = decode(R({ a: 'int', s: 'string' }), undefined, { floats: ['a'], texts: ['s'] }, Buffer.concat([long(-9), text('x')]));
    expect([...rows.floats[0]!]).toEqual([Number.NaN, -9, Number.NaN]);
    expect([0, 1, 2].map((row) => rows.texts[0]!.text(row))).toEqual([undefined, 'x', undefined]);
  });

  it('may share one field among a float column, an entity and the event time', () => {
    const id = 2n ** 52n + 12345n;
    const { rows } = decode(R({ id: 'long' }), undefined, { floats: ['id'], entity: 'id', eventTime: 'id' }, long(id));
    expect(rows.floats[0]![2]).toBe(Math.fround(Number(id)));
    expect(rows.entities[0]!.text(1)).toBe(String(id));
    expect(rows.eventTimeMs[1]).toBe(Number(id));
  });

  it.each([
    ['bytes', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, Buffer.concat([long(2), hex('ff85')]), -1.23],
    ['fixed', { type: 'fixed', name: 'D', size: 3, logicalType: 'decimal', precision: 6, scale: 3 }, hex('0004d2'), 1.234],
  ])('take decimals in %s', (_, type, datum, expected) => {
    const { rows, end } = decode(R({ d: type }), undefined, { floats: ['d'] }, datum);
    expect(end).toBe(datum.length);
    expect(rows.floats[0]![1]).toBe(Math.fround(expected));
  });

  it('refuse a decimal without bytes', () => {
    const type = { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 };
    expect(decode(R({ d: type }), undefined, { floats: ['d'] }, long(0)).rows.codeOf(1)).toBe('decode_failed');
  });

  it('take uuids of 16 bytes as text', () => {
    const type = { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' };
    const { rows } = decode(R({ u: type }), undefined, { texts: ['u'], entity: 'u' }, hex('00112233445566778899aabbccddeeff'));
    expect(rows.texts[0]!.text(1)).toBe('00112233-4455-6677-8899-aabbccddeeff');
    expect(rows.entities[0]!.text(1)).toBe('00112233-4455-6677-8899-aabbccddeeff');
  });

  it('fail a union value that they cannot take, and no other', () => {
    const writer = R({ a: ['null', 'int', 'string'] });
    expect(decode(writer, undefined, { floats: ['a'] }, Buffer.concat([long(1), long(3)])).rows.floats[0]![1]).toBe(3);
    const { rows } = decode(writer, undefined, { floats: ['a'] }, Buffer.concat([long(2), text('x')]));
    expect(rows.codeOf(1)).toBe('data_unresolvable');
    expect(rows.messageOf(1)).toBe('event.a is string, but column a needs a number, boolean or decimal.');
  });

  it('name the field in messages, never its value', () => {
    const { rows } = decode(R({ s: 'string', n: R2({ secret: 'float' }) }), undefined, { floats: ['n.secret'] }, text('top secret'));
    expect(rows.messageOf(1)).toBe('event.n.secret: the bytes end early or are not a value of float.');
  });

  it('read floats from whatever buffer comes next', () => {
    const layout = layoutOf({ floats: ['a'] });
    const plan = compilePlan(parseAvroSchema(R({ a: 'float' })), undefined, layout);
    const rows = new Rows(layout, 2);
    const shared = Buffer.concat([hex('000000'), float(1.5)]).subarray(3);
    plan.decode(shared, 0, 4, rows, 0);
    plan.decode(float(2.5), 0, 4, rows, 1);
    expect([...rows.floats[0]!]).toEqual([1.5, 2.5]);
  });
});

const R2 = (fields: Readonly<Record<string, unknown>>): object => ({ ...R(fields), name: 'R2' });

describe('bindings', () => {
  it('without a reader schema: what the writer lacks has no value, with a warning', () => {
    const { rows, warnings } = decode(R({ a: 'int', B: 'int' }), undefined, { floats: ['a', 'b', 'c'] }, Buffer.concat([long(1), long(2)]));
    expect([...rows.floats[0]!.subarray(3, 6)]).toEqual([1, Number.NaN, Number.NaN]);
    expect(warnings).toEqual([
      'event.b does not exist in record R. Did you mean B? Such records have no value there.',
      'event.c does not exist in record R. It has a, B. Such records have no value there.',
    ]);
  });

  it.each([
    ['none of the bound fields exists', R({ x: 'int' }), undefined, { floats: ['a', 'b.c'] }, /None of the bound fields exists/],
    ['an array is bound', R({ a: { type: 'array', items: 'int' } }), undefined, { floats: ['a'] }, /event\.a is array, but column a needs/],
    ['a nullable map is bound', R({ a: ['null', { type: 'map', values: 'int' }] }), undefined, { texts: ['a'] }, /event\.a is map/],
    ['an enum is bound to a float column', R({ a: { type: 'enum', name: 'E', symbols: ['X'] } }), undefined, { floats: ['a'] }, /enum E/],
    ['a number is bound to a text column', R({ a: 'int' }), undefined, { texts: ['a'] }, /a string, enum or uuid/],
    ['a float is an entity', R({ a: 'float' }), undefined, { entity: 'a' }, /the entity of group plane/],
    ['a path leads through a scalar', R({ a: 'int' }), undefined, { floats: ['a.b'] }, /event\.a is int, not a record/],
    ['a record is bound', R({ a: R2({ b: 'int' }) }), undefined, { floats: ['a'] }, /record R2/],
    ['a string is the event time', R({ a: 'string' }), undefined, { eventTime: 'a' }, /the event time/],
    ['the reader schema lacks the field', R({ a: 'int' }), R({ b: 'int' }), { floats: ['a'] }, /event\.a does not exist in record R/],
    ['the writer lacks a field without default', R({ b: 'int' }), R({ a: 'int' }), { floats: ['a'] }, /gives it no default/],
  ])('are incompatible where %s', (_, writer, reader, wanted, message) => {
    const compile = (): unknown =>
      compilePlan(parseAvroSchema(writer), reader === undefined ? undefined : parseAvroSchema(reader), layoutOf(wanted));
    expect(compile).toThrow(message);
    expect(compile).toThrow(expect.objectContaining({ code: 'schema_incompatible' }));
  });

  it('are checked against a reader schema with all findings at once', () => {
    const reader = parseAvroSchema({
      type: 'record',
      name: 'R',
      fields: [
        { name: 'ok', type: ['null', 'int'], default: null },
        { name: 'bad', type: 'int', default: 'seven' },
        { name: 'text', type: 'string' },
      ],
    });
    expect(checkBindings(reader, layoutOf({ floats: ['ok'] }))).toEqual([]);
    expect(checkBindings(reader, layoutOf({ floats: ['ok', 'bad', 'text', 'absent'], entity: 'ok.x' }))).toEqual([
      'event.ok.x cannot be bound: event.ok is int, not a record.',
      'event.text is string, but column text needs a number, boolean or decimal.',
      'event.absent does not exist in record R. It has ok, bad, text.',
      'The default of event.bad is not a value of its type.',
    ]);
  });

  it('that nothing binds to still find the end of the datum', () => {
    const { end } = decode(R({ a: 'int', s: 'string' }), undefined, {}, Buffer.concat([long(1), text('abc')]));
    expect(end).toBe(5);
  });
});

describe('warnings', () => {
  it.each([
    ['millis read as micros', stamp('timestamp-millis'), stamp('timestamp-micros'), { eventTime: 'a' }, [/the number is not converted/]],
    ['micros read as a plain long for the event time', stamp('timestamp-micros'), 'long', { eventTime: 'a' }, [/taken as milliseconds/]],
    ['the same unit', stamp('timestamp-millis'), stamp('timestamp-millis'), { eventTime: 'a' }, []],
    [
      'a timestamp in a float32',
      stamp('timestamp-millis'),
      stamp('timestamp-millis'),
      { floats: ['a'] },
      [/float32 column, which keeps 24 bits/],
    ],
    [
      'a decimal whose scale changes',
      { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 },
      { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 3 },
      { floats: ['a'] },
      [/scale 2 and read with scale 3/],
    ],
    ['a plain promotion', 'int', 'double', { floats: ['a'] }, []],
  ])('about %s', (_, writer, reader, wanted, expected) => {
    const { warnings } = compilePlan(parseAvroSchema(R({ a: writer })), parseAvroSchema(R({ a: reader })), layoutOf(wanted));
    expect(warnings).toHaveLength(expected.length);
    for (const [i, pattern] of expected.entries()) expect(warnings[i]).toMatch(pattern);
  });
});
