import { describe, expect, it } from 'vitest';
import type { DriftStatistics } from '../../../src/app/drift-history.ts';
import { driftLines } from '../../../src/cli/drift-ls.ts';

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
    const lines = driftLines({ topic: 't', windows: [windowOf(0), drifted] }, { features: false }, style);
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
    const lines = driftLines({ topic: 't', windows: [window] }, { features: true }, style);
    expect(lines.slice(3, -1)).toEqual([
      '    DRIFT a\\x1b[2J: 25 % moved, mean 1 (reference 2); tvd 0.25 >= 0.1',
      '    OK    gone: 1.2 % moved; ',
    ]);
    expect(lines.at(-1)).toBe('1 window, 0 of 1 that have enough rows in drift; the newest one recommends to go on');
  });

  it('keeps model versions apart, cuts to the width, and says when there is nothing', () => {
    const lines = driftLines({ topic: 't', windows: [windowOf(0), windowOf(0, { modelVersion: '10' })] }, { features: false }, style, 20);
    expect(lines.filter((line) => line.startsWith('delay'))).toEqual([
      'delay 2, windows of 1d, against reference abcdef012345:',
      'delay 10, windows of 1d, against reference abcdef012345:',
    ]);
    expect(lines[2]).toBe('1970-01-01 00:00  1…');
    expect(driftLines({ topic: 't', windows: [] }, { features: false }, style)).toEqual([
      'No windows in t that fit. They appear once workers with drift.enabled have scored records.',
    ]);
  });
});
