import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, jsonText, oracle, plainText, seen } from './json-fixture.ts';

/** Decodes records together and holds each against JSON.parse. */
function check(records: readonly Buffer[]): void {
  const rows = decode(records);
  for (const [row, record] of records.entries()) {
    const wanted = oracle(record);
    const got = seen(rows, row);
    const text = record.toString('latin1');
    if (typeof wanted === 'string') expect(got, text).toMatch(new RegExp(`^${wanted}: .+\\.$`));
    else expect(got, text).toEqual(wanted);
  }
}

const record = jsonText.object.map((text) => Buffer.from(` ${text}\n`));
/** Bound members with values of their own type, so that whole rows are read. */
const fitting = fc
  .record(
    {
      x: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
      list: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
      a: fc.record({ b: fc.record({ y: fc.integer() }, { requiredKeys: [] }), t: plainText }, { requiredKeys: [] }),
      s: fc.string(),
      id: fc.oneof(fc.string(), fc.maxSafeInteger()),
      at: fc.integer({ min: 0, max: 2 ** 40 }),
      other: fc.jsonValue({ maxDepth: 3 }),
    },
    { requiredKeys: [] },
  )
  .chain((event) => fc.shuffledSubarray(Object.entries(event), { minLength: Object.keys(event).length }))
  .map((members) => Buffer.from(JSON.stringify(Object.fromEntries(members))));

describe('JSON against JSON.parse', () => {
  it('reads events as JSON.parse does, whatever the order of their keys', () => {
    fc.assert(
      fc.property(fc.array(fitting, { minLength: 1, maxLength: 5 }), (records) => {
        for (const event of records) expect(typeof oracle(event)).toBe('object');
        check(records);
      }),
      { numRuns: 500 },
    );
  });

  it('reads, or refuses, any object that the grammar allows', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), (records) => check(records)),
      { numRuns: 1_500 },
    );
  });

  it('refuses what JSON.parse refuses: records cut off, and with bytes changed', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from('"\\{}[],:eE.-+0 \n'))),
      fc.constantFrom('set', 'insert', 'remove'),
    );
    const damaged = fc
      .tuple(fc.oneof(record, fitting), fc.option(fc.nat(), { freq: 2 }), fc.array(change, { maxLength: 2 }))
      .map(([bytes, cut, changes]) => {
        let damagedBytes = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
        for (const [place, byte, how] of changes) {
          const at = place % Math.max(1, damagedBytes.length);
          const rest = damagedBytes.subarray(how === 'insert' ? at : at + 1);
          damagedBytes = Buffer.concat([damagedBytes.subarray(0, at), how === 'remove' ? Buffer.alloc(0) : Buffer.of(byte), rest]);
        }
        return damagedBytes;
      });
    fc.assert(
      fc.property(fc.array(damaged, { minLength: 1, maxLength: 4 }), (records) => check(records)),
      { numRuns: 3_000 },
    );
  });
});
