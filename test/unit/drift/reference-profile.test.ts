import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRowLayout } from '../../../src/core/layout.ts';
import { binOf, numericBinsFrom } from '../../../src/drift/bins.ts';
import { createReferenceBuilder, numericFeatureFrom } from '../../../src/drift/reference-builder.ts';
import {
  canonicalJson,
  checkReferenceProfile,
  parseReferenceProfile,
  referenceProfileFrom,
  serializeReferenceProfile,
} from '../../../src/drift/reference-profile.ts';
import { datumFrom, layout, MODEL, randomFrom, referenceOf, rowsOf } from './support.ts';

const normals = (count: number, seed = 3): Float32Array => {
  const random = randomFrom(seed);
  return Float32Array.from({ length: count }, () => random() + random() + random() + random() - 2);
};

describe('numeric bins', () => {
  test('a continuous feature has 64 fine and 16 coarse bins of equal mass', () => {
    const feature = numericFeatureFrom('x', normals(64_000));
    expect(feature.type).toBe('NUMERIC');
    expect(feature.counts).toHaveLength(64);
    for (const n of feature.counts) expect(Math.abs(n - 1000)).toBeLessThanOrEqual(2);
    expect(Math.max(...feature.fold)).toBe(15);
    const coarse = new Array<number>(16).fill(0);
    for (const [bin, n] of feature.counts.entries()) coarse[feature.fold[bin]!]! += n;
    for (const n of coarse) expect(Math.abs(n - 4000)).toBeLessThanOrEqual(8);
  });

  test('a point mass has a bin of its own, fine and coarse', () => {
    const values = normals(10_000);
    for (let i = 0; i < 3000; i++) values[i] = 0.25;
    const { type, edges, counts, fold } = numericBinsFrom(values.sort());
    const bin = binOf(edges, 0.25);
    expect(type).toBe('NUMERIC');
    expect(counts[bin]).toBe(3000);
    expect(binOf(edges, 0.2500001)).toBe(bin + 1);
    expect(fold.filter((k) => k === fold[bin])).toHaveLength(1);
  });

  test('few distinct values: one coarse bin each, and one for all others', () => {
    const { type, edges, fold } = numericBinsFrom(Float32Array.from([1, 1, 2, 2, 2, 7]));
    expect(type).toBe('DISCRETE');
    const coarse = (x: number): number => fold[binOf(edges, x)]!;
    expect([1, 2, 7, 0, 1.5, 3, 8].map(coarse)).toEqual([0, 1, 2, 3, 3, 3, 3]);
  });

  test('neighbouring floats as discrete values stay apart', () => {
    const [a, b] = [1, 1 + 2 ** -23];
    const { edges, fold } = numericBinsFrom(Float32Array.from([a, b]));
    expect([a, b, b + 2 ** -23].map((x) => fold[binOf(edges, x)])).toEqual([0, 1, 2]);
  });

  test('values are rounded to float32 before they are binned', () => {
    const feature = numericFeatureFrom('x', Float32Array.from([0.1, 0.7, 0.7]));
    expect(feature.edges).toContain(Math.fround(0.7));
    expect(feature.counts[binOf(feature.edges, Math.fround(0.7))]).toBe(2);
  });

  test('zero and minus zero are one value', () => {
    expect(numericFeatureFrom('x', Float32Array.from([0, -0, -0, 0])).counts).toEqual([0, 4, 0]);
  });

  test('any values: every one is counted once, in bins that ascend', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.float(), fc.constantFrom(1, 2, 3, -0, 0)), { maxLength: 300 }), (values) => {
        const feature = numericFeatureFrom('x', Float32Array.from(values));
        const total = feature.counts.reduce((a, b) => a + b, 0);
        expect(total + feature.missing + feature.infinite).toBe(values.length);
        expect(feature.edges.every((e, i) => Math.fround(e) === e && (i === 0 || e > feature.edges[i - 1]!))).toBe(true);
        expect(
          feature.fold.every((k, i) => Number.isInteger(k) && (feature.type === 'DISCRETE' || i === 0 || k - feature.fold[i - 1]! <= 1)),
        ).toBe(true);
        expect(feature.sums.every(Number.isSafeInteger)).toBe(true);
      }),
    );
  });
});

