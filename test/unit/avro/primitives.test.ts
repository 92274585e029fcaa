import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digitCount, encodeString, writeDigits, writeLong } from '../../../src/avro/primitives.ts';

const LONG = avro.Type.forSchema('long');

/** Zigzag varint by BigInt: an oracle with nothing in common with the code under test. */
function longByBigInt(value: number): Buffer {
  const n = BigInt(value);
  let rest = n < 0n ? -2n * n - 1n : 2n * n;
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

const written = (size: number, write: (buffer: Buffer) => number): Buffer => {
  const buffer = Buffer.alloc(size, 0xaa);
  return buffer.subarray(0, write(buffer));
};

test('writeLong agrees with BigInt on all safe integers, and with avsc', () => {
  const edges = [0, -1, 1, 63, 64, -64, -65, 2 ** 30 - 1, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31, 2 ** 32, -(2 ** 32)];
  const safe = [...edges, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1_357_035_420_000];
  for (const value of safe)
    expect(
      written(10, (b) => writeLong(b, 0, value)),
      String(value),
    ).toEqual(longByBigInt(value));
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => void expect(written(10, (b) => writeLong(b, 0, value))).toEqual(longByBigInt(value))),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
      (value) => void expect(written(10, (b) => writeLong(b, 0, value))).toEqual(LONG.toBuffer(value)),
    ),
  );
});

test('digits are those of String', () => {
  const check = (value: number): void => {
    const digits = digitCount(value);
    expect(written(20, (b) => writeDigits(b, 0, value, digits)).toString()).toBe(String(value));
  };
  for (const value of [0, 9, 10, 99, 100, 999_999_999_999_999, 1e15, Number.MAX_SAFE_INTEGER]) check(value);
  fc.assert(fc.property(fc.maxSafeNat(), check));
});

test('encodeString agrees with avsc', () => {
  const type = avro.Type.forSchema('string');
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void expect(encodeString(text)).toEqual(type.toBuffer(text))));
});
