import { describe, expect, test } from 'vitest';
import { calibratedShares, estimatePerformance, isotonicRegression } from '../../../../src/drift/performance/estimate.ts';
import { count, expectNear, fixtures, layoutOf } from './support.ts';

describe('isotonic regression', () => {
  test.for(fixtures.isotonic)('as SciPy: case %#', ({ values, weights, fitted }) => {
    for (const [i, value] of isotonicRegression(values, weights).entries()) expectNear(value, fitted[i]!, 1e-12, String(i));
  });

  test('bins without rows lie between their neighbours, and at the ends with the next one', () => {
    expect(calibratedShares([0, 4, 0, 0, 2, 0], [0, 1, 0, 0, 2, 0])).toEqual(
      [0.2, 0.2, 0.3, 0.4, 0.5, 0.5].map((x) => expect.closeTo(x, 12) as number),
    );
    expect(calibratedShares([0, 0], [0, 0])).toBeNull();
  });
});

describe('performance without labels', () => {
  const { negatives, positives, predictions, fromBin, ...expected } = fixtures.cbpe;
  const edges = Array.from({ length: negatives.length - 1 }, (_, i) => Math.fround((i + 1) / negatives.length));
  const layout = layoutOf({ kind: 'binary', threshold: edges[fromBin - 1]! }, edges);
  const reference = new Float64Array(layout.size);
  reference.set([...negatives, ...positives], layout.outcomes);
  const window = new Float64Array(layout.size);
  window.set(predictions, layout.predictions);

  test('is what is expected when every score is right as often as in the reference', () => {
    const estimated = estimatePerformance(layout, window, reference)!;
    for (const name of ['accuracy', 'precision', 'recall', 'f1', 'auc', 'positiveRate'] as const)
      expectNear(estimated[name], expected[name], 1e-12, name);
    expect(estimated).toMatchObject({ n: predictions.reduce((a, b) => a + b, 0), brier: null, logLoss: null, ece: null, aucLower: null });
  });

  test('knows nothing without a labelled reference, without predictions, or of other tasks', () => {
    expect(estimatePerformance(layout, window, null)).toBeNull();
    expect(estimatePerformance(layout, window, new Float64Array(layout.size))).toBeNull();
    expect(estimatePerformance(layout, new Float64Array(layout.size), reference)).toBeNull();
    const numbers = layoutOf({ kind: 'regression' }, [0.5]);
    const cells = count(numbers, [{ score: 1, truth: 1 }]);
    expect(estimatePerformance(numbers, cells, cells)).toBeNull();
  });

  test('does not look at the labels of the window', () => {
    const labelled = window.slice();
    labelled[layout.outcomes] = 1_000;
    labelled[layout.delays] = 1_000;
    expect(estimatePerformance(layout, labelled, reference)).toEqual(estimatePerformance(layout, window, reference));
  });
});
