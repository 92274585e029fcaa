import { describe, expect, test } from 'vitest';
import { binOf, ceilFloat32, numericBinsFrom, withEdge } from '../../../../src/drift/bins.ts';
import { estimatePerformance } from '../../../../src/drift/performance/estimate.ts';
import { type PerformanceTask, performanceLayoutOf } from '../../../../src/drift/performance/layout.ts';
import { measureLabelled } from '../../../../src/drift/performance/measures.ts';
import { measureReference, type ReferencePerformance, referenceCellsOf } from '../../../../src/drift/performance/reference.ts';
import { createReferenceBuilder } from '../../../../src/drift/reference-builder.ts';
import {
  parseReferenceProfile,
  type ReferenceProfile,
  referenceProfileFrom,
  serializeReferenceProfile,
} from '../../../../src/drift/reference-profile.ts';
import { type Datum, datumFrom, layout, MODEL, randomFrom, rowsOf } from '../support.ts';
import { expectNear } from './support.ts';

const THRESHOLD = 0.3;

/** Scored rows, the truths of most of them, and the profile of both. */
function build(
  task: PerformanceTask | undefined,
  { count = 3_000, maxRows = 10_000, truth = (score: number): number => Number(score > 0.4) } = {},
) {
  const random = randomFrom(5);
  const data = Array.from({ length: count }, (): Datum => datumFrom(random));
  data[0]!.dead = true;
  data[1]!.score = Number.NaN;
  const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data }]);
  // One in ten labels is wrong, one in five is missing.
  const truths = Float64Array.from(data, (_, i) =>
    i % 5 === 4 ? Number.NaN : truth(i % 10 === 0 ? random() : Math.fround(scores.score[i]!)),
  );
  scores.label = Array.from(scores.score, (score) => (score > 0.6 ? 'c' : score > 0.2 ? 'b' : 'a'));
  const builder = createReferenceBuilder({ layout, model: MODEL, maxRows, ...(task ? { task } : {}) });
  builder.observe(rows, scores, task ? truths : undefined);
  const kept = data.map((_, i) => i).filter((i) => i > 1 && !Number.isNaN(truths[i]!));
  return {
    profile: builder.build(),
    rows: kept.map((i) => ({ score: Math.fround(scores.score[i]!), truth: truths[i]! })),
  };
}

/** The profile with something else in `performance`, and the identity that belongs to it. */
function changed({ referenceId: _, ...content }: ReferenceProfile, of: Partial<ReferencePerformance>): unknown {
  return JSON.parse(serializeReferenceProfile(referenceProfileFrom({ ...content, performance: { ...content.performance!, ...of } })));
}

describe('an edge at the threshold', () => {
  const sorted = Float32Array.from({ length: 1_000 }, (_, i) => i / 1_000);
  const bins = numericBinsFrom(sorted);

  test('divides one bin, and no coarse one', () => {
    const divided = withEdge(bins, sorted, ceilFloat32(THRESHOLD));
    expect(divided.edges).toHaveLength(bins.edges.length + 1);
    const at = binOf(bins.edges, ceilFloat32(THRESHOLD));
    expect(divided.counts[at]! + divided.counts[at + 1]!).toBe(bins.counts[at]);
    expect(divided.counts.slice(0, at + 1).reduce((a, b) => a + b, 0)).toBe(sorted.filter((x) => x < THRESHOLD).length);
    const coarse = ({ counts, fold }: typeof bins): number[] => {
      const sums = new Array<number>(16).fill(0);
      for (const [bin, count] of counts.entries()) sums[fold[bin]!]! += count;
      return sums;
    };
    expect(coarse(divided)).toEqual(coarse(bins));
  });

  test('is not put where there is one, nor outside the values', () => {
    expect(withEdge(bins, sorted, bins.edges[7]!)).toBe(bins);
    for (const edge of [-0.5, 1.5, Number.NaN]) expect(withEdge(bins, sorted, edge)).toBe(bins);
    expect(withEdge(numericBinsFrom(new Float32Array(0)), new Float32Array(0), 0.5).edges).toEqual([]);
  });

  test('a float32 is at or above a number when it is at or above the next float32', () => {
    for (const x of [0.1, 0.3, 0.5, 0.7, -0.1, 0]) {
      expect(ceilFloat32(x)).toBeGreaterThanOrEqual(x);
      expect(Math.fround(ceilFloat32(x))).toBe(ceilFloat32(x));
      expect(ceilFloat32(x) - x).toBeLessThan(1e-7);
    }
  });
});

