import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { type JoinPosition, withinLog } from '../../../src/labels/join-seat.ts';
import {
  addPanes,
  expectedPanes,
  idOf,
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

/** Cells of all panes by their sum: predictions, labels. */
function countsOf(panes: ReadonlyMap<number, Float64Array>): { predictions: number; labelled: number; positives: number } {
  const sum = (from: number, to: number): number =>
    [...panes.values()].reduce((total, cells) => total + cells.subarray(from, to).reduce((a, b) => a + b, 0), 0);
  const { bins, delays, outcomes } = LAYOUT;
  return { predictions: sum(0, bins), labelled: sum(delays, outcomes), positives: sum(outcomes + bins, outcomes + 2 * bins) };
}

describe('joining labels to predictions', () => {
  const predictions: MadePrediction[] = [
    { key: 'a', inputOffset: 10, timeMs: START_MS, score: 0.95 },
    { key: 'b', inputOffset: 11, timeMs: START_MS + 10, score: 0.2 },
    { key: null, inputOffset: 12, timeMs: START_MS + 20, score: 0.4 },
  ];
  const label = (id: string, truth: number, afterMs = 1_000): MadeLabel => ({ id, truth, timeMs: START_MS + afterMs });

  function joined(labels: readonly MadeLabel[], options: Parameters<typeof optionsOf>[0] = {}) {
    const join = new LabelJoin(optionsOf(options));
    join.open(0, undefined);
    join.takePredictions(predictionBatch(0, predictions, 0, 3));
    join.takeLabels(labelColumns(0, labels, 0, labels.length));
    const panes = new Map<number, Float64Array>();
    addPanes(panes, join.take(0));
    return { join, panes, ...countsOf(panes) };
  }

  it('counts predictions, and labels by the pane of their prediction', () => {
    const { panes, predictions: all, labelled, positives } = joined([label('a', 1), label('b', 0, 120_000), label('?', 1)]);
    expect([all, labelled, positives]).toEqual([3, 2, 1]);
    expect([...panes.keys()]).toEqual([Math.floor(START_MS / 60_000) * 60_000]);
  });

  it('lets the last label of an id count, and takes back the one before', () => {
    const { labelled, positives, join } = joined([label('a', 0), label('b', 1), label('a', 1), label('a', 1)]);
    expect([labelled, positives]).toEqual([2, 2]);
    expect(join.tally).toMatchObject({ joined: 2, corrected: 2, unmatched: 0 });
  });

  it('joins by the id of the prediction', () => {
    const { labelled } = joined([label(idOf(0, { inputOffset: 12 }), 1), label('a', 1)], { match: 'predictionId' });
    expect(labelled).toBe(1);
  });

  it('keeps labels that come before their prediction', () => {
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    join.takeLabels(labelColumns(3, [label('b', 1)], 0, 1));
    join.takePredictions(predictionBatch(0, predictions, 0, 3));
    const panes = new Map<number, Float64Array>();
    addPanes(panes, join.take(0));
    expect(countsOf(panes)).toEqual({ predictions: 3, labelled: 1, positives: 1 });
  });

  it('joins nothing that is further away than the time to live, and nothing of another version', () => {
    expect(joined([label('a', 1, TTL_MS + 1), label('b', 1, TTL_MS + 10)]).labelled).toBe(1);
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    join.takePredictions(predictionBatch(0, [{ ...predictions[0]!, version: '2' }], 0, 1));
    join.takeLabels(labelColumns(0, [label('a', 1)], 0, 1));
    expect(join.take(0)).toEqual([]);
  });

  it('counts a prediction that was written twice once', () => {
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    join.takePredictions(predictionBatch(0, [...predictions, ...predictions], 0, 6));
    join.takeLabels(labelColumns(0, [label('a', 1)], 0, 1));
    const panes = new Map<number, Float64Array>();
    addPanes(panes, join.take(0));
    // The one without a key cannot be told from another.
    expect(countsOf(panes)).toEqual({ predictions: 4, labelled: 1, positives: 1 });
    expect(join.tally.repeated).toBe(2);
  });

  it('leaves out a prediction whose event time is of no clock', () => {
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    const batch = predictionBatch(
      0,
      [
        { ...predictions[0]!, timeMs: START_MS + 90_000_000 },
        { ...predictions[1]!, timeMs: -1 },
      ],
      0,
      2,
    );
    join.takePredictions({ ...batch, timestamps: Float64Array.of(START_MS, START_MS) });
    expect(join.take(0)).toEqual([]);
    expect([join.tally.malformedPredictions, join.latestMs(0)]).toEqual([2, Number.NEGATIVE_INFINITY]);
  });

  it('says where the events of a pane are', () => {
    const join = new LabelJoin(optionsOf());
    join.open(4, undefined);
    join.takePredictions(predictionBatch(4, predictions, 0, 3));
    expect(join.take(4)[0]![0]!.inputs).toEqual([{ topic: 'in-put', partition: 4, fromOffset: 10, toOffset: 13 }]);
    join.takeLabels(labelColumns(0, [label('a', 1)], 0, 1));
    expect(join.take(4)[0]![0]!.inputs).toEqual([]);
  });

  it('passes over records that are no predictions and labels that say nothing', () => {
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    const batch = predictionBatch(0, predictions, 0, 3);
    for (let length = 0; length < batch.valueLength[0]! - 40; length++) {
      const cut = { ...batch, valueLength: Int32Array.from(batch.valueLength, (whole, i) => (i === 0 ? length : whole)) };
      expect(() => new LabelJoin(optionsOf()).takePredictions(cut)).not.toThrow();
    }
    join.takeLabels(labelColumns(0, [label('a', Number.NaN), label('', 1), { id: 'a', truth: 1, timeMs: Number.NaN }], 0, 3));
    expect(join.tally.empty).toBe(3);
  });

  it('holds no more than it may', () => {
    const join = new LabelJoin(optionsOf({ maxPredictions: 10_000 }));
    join.open(0, undefined);
    const many = Array.from(
      { length: 30_000 },
      (_, i): MadePrediction => ({ key: `k${i}`, inputOffset: i, timeMs: START_MS + i, score: 0.5 }),
    );
    join.takePredictions(predictionBatch(0, many, 0, many.length));
    expect(join.held.predictions).toBeLessThanOrEqual(10_000);
    expect(join.crowdedOut.predictions).toBe(30_000 - join.held.predictions);
    expect(join.positionOf(0)!.predictionsFrom).toBe(30_000 - join.held.predictions);
  });

  it('lets go of what nothing can be joined to any more', () => {
    const join = new LabelJoin(optionsOf());
    join.open(0, undefined);
    const many = Array.from(
      { length: 4_000 },
      (_, i): MadePrediction => ({ key: `k${i}`, inputOffset: i, timeMs: START_MS + i * 1_000, score: 0.5 }),
    );
    join.takePredictions(predictionBatch(0, many, 0, many.length));
    join.expire(START_MS + 6_500_000, START_MS + 9_000_000, () => false);
    const from = join.positionOf(0)!.predictionsFrom;
    expect(from).toBeGreaterThan(0);
    expect(many[from - 1]!.timeMs + TTL_MS).toBeLessThan(START_MS + 6_500_000);
  });
});

describe('a partition that goes to another worker', () => {
  it('is not saved before what the last owner has counted was read again', () => {
    const counted: JoinPosition = { predictions: 5, labels: { 0: 2 }, predictionsFrom: 3, labelsFrom: { 0: 1 } };
    const join = new LabelJoin(optionsOf());
    join.open(0, counted);
    expect(join.positionOf(0)).toBeUndefined();
    const log = Array.from({ length: 6 }, (_, i): MadePrediction => ({ key: `k${i}`, inputOffset: i, timeMs: START_MS, score: 0.5 }));
    join.takePredictions(predictionBatch(0, log, 3, 6));
    expect(join.positionOf(0)).toBeUndefined();
    expect(join.labelPositions([0, 1])).toEqual(
      new Map([
        [0, 1],
        [1, 0],
      ]),
    ); // prettier-ignore
    join.passLabels(0, 1, 2);
    expect(join.positionOf(0)).toMatchObject({ predictions: 6, labels: { 0: 2 }, predictionsFrom: 3 });
  });

  it('forgets positions in a log that is not there any more', () => {
    const counted: JoinPosition = { predictions: 5, labels: { 0: 20, 1: 7 }, predictionsFrom: 3, labelsFrom: { 0: 10, 1: 1 } };
    expect(
      withinLog(
        counted,
        new Map([
          [0, 19],
          [1, 7],
        ]),
      ),
    ).toEqual({ ...counted, labels: { 1: 7 }, labelsFrom: { 1: 1 } }); // prettier-ignore
  });
});

/**
 * Workers that read, save and die at random, over the same logs.
 * @param isSpread labels of one id are in both partitions, as when these have become more, or their records have no keys
 */
function simulate(seed: number, isSpread: boolean): { saved: Map<number, Float64Array>; expected: Map<number, Float64Array> } {
  const random = new Random(seed);
  const match = seed % 3 === 0 ? 'predictionId' : 'key';
  const predictionLogs = new Map<number, MadePrediction[]>();
  const labelLogs = new Map<number, MadeLabel[]>([0, 1].map((partition) => [partition, []]));
  for (const partition of [0, 1, 2]) {
    const log: MadePrediction[] = [];
    const labels: MadeLabel[] = [];
    for (let i = 0; i < 60; i++) {
      const made = {
        key: random.below(12) === 0 ? null : `${partition}k${i}`,
        inputOffset: i,
        timeMs: START_MS + i * 40_000,
        score: random.next(),
      };
      log.push(made, ...(random.below(10) === 0 && made.key !== null ? [made] : []));
      const id = match === 'key' ? made.key : idOf(partition, made);
      if (id === null || random.below(4) === 0) continue;
      const label = (): MadeLabel => ({ id, truth: random.below(2), timeMs: made.timeMs + random.below(0.9 * TTL_MS) });
      labels.push(label(), ...(random.below(3) === 0 ? [label()] : []));
    }
    predictionLogs.set(partition, log);
    // All labels of an id are in one partition, in an order of their own.
    for (const label of random.shuffle(labels)) labelLogs.get((isSpread ? random.below(2) : label.id.length) % 2)!.push(label);
  }
  if (isSpread) for (const log of labelLogs.values()) log.sort((a, b) => a.timeMs - b.timeMs);
  const options = optionsOf({ match, ttlMs: TTL_MS });
  const saved = new Map<number, Float64Array>();
  const states = new Map<number, JoinPosition>();
  interface Worker {
    join: LabelJoin;
    positions: Map<number, number>;
  }
  const begin = (): Worker => ({ join: new LabelJoin(options), positions: new Map() });
  const workers = [begin(), begin()];
  const give = (partition: number, worker: Worker): void => {
    worker.join.open(partition, states.get(partition));
    worker.positions.set(partition, states.get(partition)?.predictionsFrom ?? 0);
  };
  const ownerOf = (partition: number): Worker => workers.find(({ join }) => join.partitions.includes(partition))!;
  const readPredictions = (partition: number, count: number): void => {
    const { join, positions } = ownerOf(partition);
    const log = predictionLogs.get(partition)!;
    const from = positions.get(partition)!;
    const to = Math.min(log.length, from + count);
    if (from < to) join.takePredictions(predictionBatch(partition, log, from, to));
    positions.set(partition, to);
  };
  const readLabels = (worker: Worker, partition: number, count: number): void => {
    const log = labelLogs.get(partition)!;
    const from = worker.join.labelPositions([partition]).get(partition);
    if (from === undefined) return;
    const to = Math.min(log.length, from + count);
    if (from < to) worker.join.takeLabels(labelColumns(partition, log, from, to));
  };
  const save = (partition: number): void => {
    const { join } = ownerOf(partition);
    const position = join.positionOf(partition);
    if (!position) return;
    addPanes(saved, join.take(partition));
    states.set(partition, position);
  };
  for (const partition of [0, 1, 2]) give(partition, workers[random.below(2)]!);
  for (let step = 0; step < 200; step++) {
    const partition = random.below(3);
    const what = random.below(20);
    if (what < 8) readPredictions(partition, 1 + random.below(10));
    else if (what < 15) readLabels(ownerOf(partition), random.below(2), 1 + random.below(20));
    else if (what < 18) save(partition);
    else if (what === 18) {
      const from = ownerOf(partition);
      from.join.close(partition);
      give(partition, workers[random.below(2)]!);
    } else {
      // Killed: nothing of it is left but what was saved.
      const at = random.below(2);
      const lost = workers[at]!.join.partitions;
      workers[at] = begin();
      for (const one of lost) give(one, workers[random.below(2)]!);
    }
  }
  for (const partition of [0, 1, 2]) readPredictions(partition, 1_000);
  // Again and again: labels that are new wait for those that are read again, and partitions for each other.
  for (const worker of workers) for (const label of [0, 1, 0, 1, 0, 1]) readLabels(worker, label, 1_000);
  for (const partition of [0, 1, 2]) save(partition);
  return { saved, expected: expectedPanes(predictionLogs, labelLogs, match) };
}

describe('joining by workers that die', () => {
  it.each([
    { isSpread: false, labels: 'that have a partition' },
    { isSpread: true, labels: 'that are spread over partitions' },
  ])('counts what one pass over both logs does, whoever read what and when, of labels $labels', ({ isSpread }) => {
    for (let seed = 1; seed <= 100; seed++) {
      const { saved, expected } = simulate(seed, isSpread);
      for (const [start, cells] of expected) expect([seed, start, ...(saved.get(start) ?? [])]).toEqual([seed, start, ...cells]);
      expect([...saved.keys()].filter((start) => !expected.has(start))).toEqual([]);
    }
  });
});
