import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOwnSchema } from '../../../../src/core/own-schemas.ts';
import { thresholdBin } from '../../../../src/drift/performance/binary.ts';
import { countLabel } from '../../../../src/drift/performance/counting.ts';
import type { PerformanceTask } from '../../../../src/drift/performance/layout.ts';
import {
  byScoreOf,
  defaultMetric,
  delayQuantileMs,
  labelledOf,
  measureLabelled,
  noMeasures,
  predictionsOf,
} from '../../../../src/drift/performance/measures.ts';
import { count, expectNear, fixtures, layoutOf, type Outcome } from './support.ts';

const RATES = ['accuracy', 'precision', 'recall', 'f1'] as const;

describe('two classes, as SciPy and NumPy say of the rows', () => {
  test.for(fixtures.binary)('$name', (rows) => {
    const layout = layoutOf({ kind: 'binary', threshold: rows.threshold }, rows.edges);
    const cells = count(
      layout,
      rows.scores.map((score, i) => ({ score, truth: rows.truths[i]! })),
    );
    const measures = measureLabelled(layout, cells)!;
    expect(measures.n).toBe(rows.scores.length);
    for (const name of RATES) expectNear(measures[name], rows[name], 1e-12, name);
    for (const name of ['logLoss', 'brier', 'ece'] as const) expectNear(measures[name], rows[name], 1e-6, name);
    expectNear(measures.positiveRate, rows.positiveRate, 1e-12);
    expect(measures).toMatchObject({ mae: null, rmse: null, bias: null, r2: null });
    if (rows.auc === null) {
      expect(measures).toMatchObject({ auc: null, aucLower: null, aucUpper: null });
      return;
    }
    expect(measures.aucLower!).toBeLessThanOrEqual(rows.auc + 1e-12);
    expect(measures.aucUpper!).toBeGreaterThanOrEqual(rows.auc - 1e-12);
    expectNear(measures.auc, (measures.aucLower! + measures.aucUpper!) / 2, 1e-12);
    if (rows.oneScoreABin) expectNear(measures.auc, rows.auc, 1e-12);
  });

  test('a threshold that is no edge, or none, leaves open what lies on which side of it', () => {
    expect(thresholdBin([0.25, 0.5], 0.5)).toBe(2);
    expect(thresholdBin([0.25, 0.5], 0.25)).toBe(1);
    expect(thresholdBin([0.25, 0.5], 0.4)).toBeUndefined();
    expect(thresholdBin([0.25, 0.5], undefined)).toBeUndefined();
    // 0.3 is no float32: the smallest one above it divides the float32 scores alike.
    expect(thresholdBin([Math.fround(0.3)], 0.3)).toBe(1);
    expect(thresholdBin([Math.fround(0.7)], 0.7)).toBeUndefined();
    const layout = layoutOf({ kind: 'binary', threshold: 0.4 }, [0.25, 0.5]);
    const measures = measureLabelled(layout, count(layout, [{ score: 0.3, truth: 1 }]));
    expect(measures).toMatchObject({ n: 1, accuracy: null, precision: null, recall: null, f1: null, positiveRate: 1 });
  });

  test('bins tell predictions and labels apart', () => {
    const layout = layoutOf({ kind: 'binary' }, [0.5]);
    const cells = count(layout, [{ score: 0.25, truth: 0 }, { score: 0.5 }, { score: 0.75, truth: 1 }, { score: 0.625, truth: 0 }]);
    expect(byScoreOf(layout, cells)).toEqual([
      { from: null, predictions: 1, labelled: 1, positives: 0, meanScore: 0.25 },
      { from: 0.5, predictions: 3, labelled: 2, positives: 1, meanScore: 0.6875 },
    ]);
    expect([predictionsOf(layout, cells), labelledOf(layout, cells)]).toEqual([4, 3]);
    const other = layoutOf({ kind: 'regression' }, [0.5]);
    expect(byScoreOf(other, count(other, [{ score: 1, truth: 2 }]))[1]).toEqual({
      ...{ from: 0.5, predictions: 1, labelled: null, positives: null, meanScore: null },
    });
  });
});

test.for(fixtures.multiclass)('several classes: case %#', ({ predicted, truth, ...expected }) => {
  const layout = layoutOf({ kind: 'multiclass', classes: ['a', 'b', 'c', 'd'] }, [0.5]);
  const measures = measureLabelled(
    layout,
    count(
      layout,
      truth.map((actual, i) => ({ score: 0.7, predicted: predicted[i]!, truth: actual })),
    ),
  )!;
  for (const name of RATES) expectNear(measures[name], expected[name], 1e-12, name);
  expect(measures).toMatchObject({ auc: null, logLoss: null, positiveRate: null, rmse: null });
});

