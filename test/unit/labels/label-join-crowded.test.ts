import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import type { JoinPosition } from '../../../src/labels/join-seat.ts';
import {
  addPanes,
  LabelJoin,
  labelColumns,
  LAYOUT,
  type MadeLabel,
  type MadePrediction,
  optionsOf,
  predictionBatch,
  TTL_MS,
} from './joining.ts';

const START_MS = 1_700_000_000_000;
const MAX = 64;

/** What is wrong with sums that any reading of two logs may give, whatever was crowded out. */
function faultsOf(panes: ReadonlyMap<number, Float64Array>): string[] {
  const { bins, delays, outcomes } = LAYOUT;
  return [...panes].flatMap(([start, cells]) => {
    const sum = (from: number, to: number): number => cells.subarray(from, to).reduce((a, b) => a + b, 0);
    const [predictions, labelled, truths] = [sum(0, bins), sum(delays, outcomes), sum(outcomes, outcomes + 2 * bins)];
    const faults = labelled > predictions ? [`${labelled} labels of ${predictions} predictions at ${start}`] : [];
    if (truths !== labelled) faults.push(`${truths} truths of ${labelled} labels at ${start}`);
    if (cells.subarray(0, outcomes + 2 * bins).some((cell) => cell < 0)) faults.push(`fewer than none at ${start}`);
    return faults;
  });
}

/** One partition of predictions whose worker dies at random, and many more labels than it can hold. */
function simulate(seed: number): Map<number, Float64Array> {
  const random = new Random(seed);
  const match = seed % 2 === 0 ? 'predictionId' : 'key';
  const predictions: MadePrediction[] = Array.from({ length: 200 }, (_, i) => ({
    key: `k${random.below(150)}`,
    inputOffset: i,
    timeMs: START_MS + i * 20_000,
    score: random.next(),
  }));
  const idOf = (i: number): string => (match === 'key' ? predictions[i]!.key! : `in-put-0-${i}`);
  const labels = [0, 1].map((): MadeLabel[] => []);
  for (let i = 0; i < 1_200; i++) {
    const of = Math.min(199, Math.max(0, Math.floor(i / 6) - random.below(90)));
    const id = random.below(3) > 0 ? `other${i}` : idOf(of);
    // All labels of an id are in one partition.
    const label = { id, truth: random.below(2), timeMs: predictions[of]!.timeMs + random.below(0.9 * TTL_MS) };
    labels[id.length % 2]!.push(label);
  }
  const options = optionsOf({ match, maxPredictions: MAX });
  const saved = new Map<number, Float64Array>();
  let state: JoinPosition | undefined;
  let [join, position] = [new LabelJoin(options), 0];
  join.open(0, state);
  for (let step = 0; step < 400; step++) {
    const what = random.below(20);
    if (what < 6) {
      const to = Math.min(200, position + 1 + random.below(6));
      if (position < to) join.takePredictions(predictionBatch(0, predictions, position, to));
      position = to;
    } else if (what < 15) {
      const partition = random.below(2);
      const from = join.labelPositions([partition]).get(partition);
      // Not far ahead of the predictions.
      const to = Math.min(labels[partition]!.length, (from ?? 0) + 1 + random.below(20), position * 4);
      if (from !== undefined && from < to) join.takeLabels(labelColumns(partition, labels[partition]!, from, to));
    } else if (what < 19) {
      const reached = join.positionOf(0);
      if (!reached) continue;
      addPanes(saved, join.take(0));
      state = reached;
    } else {
      join = new LabelJoin(options);
      join.open(0, state);
      position = state?.predictionsFrom ?? 0;
    }
  }
  return saved;
}

describe('joining with less memory than it takes', () => {
  it('counts no prediction with two labels, whoever died when', () => {
    for (let seed = 1; seed <= 100; seed++) expect([seed, faultsOf(simulate(seed))]).toEqual([seed, []]);
  });
});
