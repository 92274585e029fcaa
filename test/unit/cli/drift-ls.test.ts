import { describe, expect, it } from 'vitest';
import type { DriftStatistics } from '../../../src/app/drift-history.ts';
import type { PerformanceHistory, PerformanceStatistics } from '../../../src/app/performance-history.ts';
import { driftJson, driftLines } from '../../../src/cli/drift-ls.ts';

const same = (text: string): string => text;
const style = { good: same, bad: (text: string) => `!${text}`, warn: same, dim: same, bold: same };

type Feature = DriftStatistics['prediction'];

const feature = (name: string, change: Partial<Feature> = {}): Feature =>
  ({
    name,
    status: 'OK',
    reason: '',
    tvd: 0.0123,
    jsDistance: 0.0456,
    mean: 1,
    meanReference: 2,
    qualityAlarm: false,
    ...change,
  }) as Feature;

const DAY_MS = 86_400_000;

function windowOf(day: number, change: Partial<DriftStatistics> = {}): DriftStatistics {
  return {
    model: 'delay',
    modelVersion: '2',
    referenceId: 'abcdef0123456789',
    window: '1d',
    windowStart: day * DAY_MS,
    windowEnd: (day + 1) * DAY_MS,
    events: 12_345,
    status: 'OK',
    final: true,
    overallDrift: false,
    driftedFeatureNames: [],
    recommendation: 'continue_monitoring',
    coverage: 1,
    gapOffsets: 0,
    referenceKind: 'training',
    features: [feature('temp'), feature('wind')],
    prediction: feature('prediction'),
    ...change,
  } as DriftStatistics;
}

describe('driftLines', () => {
  it('lists windows and says what to do', () => {
    const drifted = windowOf(1, {
      status: 'DRIFT',
      final: false,
      overallDrift: true,
      driftedFeatureNames: ['a', 'b', 'c', 'd', 'e', 'f'],
      recommendation: 'retrain_model',
      coverage: 0.5,
      gapOffsets: 1_200,
      prediction: feature('prediction', { jsDistance: null }),
    });
    const lines = driftLines({ topic: 't', windows: [windowOf(0), drifted], performance: undefined }, { features: false }, style);
    expect(lines).toEqual([
      'delay 2, windows of 1d, against reference abcdef012345:',
      'WINDOW            UNTIL             ROWS    STATUS        SCORE  COLUMNS IN DRIFT       COVERAGE  RECOMMENDATION',
      '1970-01-01 00:00  1970-01-02 00:00  12,345  OK            4.6 %  -                      100 %     -',
      '!1970-01-02 00:00  1970-01-03 00:00  12,345  DRIFT (open)  -      a, b, c, d and 2 more  50 %      retrain',
      '2 windows, 1 of 2 that have enough rows in drift; the newest one recommends to retrain; 1,200 input offsets were never counted',
    ]);
  });

  it('tells of columns that are not well, safe for a terminal, when asked', () => {
    const window = windowOf(0, {
      status: 'WARN',
      features: [
        feature('a\u001b[2J', { status: 'DRIFT', tvd: 0.25, reason: 'tvd 0.25 >= 0.1' }),
        feature('ok'),
        feature('gone', { qualityAlarm: true, mean: null }),
      ],
    });
    const lines = driftLines({ topic: 't', windows: [window], performance: undefined }, { features: true }, style);
    expect(lines.slice(3, -1)).toEqual([
      '    DRIFT a\\x1b[2J: 25 % moved, mean 1 (reference 2); tvd 0.25 >= 0.1',
      '    OK    gone: 1.2 % moved; ',
    ]);
    expect(lines.at(-1)).toBe('1 window, 0 of 1 that have enough rows in drift; the newest one recommends to go on');
  });

  it('keeps model versions apart, cuts to the width, and says when there is nothing', () => {
    const lines = driftLines(
      { topic: 't', windows: [windowOf(0), windowOf(0, { modelVersion: '10' })], performance: undefined },
      { features: false },
      style,
      20,
    );
    expect(lines.filter((line) => line.startsWith('delay'))).toEqual([
      'delay 2, windows of 1d, against reference abcdef012345:',
      'delay 10, windows of 1d, against reference abcdef012345:',
    ]);
    expect(lines[2]).toBe('1970-01-01 00:00  1…');
    expect(driftLines({ topic: 't', windows: [], performance: undefined }, { features: false }, style)).toEqual([
      'No windows in t that fit. They appear once workers with drift.enabled have scored records.',
    ]);
  });

  it('says what windows were compared with, and how far that moved', () => {
    const against = { tvd: 0.5 } as Feature['againstPinned'];
    const moved = feature('temp', { status: 'DRIFT', tvd: 0.02, reason: 'against pinned: tvd 0.5 >= 0.1', againstPinned: against });
    const pinned = windowOf(0, { referenceKind: 'pinned', features: [moved] });
    const [heading, , , line] = driftLines({ topic: 't', windows: [pinned], performance: undefined }, { features: true }, style);
    expect(heading).toBe('delay 2, windows of 1d, against pinned windows (in the bins of reference abcdef012345):');
    expect(line).toContain('temp: 50 % moved, mean 1 (reference 2); against pinned: tvd 0.5 >= 0.1');
    const previous = driftLines(
      { topic: 't', windows: [windowOf(0, { referenceKind: 'previous' })], performance: undefined },
      { features: false },
      style,
    );
    expect(previous[0]).toContain('against an earlier window each (in the bins of reference abcdef012345)');
  });
});

