import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePlan, compileSkipper, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { MAX_DATA_DEPTH } from '../../../../src/avro/plan/limits.ts';
import { WeirError } from '../../../../src/core/errors.ts';
import { bindLeaves, clearRow, emptyRow, layoutFor } from '../../../oracle/bound-leaves.ts';
import { hex, long, text } from '../../../oracle/bytes.ts';
import { Random } from '../../../oracle/random.ts';
import { Data } from '../../../oracle/random-data.ts';
import { WriterSchemas } from '../../../oracle/schema-pairs.ts';

/** A record with `field` before a bound int, so that the field must be passed over. */
function decodeAfter(field: unknown, datum: Buffer): { end: number; code: string | undefined } {
  const layout = layoutFor([{ path: ['x'], use: 'float' }]);
  const writer = parseAvroSchema({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'f', type: field },
      { name: 'x', type: 'int' },
    ],
  });
  const rows = emptyRow(layout);
  const end = compilePlan(writer, undefined, layout).decode(datum, 0, datum.length, rows, 0);
  return { end, code: rows.codeOf(0) };
}

const refused = { end: -1, code: 'decode_failed' };
const LIST = { type: 'record', name: 'List', fields: [{ name: 'next', type: ['null', 'List'] }] };

describe('hostile data', () => {
  it.each([
    ['2e9 floats in a body of five bytes', { type: 'array', items: 'float' }, hex('80d0acf30e')],
    ['2e9 strings', { type: 'array', items: 'string' }, hex('80d0acf30e0000')],
    ['2^62 items without bytes', { type: 'array', items: 'null' }, Buffer.concat([long(2n ** 62n), long(0), long(1)])],
    ['a negative count beyond all bounds', { type: 'array', items: 'int' }, Buffer.concat([long(-(2n ** 63n)), long(0), long(0), long(1)])],
    ['a block size beyond the end', { type: 'array', items: 'int' }, Buffer.concat([long(-1), long(1000), long(1), long(0), long(1)])],
    ['a negative block size', { type: 'array', items: 'int' }, Buffer.concat([long(-1), long(-1), long(1), long(0), long(1)])],
    // Taken at its word, this size leads back to the count, for ever.
    ['a block size that leads back to its count', { type: 'array', items: 'int' }, Buffer.concat([long(-1), long(-2), long(0), long(1)])],
    ['a string of negative length', 'string', Buffer.concat([long(-1), long(1)])],
    ['a string longer than the body', 'string', Buffer.concat([long(2n ** 40n), long(1)])],
    ['a varint of eleven bytes', 'long', hex('8080808080808080808000')],
    ['a long of 65 bits', 'long', hex('ffffffffffffffffff0302')],
    ['an int of six bytes', 'int', hex('80808080800002')],
    ['a skipped boolean of 2', 'boolean', hex('0202')],
    ['a skipped enum symbol out of range', { type: 'enum', name: 'E', symbols: ['A'] }, hex('0202')],
    ['a skipped union branch out of range', ['null', 'int'], hex('0402')],
    ['a fixed that is cut', { type: 'fixed', name: 'F', size: 2_000_000_000 }, hex('0202')],
    ['a record that holds itself', { type: 'record', name: 'S', fields: [{ name: 's', type: 'S' }] }, hex('0202')],
    ['a list deeper than allowed', LIST, Buffer.concat([Buffer.alloc(MAX_DATA_DEPTH + 10, 2), hex('0002')])],
    [
      'arrays in arrays without end',
      { type: 'record', name: 'N', fields: [{ name: 'n', type: { type: 'array', items: 'N' } }] },
      Buffer.alloc(5000, 2),
    ],
  ])('refuses %s', (_, field, datum) => {
    expect(decodeAfter(field, datum)).toEqual(refused);
  });

  it.each([
    ['two thousand million items without bytes, at once', { type: 'array', items: 'null' }, Buffer.concat([long(2e9), long(0), long(1)])],
    ['empty records', { type: 'array', items: { type: 'record', name: 'Z', fields: [] } }, Buffer.concat([long(1e9), long(0), long(1)])],
    ['a list of 400 nodes', LIST, Buffer.concat([Buffer.alloc(400, 2), hex('0002')])],
    ['a map in sized blocks', { type: 'map', values: 'int' }, Buffer.concat([long(-1), long(3), text('k'), long(5), long(0), long(1)])],
  ])('takes %s', (_, field, datum) => {
    expect(decodeAfter(field, datum)).toEqual({ end: datum.length, code: undefined });
  });

  it('reserves nothing for a text that is not there', () => {
    const layout = layoutFor([{ path: ['s'], use: 'text' }]);
    const plan = compilePlan(parseAvroSchema({ type: 'record', name: 'R', fields: [{ name: 's', type: 'string' }] }), undefined, layout);
    const rows = emptyRow(layout);
    const before = rows.texts[0]!.arena.length;
    const datum = Buffer.concat([long(2 ** 30), Buffer.from('ab')]);
    expect(plan.decode(datum, 0, datum.length, rows, 0)).toBe(-1);
    expect(rows.texts[0]!.arena.length).toBe(before);
  });

  it('never throws, reads past the end or accepts a cut datum, for any schema and bytes', () => {
    let accepted = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const random = new Random(seed);
      const json = new WriterSchemas(random).record();
      const schema = parseAvroSchema(json);
      const bound = bindLeaves(schema, (uses) => random.pick(uses));
      if (bound.leaves.length === 0) continue;
      const plan = compilePlan(schema, undefined, bound.layout);
      const skip = compileSkipper(schema);
      const rows = emptyRow(bound.layout);
      const decode = (bytes: Buffer, end: number): number => {
        clearRow(rows);
        const at = plan.decode(bytes, 0, end, rows, 0);
        expect(at).toBeLessThanOrEqual(end);
        expect(at < 0).toBe(rows.codeOf(0) !== undefined);
        return at;
      };
      const data = new Data(random);
      data.learn(json);
      const datum = data.encode(json);
      expect(skip(datum, 0, datum.length)).toBe(datum.length);
      for (let cut = 0; cut < datum.length; cut += 1 + Math.floor(datum.length / 50)) {
        // The rest of the datum still follows in the buffer, as the next record does in a fetch.
        expect(decode(datum, cut)).toBe(-1);
        expect(skip(datum, 0, cut)).toBe(-1);
      }
      for (let i = 0; i < 20; i++) {
        const noise = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(random.chance(0.5) ? 8 : 256)));
        const at = decode(noise, noise.length);
        if (at < 0) continue;
        accepted++;
        expect(skip(noise, 0, noise.length)).toBe(at);
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });
});

