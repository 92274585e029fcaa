import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BytesColumn } from '../../../src/core/bytes-column.ts';
import { Interner } from '../../../src/model/interner.ts';
import { ClassNames } from '../../../src/model/outputs.ts';

describe('Interner', () => {
  it('gives the text of any bytes, known or not', () => {
    const interner = new Interner();
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 })), (texts) => {
        const bytes = Buffer.concat([Buffer.from('..'), ...texts.map((t) => Buffer.from(t))]);
        let at = 2;
        for (const text of texts) {
          const length = Buffer.byteLength(text);
          expect(interner.get(bytes, at, length)).toBe(bytes.toString('utf8', at, at + length));
          at += length;
        }
      }),
    );
  });

  it('keeps a value once, and no more than its bound however many come', () => {
    const interner = new Interner();
    for (let round = 0; round < 3; round++) for (const text of ['UA', 'AA', 'UA']) interner.get(Buffer.from(text), 0, 2);
    expect(interner.size).toBe(2);
    for (let i = 0; i < 20_000; i++) {
      const text = `value ${i}`;
      expect(interner.get(Buffer.from(text), 0, text.length)).toBe(text);
    }
    expect(interner.size).toBeLessThanOrEqual(4096);
    expect(interner.get(Buffer.from('UA'), 0, 2)).toBe('UA');
  });

  it('tells texts of the same hash and length apart', () => {
    // A known collision of 32-bit FNV-1a.
    const interner = new Interner();
    for (const text of ['declinate', 'macallums', 'declinate', 'macallums']) expect(interner.get(Buffer.from(text), 0, 9)).toBe(text);
    expect(interner.size).toBe(2);
  });

  it('does not keep long texts', () => {
    const interner = new Interner();
    const long = 'x'.repeat(257);
    expect(interner.get(Buffer.from(long), 0, 257)).toBe(long);
    expect(interner.size).toBe(0);
  });

  it('reads rows; null and empty are the empty string', () => {
    const column = new BytesColumn(3);
    column.clear(3);
    column.setText(0, 'JFK');
    column.setText(2, '');
    const interner = new Interner();
    expect([0, 1, 2].map((row) => interner.text(column, row))).toEqual(['JFK', '', '']);
  });
});

describe('ClassNames', () => {
  it('is the decimal text of any int64', () => {
    const names = new ClassNames();
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const high = Number(BigInt.asIntN(32, value >> 32n));
        const low = Number(BigInt.asIntN(32, value));
        expect(names.text(high, low)).toBe(value.toString());
      }),
      { examples: [[0n], [-1n], [2n ** 53n], [2n ** 53n + 1n], [-(2n ** 53n) - 1n], [4294967296n]] },
    );
  });
});
