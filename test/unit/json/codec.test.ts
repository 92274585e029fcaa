import { describe, expect, it } from 'vitest';
import { createRowLayout, type RowLayout, type TensorSpec } from '../../../src/core/layout.ts';
import { createJsonCodec } from '../../../src/json/codec.ts';
import { column, decode, LAYOUT, seen } from './json-fixture.ts';

const NONE = { x: Number.NaN, list: [Number.NaN, Number.NaN, Number.NaN], y: Number.NaN, s: undefined, t: undefined, id: undefined, at: 7 };
const one = (text: string | Buffer): object | string => seen(decode([text]));

describe('JSON events', () => {
  it('fill every kind of column, in any order of keys', () => {
    const wanted = { x: 1.5, list: [1, 2, 3], y: -2, s: 'æ😀"', t: '', id: 'k', at: 1_700_000_000_000 };
    expect(
      one('{"x":1.5,"list":[1,2,3],"a":{"b":{"y":-2},"t":""},"s":"æ😀\\"","id":"k","at":1700000000000.75,"other":[{"x":[]},"}"]}'),
    ).toEqual(wanted);
    expect(
      one(
        ' { "other" : null , "\\u0061t" : 17e11, "id":"\\u006b","s":"\\u00e6\\ud83d\\ude00\\"","a":{"t":"", "b":{"y":-2.0}} ,"list":"1,2,3","x":15e-1 } ',
      ),
    ).toEqual(wanted);
  });

  it('leave columns without value where a key is absent or null, on the way to it too', () => {
    for (const text of ['{}', '{"x":null,"list":null,"s":null,"id":null,"at":null,"a":null}', '{"a":{"b":null,"t":null}}', '{"a":{}}'])
      expect(one(text)).toEqual(NONE);
  });

  it('take booleans as 1 and 0, and ids with all their digits', () => {
    expect(one('{"x":true,"id":9223372036854775807}')).toEqual({ ...NONE, x: 1, id: '9223372036854775807' });
    expect(one('{"x":false,"id":-0}')).toEqual({ ...NONE, x: 0, id: '0' });
  });

  it('count the last of a key that is there twice, whatever the first one was', () => {
    expect(one('{"x":1,"x":2,"id":"a","id":"b"}')).toEqual({ ...NONE, x: 2, id: 'b' });
    expect(one('{"x":1,"x":null,"s":"a","s":null,"id":"a","id":null,"at":1,"at":null,"list":[1,2,3],"list":null}')).toEqual(NONE);
    expect(one('{"a":{"b":{"y":1},"t":"t"},"a":{"t":"u"}}')).toEqual({ ...NONE, t: 'u' });
    expect(one('{"x":"text","x":3,"a":4,"a":{"b":{"y":"no"},"b":{"y":1}}}')).toEqual({ ...NONE, x: 3, y: 1 });
    for (const first of ['[1,2]', '[1,2,3,4]', '[1,"x"]', '"1,2"', '"1\\u002c2"', '"1,2,\\u0033,4"', '[1,2,3]', '[[1]]'])
      for (const last of ['null', '[7,8,9]', '"7,8\\u002c9"'])
        expect(one(`{"list":${first},"list":${last}}`)).toEqual(last === 'null' ? NONE : { ...NONE, list: [7, 8, 9] });
    expect(one('{"x":1,"x":"text"}')).toMatch(/^data_unresolvable: event\.x is a string/);
  });

  it('find keys with a quote or a backslash by their text alone', () => {
    const bound = (name: string): RowLayout =>
      createRowLayout([{ name: 'x', kind: 'float', columns: [column('x', name)] }], {
        entities: new Map(),
      });
    const values = (layout: RowLayout, texts: readonly string[]): (number | string)[] => {
      const rows = decode(texts, layout);
      return texts.map((_, row) => (rows.status[row] === 0 ? rows.floats[0]![row]! : rows.messageOf(row)));
    };
    const quoted = values(bound('a"b'), ['{"a\\"b":1}', '{"a"b":2}', '{"a\\"b":3}']);
    expect(quoted).toEqual([1, expect.stringMatching(/^Not JSON at byte 4 of 9/), 3]);
    expect(values(bound('a\\b'), ['{"a\\\\b":1}', '{"a\\b":2}'])).toEqual([1, Number.NaN]);
  });

  it('may change their keys from record to record', () => {
    const texts = [
      '{"u":1,"x":1}',
      '{"x":2,"v":0}',
      '{"u":0,"v":0,"x":3}',
      '{"xx":0,"x":4}',
      '{"x":5}',
      '{"u":1,"w":2,"v":3,"x":6}',
      '{"x":7,"u":0}',
    ];
    const rows = decode([...texts, ...texts]);
    expect([...Array(rows.count).keys()].map((row) => rows.float(row, { lane: 0, slot: 0 }))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  it('may have more keys than are remembered, and longer ones', () => {
    const many = (from: number): string => Array.from({ length: 400 }, (_, i) => `"k${from + i}":${i}`).join(',');
    const rows = decode([`{${many(0)},"x":1}`, `{"x":2,${many(300)}}`, `{"${'l'.repeat(1_000)}":0,"x":3}`, `{${many(0)},"x":4}`]);
    expect([0, 1, 2, 3].map((row) => rows.float(row, { lane: 0, slot: 0 }))).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['x', '"1"', 'event.x is a string, but column x needs a number or boolean.'],
    ['x', '{}', 'event.x is an object, but column x needs a number or boolean.'],
    ['s', '1', 'event.s is a number, but column s needs a string.'],
    ['s', 'true', 'event.s is a boolean, but column s needs a string.'],
    ['id', '1.0', 'event.id is a number with a fraction or exponent, but the entity of group g needs a string or a whole number.'],
    ['id', 'true', 'event.id is a boolean, but the entity of group g needs a string or a whole number.'],
    ['at', '"2024-01-01"', 'event.at is a string, but the event time needs a number of milliseconds since 1970.'],
    ['at', '1e300', 'event.at is an event time further from 1970 than 8640000000000000 ms.'],
    ['a', '[]', 'event.a is an array, but fields of it are bound: it must be an object.'],
    ['list', '7', 'event.list is a number, but column list needs a list of numbers.'],
    ['list', '{}', 'event.list is an object, but column list needs a list of numbers.'],
    ['list', '[]', 'event.list has 0 numbers, but column list takes 3.'],
    ['list', '""', 'event.list has 0 numbers, but column list takes 3.'],
    ['list', '[1,2]', 'event.list has 2 numbers, but column list takes 3.'],
    ['list', '[1,2,3,4]', 'event.list has more than the 3 numbers that column list takes.'],
    ['list', '"0.12345678,0.12345678,0.12345678,0.12345678"', 'event.list has more than the 3 numbers that column list takes.'],
    ['list', '"1,2,nan,inf"', 'event.list has more than the 3 numbers that column list takes.'],
    ['list', '[1,"2",3]', 'event.list has an element 1 that is no number, but column list takes 3 numbers.'],
    ['list', '[1,true,3]', 'event.list has an element 1 that is no number, but column list takes 3 numbers.'],
    ['list', '"1,2,x"', 'event.list has an element 2 that is no number, but column list takes 3 numbers.'],
    ['list', '"1,,3"', 'event.list has an element 1 that is no number, but column list takes 3 numbers.'],
    ['list', '"1,2,"', 'event.list has an element 2 that is no number, but column list takes 3 numbers.'],
    ['list', '"1,2\\u002c0x3"', 'event.list has an element 2 that is no number, but column list takes 3 numbers.'],
  ])('refuse a value of another type: %s is %s', (key, value, message) => {
    expect(one(`{"${key}":${value},"other":1}`)).toBe(`data_unresolvable: ${message}`);
  });

  it.each([
    ['', 'byte 0 of 0: expected a JSON object, found the end of the record'],
    ['[1]', 'byte 0 of 3: expected a JSON object, found ['],
    ['\ufeff{}', 'byte 0 of 5: expected a JSON object, found 0xef'],
    ['{"x":1}}', 'byte 7 of 8: expected nothing after the object, found }'],
    ['{"x":1,}', 'byte 7 of 8: expected a key in double quotes, found }'],
    ["{'x':1}", "byte 1 of 7: expected a key in double quotes, found '"],
    ['{"x" 1}', 'byte 5 of 7: expected a colon after the key, found 1'],
    ['{"x":01}', 'byte 6 of 8: expected no digit after a leading zero, found 1'],
    ['{"x":-}', 'byte 6 of 7: expected a digit, found }'],
    ['{"x":1.}', 'byte 7 of 8: expected a digit after the decimal point, found }'],
    ['{"x":1e}', 'byte 7 of 8: expected a digit of the exponent, found }'],
    ['{"x":+1}', 'byte 5 of 8: expected a value, found +'],
    ['{"x":NaN}', 'byte 5 of 9: expected a value, found N'],
    ['{"x":nul}', 'byte 8 of 9: expected null, found }'],
    ['{"u":tru', 'byte 8 of 8: expected true, found the end of the record'],
    ['{"s":"a', 'byte 7 of 7: expected a closing quote, found the end of the record'],
    ['{"s":"\t"}', 'byte 6 of 9: expected no control character in a string, found 0x09'],
    ['{"s":"\\x"}', 'byte 7 of 10: expected one of "\\/bfnrtu after a backslash, found x'],
    ['{"u":"\\u12g4"}', 'byte 10 of 14: expected four hexadecimal digits after \\u, found g'],
    ['{"u":[1 2]}', 'byte 8 of 11: expected a comma or ], found 2'],
    ['{"u":{"a":1 "b"}}', 'byte 12 of 17: expected a comma or }, found "'],
    ['{"list":[1,2,3', 'byte 14 of 14: expected a comma or ], found the end of the record'],
    ['{"list":[1,02,3]}', 'byte 12 of 17: expected no digit after a leading zero, found 2'],
    ['{"list":"1,2,3', 'byte 14 of 14: expected a closing quote, found the end of the record'],
  ])('that are not JSON are refused with the byte: %j', (text, message) => {
    expect(one(text)).toBe(`decode_failed: Not JSON at ${message}.`);
  });

  it('refuse bound texts that are no UTF-8 or half a surrogate pair, and pass over others', () => {
    const broken = (before: string, after: string): Buffer =>
      Buffer.concat([Buffer.from(before), Buffer.of(0xc3, 0x28), Buffer.from(after)]);
    for (const record of [
      broken('{"s":"', '"}'),
      broken('{"id":"', '\\n"}'),
      '{"s":"\\ud800"}',
      '{"s":"\\ud800\\ud800"}',
      '{"s":"\\udc00"}',
      '{"list":"\\ud800"}',
    ])
      expect(one(record)).toMatch(
        /^decode_failed: event\.(s|id|list) is not text: it has bytes that are no UTF-8, or half a surrogate pair\.$/,
      );
    expect(one(broken('{"u":"', '","x":1}'))).toEqual({ ...NONE, x: 1 });
    expect(one('{"u":"\\ud800","x":1}')).toEqual({ ...NONE, x: 1 });
  });

  it('nest as deep as 512 levels, and no deeper', () => {
    const nested = (depth: number): string => `{"u":${'['.repeat(depth)}${']'.repeat(depth)},"x":1}`;
    expect(one(nested(512))).toEqual({ ...NONE, x: 1 });
    expect(one(nested(513))).toBe('decode_failed: Not JSON at byte 517 of 1038: expected at most 512 levels of nesting, found [.');
    expect(one(`{"u":${'{"a":'.repeat(100_000)}`)).toMatch(/^decode_failed: /);
  });

  it('fail alone, and tombstones as the pipeline says', () => {
    const values = ['{"x":1}', '{"x":', null, '{"x":"no"}', '{"x":2}'];
    expect([0, 1, 2, 3, 4].map((row) => seen(decode(values), row))).toEqual([
      { ...NONE, x: 1 },
      expect.stringMatching(/^decode_failed/),
      'skipped',
      expect.stringMatching(/^data_unresolvable/),
      { ...NONE, x: 2 },
    ]);
    expect(seen(decode(values, LAYOUT, 'dead-letter'), 2)).toBe('tombstone: The record has no value (tombstone).');
  });

  it('fill several columns from one value', () => {
    const layout = createRowLayout(
      [
        { name: 'x', kind: 'float', columns: [column('a', 'at'), column('b', 'at')] },
        { name: 's', kind: 'string', columns: [column('s', 'id', { kind: 'string' })] },
        { name: 'g', kind: 'float', columns: [{ ...column('f', ''), binding: { from: 'group', group: 'g', feature: 'f' } }] },
      ],
      { entities: new Map([['g', ['id']]]), eventTime: ['at'] },
    );
    const rows = decode(['{"id":"k\\n","at":12}'], layout);
    expect([rows.float(0, { lane: 0, slot: 0 }), rows.float(0, { lane: 0, slot: 1 }), rows.eventTimeMs[0]]).toEqual([12, 12, 12]);
    expect([rows.texts[0]!.text(0), rows.entities[0]!.text(0)]).toEqual(['k\n', 'k\n']);
    expect(decode(['{"id":5}'], layout).messageOf(0)).toBe('event.id is a number, but column s needs a string.');
  });

  it('are refused at start when bindings contradict each other', () => {
    const start = (...columns: TensorSpec['columns']): unknown => {
      const layout: RowLayout = createRowLayout([{ name: 'x', kind: 'float', columns }], { entities: new Map() });
      return createJsonCodec({ layout, tombstones: 'skip' });
    };
    expect(() => start(column('p', 'a'), column('q', 'a.b'))).toThrow('event.a cannot be both a value for column p and an object with b.');
    expect(() => start(column('p', 'a', { size: 2 }), column('q', 'a'))).toThrow(
      'event.a is a list for column p and can fill nothing else, but column q is bound to it too.',
    );
  });

  it('may have keys that JSON writes with an escape', () => {
    const layout = createRowLayout([{ name: 'x', kind: 'float', columns: [column('q', 'a"b'), column('r', 'c\\n')] }], {
      entities: new Map(),
    });
    const rows = decode(['{"a\\"b":1,"c\\\\n":2,"c\\n":3}'], layout);
    expect([...rows.floats[0]!]).toEqual([1, 2]);
  });
});