describe('hostile schemas', () => {
  const isOwnError = (work: () => unknown): boolean => {
    try {
      work();
      return true;
    } catch (thrown) {
      return thrown instanceof WeirError && (thrown.code === 'schema_invalid' || thrown.code === 'schema_incompatible');
    }
  };

  it('end in an error of their own, whatever they are', () => {
    const key = fc.constantFrom('type', 'name', 'fields', 'items', 'values', 'symbols', 'size', 'default', 'aliases', '__proto__');
    const word = fc.constantFrom('record', 'enum', 'fixed', 'array', 'map', 'int', 'string', 'A', 'n.A', '', 'logicalType');
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 5 },
        word,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('schema'), { maxLength: 4 }),
        fc.dictionary(key, tie('schema')),
      ),
    }));
    fc.assert(
      fc.property(schema, (json) => isOwnError(() => compileSkipper(parseAvroSchema(json)))),
      { numRuns: 1000 },
    );
  });

  it('may nest to a limit', () => {
    const nested = (levels: number): unknown => {
      let schema: unknown = 'int';
      for (let i = 0; i < levels; i++) schema = { type: 'array', items: schema };
      return schema;
    };
    expect(compileSkipper(parseAvroSchema(nested(100)))(Buffer.alloc(1), 0, 1)).toBe(1);
    expect(() => parseAvroSchema(nested(10_000))).toThrow(expect.objectContaining({ code: 'schema_invalid' }));
  });

  it('cannot bring code into the decoder', () => {
    const evil = "'];globalThis.hacked=1;//";
    const schema = { type: 'record', name: 'R', fields: [{ name: 'x', type: { type: 'int', logicalType: evil } }], doc: evil };
    compilePlan(parseAvroSchema(schema), undefined, layoutFor([{ path: ['x'], use: 'float' }]));
    compilePlan(parseAvroSchema(schema), undefined, layoutFor([{ path: ['x'], use: 'entity' }]));
    expect(Object.hasOwn(globalThis, 'hacked')).toBe(false);
  });
});
