import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32Of, numberFromBytes, numberFromText } from '../../../src/core/numbers.ts';

describe('numberFromBytes', () => {
  it('reads every number that JavaScript writes', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(numberFromBytes(Buffer.from(String(value)))).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('rounds decimals as Number does', () => {
    const decimal = fc.tuple(fc.constantFrom('', '-'), fc.stringMatching(/^[0-9]{0,18}$/), fc.stringMatching(/^[0-9]{1,18}$/));
    fc.assert(
      fc.property(decimal, ([sign, whole, fraction]) => {
        const text = `${sign}${whole}.${fraction}`;
        expect(numberFromBytes(Buffer.from(text))).toBe(Number(text));
      }),
    );
  });

  it('agrees with the reader of texts on any text', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[-+.0-9eE]{0,8}$/));
    fc.assert(
      fc.property(text, (value) => {
        expect(numberFromBytes(Buffer.from(value))).toBe(numberFromText(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['0', 0],
    ['-0', -0],
    ['007', 7],
    ['5.', 5],
    ['.5', 0.5],
    ['+5', 5],
    ['1e3', 1_000],
    ['1E-3', 0.001],
    ['999999999999999', 999_999_999_999_999],
    ['9007199254740993', 9_007_199_254_740_992],
    ['0.000000000000000000001', 1e-21],
    ['nan', Number.NaN],
    ['NaN', Number.NaN],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
  ])('reads %j', (text, value) => {
    expect(numberFromBytes(Buffer.from(text))).toBe(value);
  });

  it.each(['', ' ', '-', '.', '-.', '1.2.3', '0x10', '1e', '1_000', ' 5', '5 ', '1,5', 'true', 'null', '٣', '1e3x', '--1'])(
    'takes %j for no number',
    (text) => {
      expect(numberFromBytes(Buffer.from(text))).toBeUndefined();
      expect(numberFromText(text)).toBeUndefined();
    },
  );
});

describe('float32Of', () => {
  /** As readers gather digits: one after another, in doubles. */
  const gather = (digits: string): number => [...digits].reduce((mantissa, digit) => mantissa * 10 + Number(digit), 0);

  it('is what the double rounds to, or says that it cannot tell', () => {
    let undecided = 0;
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{15,26}$/), fc.integer({ min: -24, max: 24 }), (digits, scale) => {
        const got = float32Of(gather(digits), digits.length, scale);
        if (Number.isNaN(got)) undecided++;
        else expect(got).toBe(Math.fround(Number(`${digits}e${scale}`)));
      }),
      { numRuns: 3_000 },
    );
    // Too many digits or too large an exponent: less than a third of these.
    expect(undecided).toBeLessThan(1_500);
  });

  it('leaves the neighbourhood of the middle between two floats to others', () => {
    // 1 + 2^-24 is the middle between 1 and the next float32.
    expect(float32Of(gather('1000000059604644775'), 19, -18)).toBeNaN();
    expect(float32Of(gather('1000000059605'), 13, -12)).toBe(Math.fround(1.000000059605));
  });
});
