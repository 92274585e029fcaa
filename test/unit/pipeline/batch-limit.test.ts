import { describe, expect, it } from 'vitest';
import { BatchLimit } from '../../../src/pipeline/batch-limit.ts';

/** Rows after so many full micro-batches whose time is `fixedMs + rows * msPerRow`. */
function after(batches: number, limit: BatchLimit, msPerRow: number, fixedMs = 0): number {
  for (let i = 0; i < batches; i++) limit.took(limit.rows, fixedMs + limit.rows * msPerRow);
  return limit.rows;
}

describe('BatchLimit', () => {
  it('grows to the most rows when they are quick', () => {
    const limit = new BatchLimit(2_048, 50);
    expect(limit.rows).toBe(512);
    expect(after(1, limit, 0.01)).toBe(640);
    expect(after(50, limit, 0.01)).toBe(2_048);
  });

  it('never begins above the most rows', () => {
    expect(new BatchLimit(7, 50).rows).toBe(7);
    expect(after(10, new BatchLimit(7, 50), 100)).toBe(7);
  });

  it.each([
    [0.1, 0],
    [0.1, 20],
    [1, 0],
  ])('finds the rows that keep the target at %d ms a row and %d ms a batch', (msPerRow, fixedMs) => {
    const limit = new BatchLimit(4_096, 100);
    const fitting = (100 - fixedMs) / msPerRow;
    after(100, limit, msPerRow, fixedMs);
    const seen = Array.from({ length: 50 }, () => after(1, limit, msPerRow, fixedMs));
    expect(Math.max(...seen)).toBeLessThanOrEqual(fitting + 128);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual((fitting - 128) * 0.64);
  });

  it('does not shrink to nothing when no number of rows keeps the target, and grows again later', () => {
    const limit = new BatchLimit(2_048, 50);
    expect(after(100, limit, 0, 60)).toBe(32);
    expect(after(100, limit, 0.001)).toBe(2_048);
  });

  it('takes one slow moment for one: what was cut under the larger limit does not count again', () => {
    const limit = new BatchLimit(2_048, 50);
    for (let i = 0; i < 4; i++) limit.took(512, 200);
    expect(limit.rows).toBe(409);
  });
});
