import { expect, test } from 'vitest';
import { windowSizeFrom } from '../../../../src/core/window-size.ts';
import { countLabel } from '../../../../src/drift/performance/counting.ts';
import { measureLabelled } from '../../../../src/drift/performance/measures.ts';
import type { PerformanceWindow } from '../../../../src/drift/performance/performance-book.ts';
import { performanceStatisticsOf } from '../../../../src/drift/performance/performance-record.ts';
import { logLossVarianceOf } from '../../../../src/drift/performance/sampling-error.ts';
import { randomFrom } from '../support.ts';
import { layoutOf } from './support.ts';

const ROWS = 1_000;
const edges = Array.from({ length: 63 }, (_, i) => (i + 1) / 64);
const layout = layoutOf({ kind: 'binary', threshold: 0.5 }, edges);

/** Labels of scores that say `says`, half of them yes, and are right as often as `right`. */
function labelled(rows: number, random: () => number, { says, right }: { says: () => number; right: number }): Float64Array {
  const cells = new Float64Array(layout.size);
  for (let row = 0; row < rows; row++) {
    const isYes = random() < 0.5;
    const score = Math.fround(isYes ? says() : 1 - says());
    countLabel(layout, cells, { score, predicted: 0, truth: Number(isYes === random() < right), delayMs: 0 }, 1);
  }
  return cells;
}

const random = randomFrom(11);
const kinds: [string, { says: () => number; right: number }][] = [
  ['calibrated', { says: () => 0.9, right: 0.9 }],
  ['too sure', { says: () => 0.999, right: 0.9 }],
  ['too sure in many ways', { says: () => 1 - 10 ** (-2 - 2 * random()), right: 0.95 }],
];

test.for(kinds)('the log-loss of scores that are %s does not fall by chance', ([, kind]) => {
  const referenceCells = labelled(50_000, random, kind);
  const reference = measureLabelled(layout, referenceCells)!;
  const model = { name: 'm', version: '1' };
  const yardstick = {
    model,
    referenceId: 'r',
    layout,
    referenceCells,
    reference,
    metric: 'logLoss',
    maxDrop: 0.05,
    minSamples: 500,
  } as const;
  const size = windowSizeFrom('1h')!;
  const windows = Array.from({ length: 300 }, () => {
    const cells = labelled(ROWS, random, kind);
    const window = { size, startMs: 0, endMs: 3_600_000, arm: 'champion', revision: 0, cells } as unknown as PerformanceWindow;
    return performanceStatisticsOf(window, true, yardstick);
  });
  expect(windows.filter(({ status }) => status === 'FELL').length).toBeLessThanOrEqual(3);
  const losses = windows.map(({ realised }) => realised!.logLoss!);
  const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
  const spread = Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length);
  const told = Math.sqrt(logLossVarianceOf(layout, referenceCells)! / ROWS);
  expect(told / spread).toBeGreaterThan(0.85);
  expect(told / spread).toBeLessThan(1.15);
});

test('of no labels, and of other tasks, the variance is not known', () => {
  expect(logLossVarianceOf(layout, new Float64Array(layout.size))).toBeNull();
  const numbers = layoutOf({ kind: 'regression' }, edges);
  expect(logLossVarianceOf(numbers, new Float64Array(numbers.size))).toBeNull();
});
