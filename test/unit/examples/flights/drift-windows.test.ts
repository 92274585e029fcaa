import avsc from 'avsc';
import { expect, test } from 'vitest';
import { DriftWindows, featureTrends } from '../../../../examples/flights/drift-windows.ts';
import { readOwnSchema } from '../../../../src/core/own-schemas.ts';
import { driftWindow, featureDrift } from './fixtures.ts';

const NULLS = ['jsDistance', 'lInfinity', 'wasserstein', 'ksLower', 'ksUpper', 'ksPUpper', 'ksPLower', 'chiSquare', 'chiSquareP', 'p'];
const type = avsc.Type.forSchema(readOwnSchema('drift-statistics') as avsc.Schema);

/** A record of the topic, through the schema that weir owns. */
function record(key: string, events: number, revision: number): { key: Buffer; value: Buffer } {
  const full = (feature: object): object => ({
    type: 'NUMERIC',
    nReference: 1_000,
    bins: 16,
    ...Object.fromEntries(NULLS.map((name) => [name, null])),
    ...feature,
  });
  const window = driftWindow(0, [featureDrift('temp', 0.5, 'DRIFT')]);
  const clean = type.clone(
    {
      ...window,
      features: window.features.map(full),
      prediction: full(window.prediction),
      events,
      revision,
      referenceId: 'ab',
      final: false,
      window: 'month',
      partitionsSeen: 8,
      alpha: 0.001,
      overallDrift: true,
      driftedFeatures: 1,
      driftShare: 0.04,
    },
    { fillDefaults: true } as never,
  );
  return { key: Buffer.from(key), value: Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), type.toBuffer(clean)]) };
}

test('the newest revision of a window counts, a tombstone removes it', () => {
  const windows = new DriftWindows();
  windows.apply(record('m|1|w|0', 10, 0));
  windows.apply(record('m|1|w|0', 25, 1));
  windows.apply(record('m|1|w|1', 5, 0));
  expect(windows.covered()).toBe(30);
  expect(windows.latest()[0]).toMatchObject({ status: 'DRIFT', driftedFeatureNames: ['temp'], features: [{ name: 'temp', tvd: 0.5 }] });
  windows.apply({ key: Buffer.from('m|1|w|1'), value: null });
  expect(windows.covered()).toBe(25);
});

test('trends count judged windows only and remember the worst', () => {
  const windows = [
    driftWindow(0, [featureDrift('a', 0.2), featureDrift('b', 0.9, 'DRIFT')]),
    driftWindow(1, [featureDrift('a', 0.4, 'DRIFT'), featureDrift('b', null, 'INSUFFICIENT_DATA')]),
    driftWindow(2, [featureDrift('a', 0.3, 'DRIFT'), featureDrift('b', 0.1, 'WARN')]),
  ];
  const summary = featureTrends(windows).map(({ name, driftedWindows, judgedWindows, worst }) => [
    name,
    driftedWindows,
    judgedWindows,
    worst?.drift.tvd,
  ]);
  expect(summary).toEqual([
    ['a', 2, 3, 0.4],
    ['b', 1, 2, 0.9],
    ['score', 0, 3, 0.02],
  ]);
  expect(featureTrends([])).toEqual([]);
});
