import { double, float, hex, long, text } from './bytes.ts';
import type { BoundLeaf } from './bound-leaves.ts';

/** A pair of schemas with one datum, and what must come of it. */
export interface EvolutionCase {
  readonly name: string;
  readonly writer: unknown;
  /** Absent: the writer's own fields are bound. */
  readonly reader?: unknown;
  readonly datum: Buffer;
  /** Path (dots between names) and use of each bound leaf. */
  readonly bind: Readonly<Record<string, BoundLeaf['use']>>;
  /** A value a leaf (null: no value), or the code of the error. */
  readonly result: readonly (number | string | null)[] | 'schema_incompatible' | 'data_unresolvable' | 'decode_failed';
  /** Why Java does something else here; then the oracle test checks that it still does. */
  readonly javaDiffers?: string;
}

const record = (name: string, fields: Readonly<Record<string, unknown>>, more: object = {}): object => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => (isField(type) ? { name: field, ...type } : { name: field, type })),
  ...more,
});
/** A field that has more than a name and a type. */
const field = (type: unknown, more: object): object => ({ isField: true, type, ...more });
const isField = (type: unknown): type is object => typeof type === 'object' && type !== null && 'isField' in type;
const colour = (symbols: string[], more: object = {}): object => ({ type: 'enum', name: 'Colour', symbols, ...more });

