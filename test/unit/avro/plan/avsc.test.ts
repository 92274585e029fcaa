import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import { type AvroSchema, compilePlan, compileSkipper, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { isNamed } from '../../../../src/avro/plan/schema.ts';
import { bindLeaves, clearRow, emptyRow, expectedValue, leafValue } from '../../../oracle/bound-leaves.ts';
import type { OracleValue } from '../../../oracle/java-oracle.ts';
import { Random } from '../../../oracle/random.ts';
import { Data } from '../../../oracle/random-data.ts';
import { WriterSchemas } from '../../../oracle/schema-pairs.ts';

/** A value of avsc (unions wrapped) in the form of the oracle. */
function oracleValue(schema: AvroSchema, value: unknown): OracleValue {
  if (schema.type === 'union') {
    if (value === null) return ['null', 'null'];
    const [[key, inner]] = Object.entries(value as object) as [[string, unknown]];
    return oracleValue(schema.branches.find((b) => (isNamed(b) ? b.name : b.type) === key)!, inner);
  }
  if (schema.type !== 'record') return [schema.type, Object.is(value, -0) ? '-0' : String(value)];
  return Object.fromEntries(schema.fields.map((f) => [f.name, oracleValue(f.schema, (value as Record<string, unknown>)[f.name])]));
}

describe('against avsc, where avsc is right', () => {
  it('finds the same values and ends in data that avsc wrote', () => {
    let compared = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const random = new Random(seed);
      const json = new WriterSchemas(random).record();
      // avsc loses fields called __proto__ and refuses fixed types of no bytes.
      if (JSON.stringify(json).includes('__proto__') || JSON.stringify(json).includes('"size":0')) continue;
      const schema = parseAvroSchema(json);
      const type = avro.Type.forSchema(json as avro.Schema, { wrapUnions: true });
      const bound = bindLeaves(schema, (uses) => random.pick(uses));
      if (bound.leaves.length === 0) continue;
      const plan = compilePlan(schema, undefined, bound.layout);
      const rows = emptyRow(bound.layout);
      const data = new Data(random);
      data.learn(json);
      for (let i = 0; i < 5; i++) {
        // avsc decodes what the generator wrote and writes it again in its own way.
        const value = readable(type, data.encode(json));
        if (value === undefined) continue;
        const datum = type.toBuffer(value);
        clearRow(rows);
        const end = plan.decode(datum, 0, datum.length, rows, 0);
        const wanted = bound.leaves.map((leaf) => expectedValue(oracleValue(schema, value), leaf));
        if (wanted.includes('unresolvable')) {
          expect(rows.codeOf(0)).toBe('data_unresolvable');
          continue;
        }
        expect(end).toBe(datum.length);
        expect(compileSkipper(schema)(datum, 0, datum.length)).toBe(datum.length);
        expect(bound.leaves.map((leaf, j) => leafValue(rows, leaf, j))).toEqual(wanted);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(500);
  });
});

/** avsc's value, or undefined where avsc is known to be wrong or to refuse: longs beyond ±2^52. */
function readable(type: avro.Type, datum: Buffer): unknown {
  try {
    const value: unknown = type.fromBuffer(datum);
    return type.toBuffer(value).length > 0 && !hasLargeNumber(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function hasLargeNumber(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) > 2 ** 52;
  return value !== null && typeof value === 'object' && !Buffer.isBuffer(value) && Object.values(value).some(hasLargeNumber);
}
