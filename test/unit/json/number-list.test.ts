import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRowLayout } from '../../../src/core/layout.ts';
import { STATUS_OK } from '../../../src/core/rows.ts';
import { column, decode } from './json-fixture.ts';

const layoutOf = (size: number) =>
  createRowLayout(
    [{ name: 'x', kind: 'float', columns: [column('before', 'b'), column('list', 'data', { size }), column('after', 'a')] }],
    {
      entities: new Map(),
    },
  );

/** What one record gives: all values of its row. */
function read(data: string, size: number): number[] | string {
  const layout = layoutOf(size);
  // Neighbours that begin and end with digits, so that reading over an end would show.
  const rows = decode(['{"b":1,"a":2}', `{"b":1,"data":${data},"a":2}`, '{"b":1,"a":2}'], layout);
  expect([rows.status[0], rows.status[2]]).toEqual([STATUS_OK, STATUS_OK]);
  const width = size + 2;
  for (const row of [0, 2]) expect([...rows.floats[0]!.subarray(row * width + 1, row * width + 1 + size)].every(Number.isNaN)).toBe(true);
  if (rows.status[1] !== STATUS_OK) return rows.messageOf(1);
  const values = [...rows.floats[0]!.subarray(width, 2 * width)];
  expect([values[0], values.at(-1)]).toEqual([1, 2]);
  return values.slice(1, -1);
}

const printed = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
  fc.tuple(fc.float({ min: -1000, max: 1000, noNaN: true }), fc.integer({ min: 0, max: 12 })).map(([x, digits]) => x.toFixed(digits)),
  fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x.toFixed(8)),
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,17})(\.\d{1,30})?([eE][+-]?\d{1,2})?$/),
);

describe('lists of numbers', () => {
  it('are rounded as Number and float32 round, in arrays and in texts', () => {
    fc.assert(
      fc.property(fc.array(printed, { minLength: 1, maxLength: 20 }), fc.constantFrom(',', ', ', ' ,  '), (texts, separator) => {
        const wanted = texts.map((text) => Math.fround(Number(text)));
        expect(read(`[${texts.join(separator)}]`, texts.length)).toEqual(wanted);
        expect(read(`"${texts.join(separator)}"`, texts.length)).toEqual(wanted);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are rounded to the nearest double first, also with 16 digits and more', () => {
    const digits = fc.stringMatching(/^0\.\d{14,22}$/);
    fc.assert(
      fc.property(fc.array(digits, { minLength: 1, maxLength: 8 }), (texts) => {
        expect(read(`[${texts.join(',')}]`, texts.length)).toEqual(texts.map((text) => Math.fround(Number(text))));
      }),
      { numRuns: 1_000 },
    );
  });

  it('may hold null in arrays, and what programs print in texts', () => {
    expect(read('[1,null,-0.5]', 3)).toEqual([1, Number.NaN, -0.5]);
    expect(read('[ 1 , null ,\n2 ]', 3)).toEqual([1, Number.NaN, 2]);
    expect(read('"nan, inf,-Infinity,1.,+1,.5,1e-05, 007 "', 8)).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
      1,
      1,
      0.5,
      Math.fround(1e-5),
      7,
    ]);
    expect(read('"1,2\\u002c3\\u002C4"', 4)).toEqual([1, 2, 3, 4]);
    expect(read('"1\\t,2"', 2)).toMatch(/element 0 that is no number/);
  });

  it('refuse one element that is none, wherever it is, and say which', () => {
    const element = fc.constantFrom('x', '', '--1', '1 2', '0x10', '1e', '1,', '.', '-', 'é', '1;', '1'.repeat(2_000) + 'x');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), element, (size, place, bad) => {
        const index = place % size;
        const texts = Array.from({ length: size }, (_, i) => (i === index ? bad : '0.12345678'));
        const told = read(`"${texts.join(',')}"`, size);
        const alone = size === 1 && bad === '';
        if (alone) expect(told).toBe('event.data has 0 numbers, but column list takes 1.');
        else
          expect(told).toMatch(
            new RegExp(`element ${bad === '1,' ? index + 1 : index} that is no number|has more than the ${size} numbers`),
          );
      }),
    );
  });

  it('refuse another length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.boolean(), (given, size, isText) => {
        fc.pre(given !== size);
        const texts = Array.from({ length: given }, (_, i) => (i % 2 ? '0.12345678' : '1.5')).join(',');
        const told = read(isText ? `"${texts}"` : `[${texts}]`, size);
        expect(told).toBe(
          given < size
            ? `event.data has ${given} numbers, but column list takes ${size}.`
            : `event.data has more than the ${size} numbers that column list takes.`,
        );
      }),
    );
  });

  it('never read beyond the record: cut at every byte they are refused', () => {
    const layout = layoutOf(4);
    for (const data of ['[0.12345678,0.12345678,0.12345678,1.5]', '"0.12345678,0.1234,0.12345678,1.5"']) {
      const whole = Buffer.from(`{"data":${data}}`);
      for (let cut = 0; cut < whole.length; cut++) {
        // What is cut off stands behind as the next record: a reader that goes on would find it.
        const rows = decode([whole.subarray(0, cut), whole.subarray(cut), '{}'], layout);
        expect(rows.codeOf(0), `cut at ${cut}`).toBe('decode_failed');
        expect(rows.status[2]).toBe(STATUS_OK);
      }
    }
  });
});