describe('reference builder', () => {
  test('profiles floats, strings and the score; leaves out rows that are not ok', () => {
    const builder = createReferenceBuilder({ layout, model: MODEL });
    const { rows, scores } = rowsOf([
      {
        partition: 0,
        firstOffset: 0,
        data: [
          { delay: 1, day: 2, wind: 3, origin: 'JFK', score: 0.25 },
          { delay: Number.POSITIVE_INFINITY, day: 2, origin: '', score: 0.75 },
          { delay: 5, origin: 'EWR', score: 0.75, dead: true },
          { delay: 5, origin: 'EWR', skip: true },
          { day: 2, origin: 'JFK', score: 0.75 },
        ],
      },
    ]);
    builder.observe(rows, scores);
    const profile = builder.build();
    expect(profile.rows).toBe(3);
    expect(profile.features.map(({ name, type, missing }) => [name, type, missing])).toEqual([
      ['delay', 'DISCRETE', 1],
      ['day', 'DISCRETE', 0],
      ['wind', 'DISCRETE', 2],
      ['origin', 'CATEGORICAL', 1],
    ]);
    expect(profile.features[0]).toMatchObject({ infinite: 1, min: 1, max: 1, mean: 1, std: 0 });
    expect(profile.features[3]).toMatchObject({ vocabulary: ['JFK'], counts: [2, 0] });
    expect(profile.prediction).toMatchObject({ name: 'score', min: 0.25, max: 0.75, counts: [0, 1, 0, 2, 0] });
  });

  test('keeps the 200 most frequent words', () => {
    const builder = createReferenceBuilder({ layout, model: MODEL });
    const data = Array.from({ length: 250 }, (_, i) => ({ origin: `w${String(i).padStart(3, '0')}` }));
    const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data: [...data, { origin: 'w249' }] }]);
    builder.observe(rows, scores);
    const feature = builder.build().features[3]!;
    if (feature.type !== 'CATEGORICAL') throw new Error('wrong type');
    expect(feature.vocabulary).toHaveLength(200);
    expect(feature.vocabulary.slice(0, 2)).toEqual(['w249', 'w000']);
    expect(feature.counts.at(-1)).toBe(50);
  });

  test('a sample of whole rows above the bound, the same each time', () => {
    const build = (): ReturnType<typeof referenceOf> => {
      const builder = createReferenceBuilder({ layout, model: MODEL, maxRows: 1000 });
      const random = randomFrom(9);
      for (let part = 0; part < 10; part++) {
        const { rows, scores } = rowsOf([
          { partition: 0, firstOffset: part * 500, data: Array.from({ length: 500 }, () => datumFrom(random, part)) },
        ]);
        builder.observe(rows, scores);
      }
      return builder.build();
    };
    const profile = build();
    expect(profile).toMatchObject({ rows: 1000, observedRows: 5000 });
    expect(build().referenceId).toBe(profile.referenceId);
    const delay = profile.features[0]!;
    if (delay.type === 'CATEGORICAL') throw new Error('wrong type');
    // All ten parts are in the sample: their mean shift is 4.5, the standard error 0.8.
    expect(Math.abs(delay.mean! - 4.5)).toBeLessThan(3.5);
  });

  test('no rows, no profile', () => {
    expect(() => createReferenceBuilder({ layout, model: MODEL }).build()).toThrow(/No scored row/);
  });
});

describe('reference profile', () => {
  test('text and back; the id is of the content', () => {
    const profile = referenceOf();
    const text = serializeReferenceProfile(profile);
    const again = parseReferenceProfile(JSON.parse(text));
    expect(again).toEqual(profile);
    expect(serializeReferenceProfile(again)).toBe(text);
    expect(profile.referenceId).toMatch(/^[0-9a-f]{64}$/);
    expect(referenceOf(4000, 2).referenceId).not.toBe(profile.referenceId);
  });

  test('canonical JSON does not depend on the order of keys', () => {
    expect(canonicalJson({ b: [1, 0.1, null], a: { d: 'é"', c: true } })).toBe('{"a":{"c":true,"d":"é\\""},"b":[1,0.1,null]}');
  });

  test('a changed file is refused', () => {
    const json = JSON.parse(serializeReferenceProfile(referenceOf())) as { features: { missing: number; counts: number[] }[] };
    json.features[0]!.missing += 1;
    json.features[0]!.counts[0]! -= 1;
    expect(() => parseReferenceProfile(json)).toThrow(/it was changed/);
  });

  test.each([
    ['no object', () => 7, /not valid/],
    ['an unknown key', (p: object) => ({ ...p, extra: 1 }), /not valid/],
    ['another format', (p: object) => ({ ...p, format: 'x' }), /format/],
  ])('%s is refused', (_, change, message) => {
    expect(() => parseReferenceProfile(change(referenceOf(100)))).toThrow(message);
  });

  test.each([
    ['counts that do not add up', { missing: 1 }, /add up/],
    ['edges that fall', { edges: [3, 2] }, /ascending|one more/],
    ['a quantum that is no power of two', { quantum: 0.3 }, /power of two/],
    ['an origin that is not min', { origin: 17 }, /origin/],
    ['a fold out of range', { fold: [9999] }, /fold|one more/],
    ['a domain the wrong way round', { min: 1e9, origin: 1e9 }, /min is above max/],
  ])('%s are refused even with a fitting id', (_, change, message) => {
    const { referenceId: _id, ...content } = referenceOf(500);
    const features = content.features.map((feature, i) => (i === 0 ? { ...feature, ...change } : feature)) as typeof content.features;
    expect(() => parseReferenceProfile(referenceProfileFrom({ ...content, features }))).toThrow(message);
  });

  test('must be of this model version and of these columns', () => {
    const profile = referenceOf(100);
    expect(() => checkReferenceProfile(profile, layout, MODEL)).not.toThrow();
    expect(() => checkReferenceProfile(profile, layout, { name: 'toy', version: '2' })).toThrow(/built for model toy 1, not for toy 2/);
    const other = createRowLayout(
      [{ name: 'f', kind: 'float', columns: layout.columns.filter(({ name }) => name !== 'day' && name !== 'origin') }],
      {
        entities: new Map([['airport', ['origin']]]),
      },
    );
    expect(() => checkReferenceProfile(profile, other, MODEL)).toThrow(
      /column 1 is wind \(float\) in the model and day \(float\) in the profile/,
    );
  });
});
