import { expect, test } from 'vitest';
import { createScreen } from '../../../../examples/flights/screen.ts';
import { type RunReport, renderSummary, runResult } from '../../../../examples/flights/summary.ts';
import { isClean } from '../../../../examples/flights/verify.ts';
import { driftWindow, featureDrift, verification } from './fixtures.ts';

const { paint } = createScreen({ isTTY: false, write: () => undefined }, { color: false, silent: false });
const WINDOWS = [
  driftWindow(0, [featureDrift('temp', 0.2, 'DRIFT'), featureDrift('visib', 0.05)]),
  driftWindow(1, [featureDrift('temp', 0.75, 'DRIFT'), featureDrift('visib', 0.06, 'WARN')]),
];

function report(rest: Partial<RunReport> = {}): RunReport {
  return {
    model: 'flights-gbt',
    workers: 2,
    totalSeconds: 20.12345,
    found: verification({ windows: WINDOWS }),
    topics: { input: 'in', predictions: 'out', deadLetters: 'dead', driftStatistics: 'drift' },
    kafkaBrokers: '127.0.0.1:9092',
    redisUrl: 'redis://127.0.0.1:6379',
    registryUrl: 'http://127.0.0.1:8080/api',
    workerUrls: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
    runFolder: '/tmp/run',
    reportPath: '/repo/.weir/drift.html',
    isKept: false,
    isGiven: false,
    problems: [],
    ...rest,
  };
}

test('the last line counts and names what drifted', () => {
  expect(runResult(report())).toEqual({
    events: 100,
    predictions: 100,
    deadLetters: 0,
    duplicates: 0,
    missing: 0,
    unexplained: 0,
    seconds: 4,
    eventsPerSecond: 25,
    p50Ms: 12,
    p95Ms: 40,
    p99Ms: 99,
    driftedFeatures: ['temp'],
    drift: [{ feature: 'temp', windows: 2, tvd: 0.75, psi: 1.5 }],
    scoreDrift: null,
    driftCoverage: 1,
    labelled: null,
    withLabel: null,
    auc: null,
    performance: [],
    report: '/repo/.weir/drift.html',
    model: 'flights-gbt',
    workers: 2,
    totalSeconds: 20.123,
  });
});

test.each([
  ['nothing came in', { events: 0, predictions: 0 }],
  ['a prediction is missing', { missing: 1 }],
  ['one came twice', { duplicates: 1 }],
  ['one has no input', { unexplained: 1 }],
  ['a partition could not be read', { unread: ['out-3'] }],
])('a run is not clean when %s', (_why, rest) => {
  expect(isClean(verification(rest))).toBe(false);
  expect(renderSummary(report({ found: verification(rest) }), paint).join('\n')).toContain('✘ not every flight');
});

test('a clean run says so, and dead letters do not make it unclean', () => {
  const found = verification({ predictions: 98, deadLetters: 2, deadLettersByCode: new Map([['out_of_range', 2]]) });
  expect(isClean(found)).toBe(true);
  const text = renderSummary(report({ found }), paint).join('\n');
  expect(text).toContain('✔ every flight is accounted for exactly once');
  expect(text).toContain('2 dead letters say out_of_range');
});

test('a run with a label too few is not clean, though every flight is accounted for', () => {
  const labels = { expected: 99, labelled: 98, windows: [], auc: null, apart: 0 };
  expect(isClean(verification({ labels }))).toBe(false);
  expect(isClean(verification({ labels: { ...labels, labelled: 99 } }))).toBe(true);
  const text = renderSummary(report({ found: verification({ labels }) }), paint).join('\n');
  expect(text).toContain('✔ every flight is accounted for exactly once');
  expect(text).toContain('✘ 98 of 99 labels have found their prediction');
  expect(runResult(report({ found: verification({ labels }) }))).toMatchObject({ labelled: 98, withLabel: 99 });
});

test('the path of the report is the last that people read', () => {
  expect(renderSummary(report(), paint).at(-1)).toContain('/repo/.weir/drift.html');
});

test('the table says what drifted, how far and when', () => {
  const text = renderSummary(report(), paint).join('\n');
  expect(text).toMatch(/temp +2 of 2 +75 % +29 Jan – 25 Feb +37\.5 → 71\.25/);
  expect(text).not.toContain('visib');
  expect(text).toContain('2 windows: retrain the model');
  expect(text).toContain('85.0 % OK, 15.0 % DEGRADED');
});

test('says where things are while they are up, and where they were', () => {
  const kept = renderSummary(report({ isKept: true }), paint).join('\n');
  for (const place of ['127.0.0.1:9092', 'redis://127.0.0.1:6379', 'http://127.0.0.1:8080/api', 'http://127.0.0.1:2/metrics', '/tmp/run']) {
    expect(kept).toContain(` ${place}`);
  }
  const stopped = renderSummary(report(), paint).join('\n');
  expect(stopped).toContain('in, out, dead, drift');
  expect(stopped).toContain('http://127.0.0.1:1/metrics, http://127.0.0.1:2/metrics');
  expect(stopped).toContain('--keep');
});
