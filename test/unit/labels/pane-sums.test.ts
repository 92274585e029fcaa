import { expect, test } from 'vitest';
import { fixedPanes } from '../../../src/core/window-size.ts';
import { countLabel } from '../../../src/drift/performance/counting.ts';
import type { PerformanceLayout } from '../../../src/drift/performance/layout.ts';
import { measureLabelled } from '../../../src/drift/performance/measures.ts';
import { encodePerformanceDelta, layoutName } from '../../../src/drift/performance/performance-delta.ts';
import { checkPerformanceDelta, decodePerformanceDelta } from '../../../src/drift/performance/performance-delta-reader.ts';
import { PanesOfSeat } from '../../../src/labels/pane-sums.ts';
import { layoutOf } from '../drift/performance/support.ts';

const prefix = Buffer.from([0, 0, 0, 0, 7]);

/** What the merger adds up of panes that a worker has written. */
function mergedOf(panes: PanesOfSeat, layout: PerformanceLayout): Float64Array {
  const merged = new Float64Array(layout.size);
  for (const some of panes.take('in', ['champion'])) {
    const owner = { model: 'm', modelVersion: '1', referenceId: 'r', layout: layoutName(layout) };
    const value = encodePerformanceDelta(prefix, { ...owner, predictionsPartition: 0, emittedAt: 0, panes: some });
    const read = decodePerformanceDelta(prefix, value, 0, value.length);
    checkPerformanceDelta(read, layout, () => true);
    for (const { cells, sums } of read.panes) for (const [i, cell] of cells.entries()) merged[cell]! += sums[i]!;
  }
  return merged;
}

test.each([
  ['as large as scores are wide', 1],
  ['in another unit than the scores', 60_000],
])('labels %s can be written, and add up to what was counted', (_, factor) => {
  const layout = layoutOf({ kind: 'regression' }, [0], { std: 1 });
  const panes = new PanesOfSeat(layout, fixedPanes(60_000));
  const counted = new Float64Array(layout.size);
  for (let row = 0; row < 5_000; row++) {
    const label = { score: 0, predicted: 0, truth: (1 + (row % 7)) * factor, delayMs: row };
    countLabel(layout, panes.at(0, 0).cells, label, 1);
    countLabel(layout, counted, label, 1);
  }
  const merged = mergedOf(panes, layout);
  expect(merged).toEqual(counted);
  expect(measureLabelled(layout, merged)).toMatchObject({ n: 5_000, rmse: factor === 1 ? expect.closeTo(Math.sqrt(20), 2) : 1_024 });
  expect(panes.count).toBe(0);
});

test('scores of two classes that are no probabilities can be written, too', () => {
  const layout = layoutOf({ kind: 'binary' }, [0.5]);
  const panes = new PanesOfSeat(layout, fixedPanes(60_000));
  for (const score of [-3e38, 3e38, 5e4]) {
    for (let row = 0; row < 20_000; row++) countLabel(layout, panes.at(0, 0).cells, { score, predicted: 0, truth: row % 2, delayMs: 0 }, 1);
  }
  expect(measureLabelled(layout, mergedOf(panes, layout))).toMatchObject({ n: 60_000, positiveRate: 0.5, auc: 0.5 });
});
