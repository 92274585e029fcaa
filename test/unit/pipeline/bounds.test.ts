import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import { Rows } from '../../../src/core/rows.ts';
import { Bounds } from '../../../src/pipeline/bounds.ts';

const BLOCK = 9;

/** One matrix per width; the bounds of column i are −i and i + 1, none for every third. */
function layoutOf(widths: readonly number[]): RowLayout {
  return createRowLayout(
    widths.map((width, tensor) => ({
      name: `t${tensor}`,
      kind: 'float',
      columns: Array.from({ length: width }, (_, i) => ({
        name: `t${tensor}c${i}`,
        kind: 'float',
        binding: { from: 'event', path: [`f${i}`] },
        required: false,
        onInvalid: 'flag',
        ...(i % 3 === 2 ? {} : { min: -i, max: i + 1 }),
      })),
    })),
    { entities: new Map() },
  );
}

const isGood = (value: number, i: number): boolean => (i % 3 === 2 ? Number.isFinite(value) : value >= -i && value <= i + 1);

describe('bounds of a block of rows', () => {
  test('hold exactly when each value is within those of its column', () => {
    const widths = fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1, maxLength: 3 });
    const spoilt = fc.option(
      fc.record({
        lane: fc.nat(),
        at: fc.nat(),
        value: fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1, -1)),
      }),
    );
    fc.assert(
      fc.property(widths, fc.nat(BLOCK - 1), fc.integer({ min: 1, max: BLOCK }), spoilt, (widths, fromRow, count, spoilt) => {
        const layout = layoutOf(widths);
        const rows = new Rows(layout, 2 * BLOCK);
        const toRow = fromRow + count;
        // What is beside the block is bad.
        for (const [lane, width] of widths.entries()) rows.floats[lane]!.fill(Number.NaN).fill(0.5, fromRow * width, toRow * width);
        let isExpected = true;
        if (spoilt) {
          const lane = spoilt.lane % widths.length;
          const width = widths[lane]!;
          const at = fromRow * width + (spoilt.at % (count * width));
          rows.floats[lane]![at] = spoilt.value;
          isExpected = isGood(spoilt.value, at % width);
        }
        expect(new Bounds(layout, BLOCK).hold(rows, fromRow, toRow)).toBe(isExpected);
      }),
      { numRuns: 300 },
    );
  });

  test('are compared as float32', () => {
    const layout = layoutOf([2]);
    const rows = new Rows(layout, 1);
    rows.floats[0]!.set([1, 2]);
    expect(new Bounds(layout, 1).hold(rows, 0, 1)).toBe(true);
    rows.floats[0]!.set([1, 2 + 2 ** -22]);
    expect(new Bounds(layout, 1).hold(rows, 0, 1)).toBe(false);
  });
});
