import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as wire from '../../../../src/avro/plan/wire.ts';
import { isText } from '../../../../src/core/bytes.ts';
import { BytesColumn } from '../../../../src/core/bytes-column.ts';
import { float32Of } from '../../../oracle/bound-leaves.ts';
import { long } from '../../../oracle/bytes.ts';

// Small numbers, the neighbourhood of every power of two, and anything else of 64 bits.
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .tuple(fc.integer({ min: 0, max: 62 }), fc.bigInt({ min: -3n, max: 3n }), fc.boolean())
    .map(([e, d, n]) => (n ? -(2n ** BigInt(e)) : 2n ** BigInt(e)) + d),
  // Close to the middle between two floats, where rounding twice goes wrong.
  fc
    .tuple(fc.integer({ min: 2 ** 23, max: 2 ** 24 - 1 }), fc.integer({ min: 30, max: 39 }), fc.bigInt({ min: -2n, max: 2n }))
    .map(([mantissa, shift, d]) => (BigInt(mantissa) << BigInt(shift)) + (1n << BigInt(shift - 1)) + d),
);

describe('longs', () => {
  it('are the nearest double', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = long(value);
        expect(wire.readLong(bytes, 0, bytes.length)).toBe(bytes.length);
        expect(wire.NUMBER[0]).toBe(Number(value));
      }),
      { numRuns: 3000 },
    );
  });

  it('round once to a float32', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = long(value);
        wire.readLongForFloat(bytes, 0, bytes.length);
        expect(Math.fround(wire.NUMBER[0]!)).toBe(float32Of(value));
      }),
      { numRuns: 3000 },
    );
  });

  it('keep all digits as text', () => {
    const column = new BytesColumn(2);
    fc.assert(
      fc.property(int64, (value) => {
        column.clear(2);
        const bytes = long(value);
        expect(wire.readLongAsText(bytes, 0, bytes.length, column, 1)).toBe(bytes.length);
        expect(column.text(1)).toBe(String(value));
        expect(column.text(0)).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
  });

  it('are refused when cut, too long, or of more than 64 bits', () => {
    const bytes = long(-(2n ** 63n));
    for (let end = 0; end < bytes.length; end++) expect(wire.readLong(bytes, 0, end)).toBe(-1);
    const tooLong = Buffer.from('80'.repeat(10) + '01', 'hex');
    expect(wire.readLong(tooLong, 0, tooLong.length)).toBe(-1);
    const tooLarge = Buffer.from(`${'ff'.repeat(9)}02`, 'hex');
    expect(wire.readLong(tooLarge, 0, tooLarge.length)).toBe(-1);
  });
});

describe('ints', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = long(value);
        expect(wire.readRawInt(bytes, 0, bytes.length)).toBe(bytes.length);
        expect((wire.WORD[0]! >>> 1) ^ -(wire.WORD[0]! & 1)).toBe(value);
      }),
    );
  });

  it('are refused beyond 32 bits', () => {
    const bytes = long(2 ** 31);
    expect(wire.readRawInt(bytes, 0, bytes.length)).toBe(-1);
  });
});

describe('text', () => {
  it('is what a strict decoder takes', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    const isLegal = (bytes: Buffer): boolean => {
      try {
        strict.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 12 }),
          fc.string({ unit: 'grapheme' }).map((s) => new TextEncoder().encode(s)),
        ),
        (array) => {
          const bytes = Buffer.from(array);
          expect(isText(bytes, 0, bytes.length)).toBe(isLegal(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