describe('performance of the reference', () => {
  const binary: PerformanceTask = { kind: 'binary', threshold: THRESHOLD };

  test('two classes: what the labelled rows say, exactly at the threshold', () => {
    const { profile, rows } = build(binary);
    const { task, measures } = measureReference(profile)!;
    expect(task).toEqual(binary);
    expect(measures.n).toBe(rows.length);
    const right = rows.filter(({ score, truth }) => Number(score >= THRESHOLD) === truth).length;
    expectNear(measures.accuracy, right / rows.length, 1e-12);
    expectNear(measures.brier, rows.reduce((sum, { score, truth }) => sum + (score - truth) ** 2, 0) / rows.length, 1e-6);
    // Of the very rows it was calibrated with CBPE expects what was.
    const cells = referenceCellsOf(profile, performanceLayoutOf(profile, binary))!;
    expectNear(estimatePerformance(performanceLayoutOf(profile, binary), cells, cells)!.accuracy, measures.accuracy, 0.02);
  });

  test('several classes: the label of the model against the truth', () => {
    const classes = ['a', 'b'];
    const { profile } = build({ kind: 'multiclass', classes }, { truth: (score) => (score > 0.6 ? 2 : score > 0.3 ? 1 : 0) });
    const { measures } = measureReference(profile)!;
    expect(measures.accuracy!).toBeGreaterThan(0.7);
    expect(measures.accuracy!).toBeLessThan(0.95);
    expect(measures.auc).toBeNull();
  });

  test('numbers', () => {
    const { profile, rows } = build({ kind: 'regression' }, { truth: (score) => 2 * score });
    const mae = rows.reduce((sum, { score, truth }) => sum + Math.abs(score - truth), 0) / rows.length;
    expectNear(measureReference(profile)!.measures.mae, mae, 1e-3);
  });

  test('numbers in another unit than the scores make a profile that can be read', () => {
    const { profile } = build({ kind: 'regression' }, { truth: (score) => 60_000 * score });
    expect(Math.max(...profile.performance!.cells)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
    expect(parseReferenceProfile(JSON.parse(serializeReferenceProfile(profile)))).toEqual(profile);
  });

  test('goes with the sampled rows', () => {
    const { profile } = build(binary, { maxRows: 500 });
    const { n } = measureReference(profile)!.measures;
    expect(n).toBeGreaterThan(350);
    expect(n).toBeLessThan(450);
    expect(parseReferenceProfile(JSON.parse(serializeReferenceProfile(profile)))).toEqual(profile);
  });

  test('is part of the identity; without labels there is none, and the profile is as it was', () => {
    const { profile } = build(binary);
    expect(parseReferenceProfile(JSON.parse(serializeReferenceProfile(profile)))).toEqual(profile);
    const { performance: _none, referenceId: _id, ...content } = profile;
    expect(referenceProfileFrom(content).referenceId).not.toBe(profile.referenceId);
    const without = build(undefined).profile;
    expect(without.performance).toBeUndefined();
    expect(measureReference(without)).toBeNull();
    const unlabelled = build({ kind: 'regression' }, { truth: () => Number.NaN }).profile;
    expect(unlabelled).toEqual(without);
  });

  test('is only held against sums of the same kind', () => {
    const { profile } = build(binary);
    const cellsFor = (task: PerformanceTask): readonly number[] | null => referenceCellsOf(profile, performanceLayoutOf(profile, task));
    expect(cellsFor({ kind: 'binary' })).toBe(profile.performance!.cells);
    expect(cellsFor({ kind: 'regression' })).toBeNull();
    const classes = build({ kind: 'multiclass', classes: ['a', 'b'] }).profile;
    const among = (names: string[]): unknown =>
      referenceCellsOf(classes, performanceLayoutOf(classes, { kind: 'multiclass', classes: names }));
    expect(among(['a', 'b'])).toBe(classes.performance!.cells);
    expect(among(['b', 'a'])).toBeNull();
    expect(among(['a', 'b', 'c'])).toBeNull();
    expect(referenceCellsOf({}, performanceLayoutOf(profile, binary))).toBeNull();
  });

  test('one that contradicts itself is refused', () => {
    const { profile } = build(binary);
    const layoutOf = performanceLayoutOf(profile, binary);
    const { cells } = profile.performance!;
    const at = (places: Record<number, number>): number[] => cells.map((sum, i) => sum + (places[i] ?? 0));
    const { outcomes, delays, bins } = layoutOf;
    const refusals: [Partial<ReferencePerformance>, RegExp][] = [
      [{ cells: cells.slice(1) }, /cells must be/],
      [{ cells: cells.map((sum) => sum + 0.5) }, /cells\.0/],
      [{ cells: at({ 0: 1 }) }, /predictions must be the counts of the score/],
      [{ cells: at({ [delays]: 10_000 }) }, /more labels than scores/],
      [{ cells: at({ [delays]: -1, [delays + 1]: 1, [outcomes]: -1e6 }) }, /must not be negative/],
      [{ cells: at({ [outcomes]: 1 }) }, /do not add up/],
      [{ cells: at({ [delays]: 60, [outcomes]: 60 }) }, /more labels than scores/],
      [{ task: { kind: 'multiclass', classes: ['a', 'a'] } }, /classes repeat a name/],
      [{ task: { kind: 'multiclass', classes: ['a'] } }, /classes/],
    ];
    for (const [of, message] of refusals) expect(() => parseReferenceProfile(changed(profile, of))).toThrow(message);
    expect(measureLabelled(layoutOf, cells)!.n).toBe(cells.slice(delays, outcomes).reduce((a, b) => a + b, 0));
    expect(bins).toBe(profile.prediction.counts.length);
  });
});
