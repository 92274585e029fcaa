import { describe, expect, it } from 'vitest';
import { DEFAULT_RESTARTS, isFatal, Restarts } from '../../../../src/cli/pool/restarts.ts';

describe('Restarts', () => {
  it('doubles the delay up to 30 s, with jitter downwards, and gives up after ten deaths in a row', () => {
    const longest = new Restarts(DEFAULT_RESTARTS, () => 1);
    const shortest = new Restarts(DEFAULT_RESTARTS, () => 0);
    const delays: (number | undefined)[] = [];
    for (let death = 1; death <= 10; death++) {
      // So slow that no five of them are within a minute.
      const nowMs = death * 16_000;
      const delayMs = longest.died(nowMs, 0);
      const least = shortest.died(nowMs, 0);
      expect(least).toBe(delayMs === undefined ? undefined : delayMs / 2);
      delays.push(delayMs);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, undefined]);
  });

  it('gives up at the fifth death within a minute', () => {
    const restarts = new Restarts(DEFAULT_RESTARTS, () => 1);
    expect([0, 15_000, 30_000, 45_000, 60_000].map((atMs) => restarts.died(atMs, 0))).toEqual([500, 1_000, 2_000, 4_000, undefined]);
    const slower = new Restarts(DEFAULT_RESTARTS, () => 1);
    expect([0, 15_000, 30_000, 45_000, 60_001].map((atMs) => slower.died(atMs, 0)).at(-1)).toBe(8_000);
  });

  it('begins anew after a minute of health, and not before', () => {
    const restarts = new Restarts(DEFAULT_RESTARTS, () => 1);
    for (const [atMs, readyMs, delayMs] of [
      [0, 0, 500],
      [1_000, 0, 1_000],
      [61_000, 59_999, 2_000],
      [200_000, 60_000, 500],
      [201_000, 0, 1_000],
    ] as const) {
      expect(restarts.died(atMs, readyMs)).toBe(delayMs);
    }
    expect(restarts.inRow).toBe(2);
  });
});

describe('isFatal', () => {
  it('is what the worker decided itself', () => {
    expect([1, 2].map((exitCode) => isFatal({ exitCode, signal: null }))).toEqual([true, true]);
    expect([0, 7, 13, 134, 137, 143].map((exitCode) => isFatal({ exitCode, signal: null }))).toEqual(Array(6).fill(false));
    expect(isFatal({ exitCode: null, signal: 'SIGKILL' })).toBe(false);
    expect(isFatal({ exitCode: null, signal: null, notStarted: 'spawn ENOMEM' })).toBe(false);
  });
});
