import { describe, expect, it } from 'vitest';
import { bestRun, measureRuns } from '../../../src/model/run-curve.ts';

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

  it('measures nothing when not even the shortest run is allowed', async () => {
    const timings = await measureRuns(async () => {}, 8);
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
