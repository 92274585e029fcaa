import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunked, limited } from '../../../../examples/flights/replay.ts';

test('chunks hold all items in order, none is empty, only the last is short', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 10 }), (items, size) => {
      const chunks = [...chunked(items, size)];
      expect(chunks.flat()).toEqual(items);
      expect(chunks.slice(0, -1).every(({ length }) => length === size)).toBe(true);
      expect(chunks.every(({ length }) => length > 0 && length <= size)).toBe(true);
    }),
  );
});

test('a limit takes no item more from its source than it hands out', () => {
  let taken = 0;
  function* endless(): Generator<number> {
    for (;;) yield taken++;
  }
  expect([...limited(endless(), 3)]).toEqual([0, 1, 2]);
  expect(taken).toBe(3);
  expect([...limited([1, 2])]).toEqual([1, 2]);
  expect([...limited([1, 2], 0)]).toEqual([]);
});
