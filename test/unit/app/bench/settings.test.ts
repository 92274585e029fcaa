import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../../src/app/bench/run-once.ts';
import { isFaster, isPrompter, ladder, meets, recommended, type SettingResult } from '../../../../src/app/bench/settings.ts';

const loaded = (p99Ms: number, keepsRate = true): RunResult =>
  ({ keepsRate, latency: { count: 1, p50Ms: 1, p95Ms: 1, p99Ms, maxMs: p99Ms } }) as RunResult;

const setting = (maxRows: number, eventsPerSecond: number, p99Ms: number): SettingResult => ({
  ...{ maxRows, eventsPerSecond, cpuSecondsPerMillionEvents: 1, rowsPerBatch: 1 },
  loaded: loaded(p99Ms),
  meetsTarget: meets(loaded(p99Ms), 20),
});

describe('settings that are tried', () => {
  it('fit what the pipeline may hold, and the one of the pipeline file is among them', () => {
    expect(ladder(2_048, 20_000)).toEqual([64, 256, 512, 1_024, 2_048, 4_096]);
    expect(ladder(700, 1_000)).toEqual([64, 256, 512, 700]);
    expect(ladder(2_000, 1_000)).toEqual([64, 256, 512, 2_000]);
  });
});

describe('the setting to take', () => {
  it('has the highest throughput of those that meet the target', () => {
    expect(recommended([setting(64, 50, 5), setting(512, 90, 15), setting(2_048, 120, 30)])?.maxRows).toBe(512);
  });

  it('has the lower latency where the throughput is about the same', () => {
    expect(recommended([setting(512, 98, 8), setting(1_024, 100, 15)])?.maxRows).toBe(512);
  });

  it('does not exist where none meets the target or keeps its rate', () => {
    expect(recommended([setting(64, 50, 21)])).toBeUndefined();
    expect(meets(loaded(1, false), 20)).toBe(false);
    expect(meets(undefined, 20)).toBe(false);
  });
});

describe('of two rounds', () => {
  it('the faster one counts, and the one that keeps its rate with the lower p99', () => {
    const at = (eventsPerSecond: number): RunResult => ({ eventsPerSecond }) as RunResult;
    expect([isFaster(at(2), at(1)), isFaster(at(1), at(2))]).toEqual([true, false]);
    expect([isPrompter(loaded(5), loaded(6)), isPrompter(loaded(6), loaded(5))]).toEqual([true, false]);
    expect([isPrompter(loaded(6), loaded(5, false)), isPrompter(loaded(5, false), loaded(6))]).toEqual([true, false]);
  });
});
