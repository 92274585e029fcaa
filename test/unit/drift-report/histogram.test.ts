import { describe, expect, it } from 'vitest';
import { barsOf } from '../../../src/drift-report/histogram.ts';
import { levelOf } from '../../../src/drift-report/heat-map.ts';
import { numericBinsFrom } from '../../../src/drift/bins.ts';
import { listText, shareText, shortNumber } from '../../../src/drift-report/text.ts';
import { numberCells, wordCells } from './windows.ts';

describe('barsOf', () => {
  it('adds fine bins up to coarse ones and says what they hold', () => {
    expect(barsOf(numberCells([1, 2, 3, 4, 5, 6, 7, 8]))).toEqual([
      { label: 'below 2', reference: 20, current: 3 },
      { label: '2 to 4', reference: 20, current: 7 },
      { label: '4 to 6', reference: 20, current: 11 },
      { label: '6 and more', reference: 20, current: 15 },
    ]);
  });

  it('tells the ends of narrow bins apart', () => {
    const cells = numberCells([1, 2, 3], { edges: [1013.25, 1013.375], fold: [0, 1, 2], referenceCounts: [1, 1, 1] });
    expect(barsOf(cells).map(({ label }) => label)).toEqual(['below 1013.3', '1013.3 to 1013.4', '1013.4 and more']);
  });

  it('names single values, and leaves out what lies between them when nothing does', () => {
    const { edges, fold, counts } = numericBinsFrom(Float32Array.of(0, 0, 0.7, 0.7, 5));
    const seen = counts.map((count) => 2 * count);
    const of = (current: readonly number[]): unknown => barsOf(numberCells(current, { edges, fold, referenceCounts: counts }));
    expect(of(seen)).toEqual([
      { label: '0', reference: 2, current: 4 },
      { label: '0.7', reference: 2, current: 4 },
      { label: '5', reference: 1, current: 2 },
    ]);
    expect(of(seen.with(-1, 9))).toContainEqual({ label: 'other values', reference: 0, current: 9 });
    expect(barsOf(numberCells([3], { edges: [], fold: [0], referenceCounts: [4] }))).toEqual([
      { label: 'all values', reference: 4, current: 3 },
    ]);
  });

  it('keeps the words most seen on either side, and adds up the others', () => {
    const words = Array.from({ length: 30 }, (_, i) => `w${i}`);
    const reference = [...words.map((_, i) => 100 - i), 0];
    const counts = [...words.map((_, i) => (i === 29 ? 500 : 1)), 7];
    const bars = barsOf(wordCells(words, counts, reference));
    expect(bars.map(({ label }) => label)).toEqual([...words.slice(0, 13), 'w29', '16 other words', 'new words']);
    expect(bars.reduce((sum, { current }) => sum + current, 0)).toBe(counts.reduce((a, b) => a + b));
    expect(bars.reduce((sum, { reference: of }) => sum + of, 0)).toBe(reference.reduce((a, b) => a + b));
    expect(barsOf(wordCells(['a', 'b'], [1, 2, 0])).map(({ label }) => label)).toEqual(['a', 'b']);
  });
});

describe('levelOf', () => {
  it.each([
    [0, 'level-0'],
    [0.025, 'level-1'],
    [0.0999, 'level-2'],
    [0.1, 'level-3'],
    [1, 'level-5'],
    [null, 'level-none'],
  ])('of %s is %s', (tvd, level) => {
    expect(levelOf({ status: 'OK', tvd })).toBe(level);
    expect(levelOf({ status: 'INSUFFICIENT_DATA', tvd })).toBe('level-none');
  });
});

describe('text', () => {
  it('keeps numbers short without making something nothing', () => {
    expect([null, 0, 0.0001, 0.0123, 0.0996, 1].map(shareText)).toEqual(['–', '0 %', '<0.1 %', '1.2 %', '10 %', '100 %']);
    expect([null, 0, 1234.567, 1e-9].map((value) => shortNumber(value))).toEqual(['–', '0', '1235', '1e-9']);
  });

  it('lists', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd']].map((items) => listText(items, 3))).toEqual([
      ...['', 'a', 'a and b', 'a, b and c', 'a, b, c and 1 more'],
    ]);
  });
});
