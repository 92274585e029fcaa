import { describe, expect, test } from 'vitest';
import { compareProfiles } from '../../../src/drift/compare-profiles.ts';
import { createReferenceBuilder } from '../../../src/drift/reference-builder.ts';
import type { ReferenceProfile } from '../../../src/drift/reference-profile.ts';
import { type Datum, datumFrom, layout, MODEL, randomFrom, referenceOf, rowsOf } from './support.ts';

/** A profile of data of our own. */
function profileOf(data: readonly Datum[]): ReferenceProfile {
  const builder = createReferenceBuilder({ layout, model: MODEL });
  const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data: [...data] }]);
  builder.observe(rows, scores);
  return builder.build();
}

/** Random data, changed one by one. */
function some(count: number, change: (datum: Datum) => Datum = (datum) => datum, seed = 5): Datum[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => change(datumFrom(random, 0)));
}

/** Kolmogorov-Smirnov distance of the values themselves. */
function ksOf(a: readonly number[], b: readonly number[]): number {
  const below = (values: readonly number[], x: number): number => values.filter((value) => value <= x).length / values.length;
  return Math.max(...[...a, ...b].map((x) => Math.abs(below(a, x) - below(b, x))));
}

describe('two reference profiles', () => {
  test('that are the same differ in nothing', () => {
    const reference = referenceOf(2_000);
    for (const difference of compareProfiles(reference, reference)) {
      expect(difference).toMatchObject({ in: 'both', hasSameCells: true, moved: 0, isLowerBound: false, newWords: [] });
    }
  });

  test('with other bins: what is said to have moved at least is never more than has', () => {
    const before = some(800);
    for (const shift of [0, 2, 10, 40]) {
      const after = some(700, (datum) => ({ ...datum, ...(datum.delay === undefined ? {} : { delay: datum.delay + shift }) }), 6);
      const found = compareProfiles(profileOf(before), profileOf(after)).find(({ name }) => name === 'delay')!;
      const values = (data: readonly Datum[]): number[] => data.flatMap(({ delay }) => (delay === undefined ? [] : [Math.fround(delay)]));
      const true_ = ksOf(values(before), values(after));
      expect(found).toMatchObject({ hasSameCells: false, isLowerBound: true });
      expect(found.moved!).toBeLessThanOrEqual(true_ + 1e-12);
      // Two sets of 64 bins each do not hide much.
      expect(found.moved!).toBeGreaterThan(true_ - 0.05);
      expect(found.mean![1]! - found.mean![0]!).toBeCloseTo(
        values(after).reduce((a, b) => a + b, 0) / values(after).length - values(before).reduce((a, b) => a + b, 0) / values(before).length,
        1,
      );
    }
  });

  test('tell of words that came and went, and of a column that is in one only', () => {
    const before = profileOf(some(400, (datum) => ({ ...datum, origin: 'EWR' })));
    const after = profileOf(some(400, (datum) => ({ ...datum, origin: datum.day! % 2 ? 'EWR' : 'ORD' })));
    const found = compareProfiles(before, after);
    expect(found.find(({ name }) => name === 'origin')).toMatchObject({ hasSameCells: false, isLowerBound: true, newWords: ['ORD'] });
    expect(found.find(({ name }) => name === 'origin')!.moved).toBeGreaterThan(0.3);
    const fewer = { ...after, features: after.features.filter(({ name }) => name !== 'wind') };
    expect(compareProfiles(before, fewer)[0]).toMatchObject({ name: 'wind', in: 'before', moved: null });
  });
});
