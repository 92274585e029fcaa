import { describe, expect, it } from 'vitest';
import { bestRun, measureRuns, runWarning } from '../../../src/model/run-curve.ts';

/** Takes so long, by the clock: a sleep would be late by more than what is measured. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

describe('measureRuns', () => {
  it('times runs of ascending numbers of rows, up to the most that are allowed', async () => {
    const seen = new Set<number>();
    const timings = await measureRuns(async (rows) => {
      seen.add(rows);
      spin(0.2 + rows * 0.001);
    }, 600);
    expect(timings.map(({ rows }) => rows)).toEqual([32, 64, 128, 256, 512]);
    expect([...seen]).toEqual([32, 64, 128, 256, 512]);
    for (const { rows, microsPerRow } of timings) expect(microsPerRow).toBeGreaterThanOrEqual(200 / rows + 1 - 0.01);
    expect(bestRun(timings)!.rows).toBeGreaterThanOrEqual(256);
  });

  it('gives up long runs of a slow model', async () => {
    const timings = await measureRuns(async (rows) => spin(rows), 2_048);
    expect(timings.length).toBeGreaterThan(1);
    expect(timings.at(-1)!.rows).toBeLessThan(1_024);
  });

  it('leaves out what the model cannot take', async () => {
    const timings = await measureRuns(async (rows) => {
      if (rows > 100) throw new Error('too many');
    }, 2_048);
    expect(timings.map(({ rows }) => rows)).toEqual([32, 64]);
  });

  it('times the longest run that is allowed when none of the usual ones is', async () => {
    const timings = await measureRuns(async () => spin(0.5), 8);
    expect(timings.map(({ rows }) => rows)).toEqual([8]);
    expect(bestRun(timings)).toBe(timings[0]);
  });

  it('measures nothing of a model that cannot take the rows', async () => {
    const timings = await measureRuns(async () => {
      throw new Error('no');
    }, 64);
    expect([timings, bestRun(timings)]).toEqual([[], undefined]);
  });
});

describe('bestRun', () => {
  const curve = (...micros: number[]) => micros.map((microsPerRow, i) => ({ rows: 32 << i, microsPerRow }));

  it('is the least dear, or one of fewer rows that is hardly dearer', () => {
    expect(bestRun(curve(5, 3, 2, 2.5, 4))!.rows).toBe(128);
    expect(bestRun(curve(5, 2.05, 2, 2.5, 4))!.rows).toBe(64);
    expect(bestRun(curve(1, 0.5, 0.25, 0.2))!.rows).toBe(256);
  });
});

describe('runWarning', () => {
  const fit = { rows: 256, microsPerRow: 100 };
  const threads = { threads: 2 };

  it('tells of runs that stop the event loop for more than 20 ms, in micro-batches as large as they get', () => {
    expect(runWarning(fit, { runtime: 'inline', maxRows: 512, runTimeoutMs: 30_000 })).toBe(
      'a run of 256 rows takes about 26 ms, and nothing else happens in the worker meanwhile; set model.runtime to {threads: 1}, or lower batch.maxRows',
    );
    expect(runWarning(fit, { runtime: 'inline', maxRows: 200, runTimeoutMs: 30_000 })).toBeUndefined();
    expect(runWarning(fit, { runtime: threads, maxRows: 512, runTimeoutMs: 30_000 })).toBeUndefined();
  });

  it('tells of a time-out that a busy machine would reach', () => {
    expect(runWarning(fit, { runtime: threads, maxRows: 512, runTimeoutMs: 70 })).toMatch(
      /^a run of 256 rows takes about 26 ms, and model\.runTimeoutMs is 70:/,
    );
    expect(runWarning(fit, { runtime: 'inline', maxRows: 8, runTimeoutMs: 1 })).toBeUndefined();
  });

  it('says nothing of a model that could not be measured', () => {
    expect(runWarning(undefined, { runtime: 'inline', maxRows: 512, runTimeoutMs: 1 })).toBeUndefined();
  });
});