/** Evolution by hand: one rule of resolution each. */
export const EVOLUTION_CASES: readonly EvolutionCase[] = [
  {
    name: 'records of another name, at the top and nested',
    writer: record('a.Old', { inner: record('a.OldInner', { x: 'int' }) }),
    reader: record('b.New', { inner: record('b.NewInner', { x: 'int' }) }),
    datum: long(7),
    bind: { 'inner.x': 'float' },
    result: [7],
  },
  {
    name: 'int to float rounds once',
    writer: record('R', { a: 'int', b: 'int' }),
    reader: record('R', { a: 'float', b: 'double' }),
    datum: Buffer.concat([long(16777217), long(-2147483647)]),
    bind: { a: 'float', b: 'float' },
    result: [16777216, -2147483648],
  },
  {
    name: 'long to float rounds once: through a double it would go the other way',
    writer: record('R', { a: 'long', b: 'long', c: 'long' }),
    reader: record('R', { a: 'float', b: 'long', c: 'double' }),
    // 2^60 + 2^36 + 1 lies just above the middle of two floats; the nearest double is that middle, and goes down to even.
    datum: Buffer.concat([long(2n ** 60n + 2n ** 36n + 1n), long(2n ** 60n + 2n ** 36n + 1n), long(2n ** 60n + 2n ** 36n + 1n)]),
    bind: { a: 'float', b: 'float', c: 'float' },
    result: [2 ** 60 + 2 ** 37, 2 ** 60 + 2 ** 37, 2 ** 60],
  },
  {
    name: 'longs at both ends keep sign, and all digits as entities',
    writer: record('R', { a: 'long', b: 'long', c: 'long', d: 'long' }),
    reader: record('R', { a: 'long', b: 'long', c: 'long', d: 'long' }),
    datum: Buffer.concat([long(-(2n ** 63n)), long(2n ** 63n - 1n), long(-(2n ** 52n) - 1n), long(9007199254740993n)]),
    bind: { a: 'entity', b: 'entity', c: 'float', d: 'entity' },
    result: ['-9223372036854775808', '9223372036854775807', -(2 ** 52), '9007199254740993'],
  },
  {
    name: 'float to double, bytes to string',
    writer: record('R', { a: 'float', s: 'bytes' }),
    reader: record('R', { a: 'double', s: 'string' }),
    datum: Buffer.concat([float(1.1), text('größe')]),
    bind: { a: 'float', s: 'text' },
    result: [Math.fround(1.1), 'größe'],
  },
  {
    name: 'double to float is refused',
    writer: record('R', { a: 'double' }),
    reader: record('R', { a: 'float' }),
    datum: double(1),
    bind: { a: 'float' },
    result: 'schema_incompatible',
  },
  {
    name: 'aliases of fields, in a record found by its alias',
    writer: record('n.Old', { before: 'int' }),
    reader: record('n.New', { after: field('long', { aliases: ['before'] }) }, { aliases: ['Old'] }),
    datum: long(5),
    bind: { after: 'float' },
    result: [5],
  },
  {
    name: 'aliases of fields do not count in a record of another name',
    writer: record('n.Old', { before: 'int' }),
    reader: record('n.New', { after: field('long', { aliases: ['before'] }) }),
    datum: long(5),
    bind: { after: 'float' },
    result: 'schema_incompatible',
  },
  {
    name: 'an enum symbol the reader lacks fails only its own value',
    writer: record('R', { e: colour(['RED', 'GREEN']) }),
    reader: record('R', { e: colour(['RED']) }),
    datum: long(1),
    bind: { e: 'text' },
    result: 'data_unresolvable',
  },
  {
    name: 'an enum symbol both have, under another number',
    writer: record('R', { e: colour(['RED', 'GREEN']) }),
    reader: record('R', { e: colour(['BLUE', 'GREEN']) }),
    datum: long(1),
    bind: { e: 'entity' },
    result: ['GREEN'],
  },
  {
    name: 'the default of the reader enum',
    writer: record('R', { e: colour(['RED', 'GREEN']) }),
    reader: record('R', { e: colour(['RED', 'OTHER'], { default: 'OTHER' }) }),
    datum: long(1),
    bind: { e: 'text' },
    result: ['OTHER'],
  },
  {
    name: 'the number of an enum symbol out of range',
    writer: record('R', { e: colour(['RED', 'GREEN']) }),
    reader: record('R', { e: colour(['RED', 'GREEN']) }),
    datum: long(2),
    bind: { e: 'text' },
    result: 'decode_failed',
  },
  {
    name: 'enums of another name, in one namespace or two',
    writer: record('R', { a: { type: 'enum', name: 'x.E', symbols: ['A'] }, b: { type: 'enum', name: 'F', symbols: ['A'] } }),
    reader: record('R', { a: { type: 'enum', name: 'y.E', symbols: ['A'] }, b: { type: 'enum', name: 'G', symbols: ['A'] } }),
    datum: Buffer.concat([long(0), long(0)]),
    bind: { a: 'text', b: 'text' },
    result: 'schema_incompatible',
  },
  {
    name: 'enums of one short name in two namespaces',
    writer: record('R', { a: { type: 'enum', name: 'x.E', symbols: ['A'] } }),
    reader: record('R', { a: { type: 'enum', name: 'y.E', symbols: ['A'] } }),
    datum: long(0),
    bind: { a: 'text' },
    result: ['A'],
  },
  {
    name: 'the same inside a union is no match: there the full name counts',
    writer: record('R', { a: { type: 'enum', name: 'x.E', symbols: ['A'] } }),
    reader: record('R', { a: ['null', { type: 'enum', name: 'y.E', symbols: ['A'] }] }),
    datum: long(0),
    bind: { a: 'text' },
    result: 'schema_incompatible',
  },
  {
    name: 'an enum that becomes nullable',
    writer: record('R', { a: colour(['RED', 'GREEN']) }),
    reader: record('R', { a: ['null', colour(['GREEN', 'RED'])] }),
    datum: long(0),
    bind: { a: 'text' },
    result: ['RED'],
  },
  {
    name: 'in a union the record of the same full name comes before one of the same shape',
    writer: record('R', { p: record('n.P', { x: 'int' }) }),
    reader: record('R', {
      p: [record('n.Other', { x: field('int', { aliases: ['none'] }) }), record('n.P', { x: 'long', y: field('int', { default: 6 }) })],
    }),
    datum: long(5),
    bind: { 'p.x': 'float', 'p.y': 'float' },
    result: [5, 6],
  },
  {
    name: 'defaults: null, a later branch of a union, text as number, inside a record',
    writer: record('R', { x: 'int' }),
    reader: record('R', {
      a: field(['null', 'double'], { default: null }),
      b: field(['null', 'string', 'double'], { default: 2.5 }),
      c: field('float', { default: 'NaN' }),
      d: field(record('D', { e: field('string', { default: 'deep' }), f: 'long' }), { default: { f: 9 } }),
    }),
    datum: long(1),
    bind: { a: 'float', b: 'float', c: 'float', 'd.e': 'text', 'd.f': 'entity' },
    result: [Number.NaN, 2.5, Number.NaN, 'deep', '9'],
  },
  {
    name: 'a default that fits no branch before its own',
    writer: record('R', { x: 'int' }),
    reader: record('R', { a: field(['int', 'double'], { default: 1.5 }) }),
    datum: long(1),
    bind: { a: 'float' },
    result: [1.5],
    javaDiffers: 'takes the first branch of the same JSON type and cuts 1.5 to the int 1',
  },
  {
    name: 'a field without a default that the writer lacks',
    writer: record('R', { x: 'int' }),
    reader: record('R', { x: 'int', y: 'int' }),
    datum: long(1),
    bind: { y: 'float' },
    result: 'schema_incompatible',
  },
  {
    name: 'a union narrowed: the branch that is left',
    writer: record('R', { a: ['null', 'int'] }),
    reader: record('R', { a: 'long' }),
    datum: Buffer.concat([long(1), long(-3)]),
    bind: { a: 'float' },
    result: [-3],
  },
  {
    name: 'a union narrowed: the branch that is gone fails only its own value',
    writer: record('R', { a: ['null', 'int'] }),
    reader: record('R', { a: 'long' }),
    datum: long(0),
    bind: { a: 'float' },
    result: 'data_unresolvable',
  },
  {
    name: 'a union widened and in another order',
    writer: record('R', { a: ['null', 'int'], b: 'float' }),
    reader: record('R', { a: ['string', 'double', 'null'], b: ['null', 'double'] }),
    datum: Buffer.concat([long(1), long(4), float(0.5)]),
    bind: { a: 'float', b: 'float' },
    result: [4, 0.5],
  },
  {
    name: 'the number of a union branch out of range',
    writer: record('R', { a: ['null', 'int'] }),
    datum: long(2),
    bind: { a: 'float' },
    result: 'decode_failed',
  },
  {
    name: 'a nullable record on the way to a leaf: null, and not',
    writer: record('R', { p: ['null', record('P', { x: 'int' })], q: ['null', record('Q', { x: 'int' })] }),
    reader: record('R', { p: ['null', record('P', { x: 'double' })], q: ['null', record('Q', { x: 'double' })] }),
    datum: Buffer.concat([long(0), long(1), long(8)]),
    bind: { 'p.x': 'float', 'q.x': 'float' },
    result: [Number.NaN, 8],
  },
  {
    name: 'a record of another name in a union is found by its shape',
    writer: record('R', { p: record('Old', { x: 'int' }) }),
    reader: record('R', { p: ['null', record('Wrong', { y: 'int' }), record('New', { x: 'long' })] }),
    datum: long(8),
    bind: { 'p.x': 'float' },
    result: [8],
  },
  {
    name: 'a field called __proto__, and booleans as numbers',
    writer: record('R', JSON.parse('{"__proto__": "float", "constructor": "boolean"}') as Record<string, unknown>),
    reader: record('R', JSON.parse('{"constructor": "boolean", "__proto__": "double"}') as Record<string, unknown>),
    datum: Buffer.concat([float(2.5), hex('01')]),
    bind: { ['__proto__']: 'float', constructor: 'float' } as EvolutionCase['bind'],
    result: [2.5, 1],
  },
  {
    name: 'arrays and maps to pass over, in blocks with and without sizes',
    writer: record('R', { a: { type: 'array', items: 'string' }, m: { type: 'map', values: { type: 'array', items: 'int' } }, x: 'int' }),
    reader: record('R', { x: 'int' }),
    datum: Buffer.concat([
      ...[long(-2), long(4), text('a'), text('b'), long(1), text('c'), long(0)],
      ...[long(1), text('key'), long(-1), long(1), long(5), long(2), long(6), long(7), long(0), long(0)],
      long(42),
    ]),
    bind: { x: 'float' },
    result: [42],
  },
  {
    name: 'a boolean that is neither 0 nor 1',
    writer: record('R', { a: 'boolean' }),
    datum: hex('02'),
    bind: { a: 'float' },
    result: 'decode_failed',
    javaDiffers: 'takes any byte but 1 for false',
  },
  {
    name: 'text that is not UTF-8',
    writer: record('R', { a: 'string' }),
    datum: hex('04c328'),
    bind: { a: 'text' },
    result: 'decode_failed',
    javaDiffers: 'puts U+FFFD for what is not UTF-8',
  },
  {
    name: 'an int of more than 32 bits',
    writer: record('R', { a: 'int' }),
    datum: hex('ffffffff7f'),
    bind: { a: 'float' },
    result: 'decode_failed',
    javaDiffers: 'drops the bits that do not fit',
  },
];
