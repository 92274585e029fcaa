import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeOwnedPartitions, encodeOwnedPartitions, OWNS_NOTHING } from '../../../src/kafka/owned-partitions.ts';

const int32 = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const owned = fc.record({
  generation: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  partitions: fc
    .array(fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.array(int32, { maxLength: 20 })), { maxLength: 5 })
    .map((topics) => new Map(topics)),
});

test('what was written is read', () => {
  fc.assert(fc.property(owned, (value) => void expect(decodeOwnedPartitions(encodeOwnedPartitions(value))).toEqual(value)));
});

test('the bytes are those that the format documents', () => {
  const bytes = encodeOwnedPartitions({ generation: 7, partitions: new Map([['ä', [1, 258]]]) });
  expect(bytes.toString('hex')).toBe(['0001', '00000007', '00000001', '0002', 'c3a4', '00000002', '00000001', '00000102'].join(''));
});

test.each([null, undefined, Buffer.alloc(0), Buffer.alloc(9)])('%j owns nothing', (bytes) => {
  expect(decodeOwnedPartitions(bytes)).toBe(OWNS_NOTHING);
});

test.each([0, 2, -1])('version %i is unknown, and owns nothing', (version) => {
  const bytes = encodeOwnedPartitions({ generation: 7, partitions: new Map([['a', [1]]]) });
  bytes.writeInt16BE(version, 0);
  expect(decodeOwnedPartitions(bytes)).toBe(OWNS_NOTHING);
});

test('bytes that are cut short or go on own nothing', () => {
  fc.assert(
    fc.property(owned, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (value, cut, more) => {
      const bytes = encodeOwnedPartitions(value);
      expect(decodeOwnedPartitions(bytes.subarray(0, cut % bytes.length))).toBe(OWNS_NOTHING);
      expect(decodeOwnedPartitions(Buffer.concat([bytes, more]))).toBe(OWNS_NOTHING);
    }),
  );
});

test('any bytes are read without an error, and counts that they announce are not believed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => void decodeOwnedPartitions(Buffer.concat([Buffer.from([0, 1]), tail]))),
  );
  for (const count of ['7fffffff', 'ffffffff', '80000000']) {
    for (const hex of [`0001000000${'07'}${count}`, `000100000007000000010000${count}`]) {
      const { partitions } = decodeOwnedPartitions(Buffer.from(hex, 'hex'));
      expect([...partitions.values()].flat()).toEqual([]);
    }
  }
});