test.for(fixtures.regression)('numbers: case %#', ({ scores, truths, std, mean, ...expected }) => {
  const layout = layoutOf({ kind: 'regression' }, [mean], { std, mean });
  const measures = measureLabelled(
    layout,
    count(
      layout,
      scores.map((score, i) => ({ score, truth: truths[i]! })),
    ),
  )!;
  // Errors are rounded to about 1/4096 of a standard deviation, each on its own.
  for (const name of ['mae', 'rmse', 'bias'] as const) expectNear(measures[name], expected[name], layout.quantum, name);
  expectNear(measures.r2, expected.r2, 1e-3, 'r2');
});

describe('nothing is made up', () => {
  test.for<PerformanceTask>([{ kind: 'binary' }, { kind: 'multiclass', classes: ['a', 'b'] }, { kind: 'regression' }])(
    'of $kind',
    (task) => {
      const layout = layoutOf(task, [0.5]);
      const cells = count(layout, [{ score: 0.2 }, { score: Number.NaN }]);
      expect(measureLabelled(layout, cells)).toBeNull();
      expect(predictionsOf(layout, cells)).toBe(1);
      expect(delayQuantileMs(layout, cells, 0.5)).toBeNull();
    },
  );

  test('delays are the upper ends of their bins', () => {
    const layout = layoutOf({ kind: 'binary' }, [0.5]);
    const delays = [-5, 400, 5_000, 5_000, 90 * 86_400_000];
    const cells = count(
      layout,
      delays.map((delayMs) => ({ score: 0.2, truth: 1, delayMs })),
    );
    expect([0.1, 0.4, 0.5, 0.8, 0.9].map((q) => delayQuantileMs(layout, cells, q))).toEqual([1_000, 1_000, 10_000, 10_000, null]);
  });

  test('each task has a measure of its own', () => {
    expect((['binary', 'regression'] as const).map((kind) => defaultMetric({ kind }))).toEqual(['auc', 'rmse']);
    expect(defaultMetric({ kind: 'multiclass', classes: ['a', 'b'] })).toBe('accuracy');
  });
});

test('the fields are those of the published record', () => {
  const { fields } = readOwnSchema('performance-statistics') as { fields: { name: string; type: unknown }[] };
  const typeOf = (field: string): unknown => fields.find(({ name }) => name === field)!.type;
  const namesOf = (record: unknown): string[] => (record as { fields: { name: string }[] }).fields.map(({ name }) => name);
  expect(Object.keys(noMeasures(0))).toEqual(namesOf((typeOf('realised') as unknown[])[1]));
  const layout = layoutOf({ kind: 'binary' }, []);
  expect(Object.keys(byScoreOf(layout, new Float64Array(layout.size))[0]!)).toEqual(
    namesOf((typeOf('byScore') as { items: unknown }).items),
  );
});

const outcomes = fc.array(
  fc.record({
    score: fc.float({ min: 0, max: 1, noNaN: true }),
    predicted: fc.nat(2),
    truth: fc.nat(1),
    delayMs: fc.integer({ min: -1_000, max: 4_000_000_000 }),
  }),
  { maxLength: 60 },
);
const task = fc.constantFrom<PerformanceTask>(
  { kind: 'binary', threshold: 0.5 },
  { kind: 'multiclass', classes: ['a', 'b'] },
  { kind: 'regression' },
);

describe('any rows', () => {
  test('sums of parts are the sums of the whole, and what is taken back leaves nothing', () => {
    fc.assert(
      fc.property(task, outcomes, outcomes, (of, left, right) => {
        const layout = layoutOf(of, [0.25, 0.5, 0.75], { std: 0.3, mean: 0.4 });
        const whole = count(layout, [...left, ...right]);
        const parts = count(layout, left).map((sum, i) => sum + count(layout, right)[i]!);
        expect(parts).toEqual(whole);
        for (const { score, predicted, truth, delayMs } of left) countLabel(layout, whole, { score, predicted, truth, delayMs }, -1);
        const kept = count(layout, [...left.map(({ score }): Outcome => ({ score })), ...right]);
        expect([...whole].map((sum) => sum + 0)).toEqual([...kept].map((sum) => sum + 0));
      }),
    );
  });

  test('the AUC of the pairs lies within its bounds', () => {
    fc.assert(
      fc.property(outcomes, (rows) => {
        const layout = layoutOf({ kind: 'binary' }, [0.25, 0.5, 0.75]);
        const measures = measureLabelled(layout, count(layout, rows));
        const [yes, no] = [1, 0].map((truth) => rows.filter((row) => row.truth === truth));
        if (yes!.length === 0 || no!.length === 0) {
          expect(measures?.auc ?? null).toBeNull();
          return;
        }
        let right = 0;
        for (const a of yes!) for (const b of no!) right += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
        const auc = right / (yes!.length * no!.length);
        expect(measures!.aucLower! - 1e-12).toBeLessThanOrEqual(auc);
        expect(measures!.aucUpper! + 1e-12).toBeGreaterThanOrEqual(auc);
      }),
    );
  });
});