describe('performance in the list', () => {
  const auc = (value: number | null): PerformanceStatistics['realised'] => ({ auc: value }) as PerformanceStatistics['realised'];

  const performance = (change: Partial<PerformanceStatistics> = {}): PerformanceStatistics =>
    ({
      ...{ arm: 'champion', metric: 'auc', status: 'OK', dropBasis: 'LABELS', drop: -0.01, samplingError: 0.01, labelled: 2_000 },
      ...{ realised: auc(0.81), estimated: auc(0.8), reference: auc(0.8), reason: 'auc 0.81' },
      ...change,
    }) as PerformanceStatistics;

  const historyOf = (days: readonly (readonly PerformanceStatistics[])[]): PerformanceHistory => ({
    ...{ topic: 'p', isMissing: false, unreadable: 0 },
    byWindow: new Map(days.map((of, day) => [`delay|2|1d|${day * DAY_MS}`, of])),
  });

  const fell = performance({ status: 'FELL', drop: 0.0812, realised: auc(0.71881), reason: 'auc 0.7188, \u001b[2J' });
  const scarce = { status: 'INSUFFICIENT_DATA', dropBasis: 'NONE', drop: null } as const;
  const days = [
    [performance()],
    [fell],
    [performance({ dropBasis: 'CBPE', labelled: 0, realised: null, drop: 0 })],
    [performance({ ...scarce, labelled: 0, realised: null })],
    [performance({ ...scarce, labelled: 1 })],
    [
      performance({ arm: 'a' }),
      performance({ arm: 'b', metric: 'rmse', drop: 0.5, realised: { rmse: 3 } as PerformanceStatistics['realised'] }),
    ],
  ];
  const windows = [...days, []].map((_, day) => windowOf(day));

  it('has the measure, by how much it is worse, and the verdict', () => {
    const lines = driftLines({ topic: 't', windows, performance: historyOf(days) }, { features: false }, style);
    const at = lines[1]!.indexOf('PERFORMANCE');
    const to = lines[1]!.indexOf('RECOMMENDATION');
    expect(lines.slice(2, -1).map((line) => line.slice(at, to).trim())).toEqual([
      'auc 0.81, 0.01 better, OK',
      'auc 0.7188, 0.081 worse, FELL',
      'auc 0.8 estimated, the same, OK',
      'no labels',
      'auc 0.81, 1 label, INSUFFICIENT_DATA',
      'a: auc 0.81, 0.01 better, OK; b: rmse 3, 50 % worse, OK',
      '-',
    ]);
  });

  it('says why it fell when asked', () => {
    const of = { topic: 't', windows: [windowOf(1)], performance: historyOf(days) };
    expect(driftLines(of, { features: true }, style).slice(3, -1)).toEqual(['    FELL  performance: auc 0.7188, \\x1b[2J']);
    const both = { ...of, windows: [windowOf(0)], performance: historyOf([[fell, { ...fell, arm: 'b' }]]) };
    expect(driftLines(both, { features: true }, style)[4]).toBe('    FELL  performance of b: auc 0.7188, \\x1b[2J');
  });

  it('is part of the JSON: a list by arm, or null without labels', () => {
    const lines = driftJson({ windows: [windowOf(1), windowOf(6)], performance: historyOf(days) }).map(
      (line) => JSON.parse(line) as unknown,
    );
    expect(lines).toEqual([
      { ...windowOf(1), performance: [fell] },
      { ...windowOf(6), performance: [] },
    ]);
    expect(driftJson({ windows: [windowOf(1)], performance: undefined })).toEqual([JSON.stringify({ ...windowOf(1), performance: null })]);
  });
});
