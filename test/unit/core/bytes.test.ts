import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyBytes, varintBytes, viewOf, writeVarint } from '../../../src/core/bytes.ts';

test('bytes are copied where they should be, and no others, whatever the length', () => {
  for (const offset of [0, 3]) {
    for (let length = 0; length <= 220; length++) {
      const from = Buffer.alloc(300, 1).subarray(offset);
      for (let i = 0; i < length; i++) from[5 + i] = (i * 7 + 0x80) & 0xff;
      const into = Buffer.alloc(300, 0xee).subarray(offset + 1);
      expect(copyBytes(viewOf(into), 9, viewOf(from), 5, length)).toBe(9 + length);
      expect(into.subarray(9, 9 + length)).toEqual(from.subarray(5, 5 + length));
      expect(into.subarray(0, 9).every((byte) => byte === 0xee)).toBe(true);
      expect(into.subarray(9 + length).every((byte) => byte === 0xee)).toBe(true);
    }
  }
});

test('the bit patterns of signalling NaNs survive, as do those of any other number', () => {
  const from = Buffer.from('f07ff00000000001fff4000000000001', 'hex');
  const into = Buffer.alloc(16);
  copyBytes(viewOf(into), 0, viewOf(from), 0, 16);
  expect(into).toEqual(from);
});

test('nothing is read or written outside of the buffers', () => {
  const [from, into] = [Buffer.alloc(10), Buffer.alloc(10)].map(viewOf) as [DataView, DataView];
  for (const length of [1, 5, 9, 120]) {
    expect(() => copyBytes(into, 0, from, 11 - length, length)).toThrow(RangeError);
    expect(() => copyBytes(into, 11 - length, from, 0, length)).toThrow(RangeError);
  }
});

test('a varint takes as many bytes as was said, and holds its value', () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.nat(2 ** 22)), (value) => {
      const into = Buffer.alloc(10);
      const end = writeVarint(into, 0, value);
      expect(end).toBe(varintBytes(value));
      let read = 0n;
      for (let i = end - 1; i >= 0; i--) read = (read << 7n) | BigInt(into[i]! & 0x7f);
      expect(Number(read)).toBe(value);
      expect([...into.subarray(0, end)].map((byte) => byte >= 0x80)).toEqual(Array.from({ length: end }, (_, i) => i < end - 1));
    }),
  );
});
