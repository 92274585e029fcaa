import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { type RetryOptions, retrying } from '../../../src/pipeline/retry.ts';

const away = (): WeirError => new WeirError('store_unavailable', 'away');

/** Options over a clock that moves as soon as somebody waits. */
function options(overrides: Partial<RetryOptions> = {}): RetryOptions & { delays: number[] } {
  const clock = new ManualClock();
  const delays: number[] = [];
  return {
    policy: { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: Number.POSITIVE_INFINITY },
    clock,
    signal: new AbortController().signal,
    onRetry: (_error, delayMs) => {
      delays.push(delayMs);
      queueMicrotask(() => clock.advance(delayMs));
    },
    delays,
    ...overrides,
  };
}

/** An attempt that fails `times` times with what `error` makes. */
function failing(times: number, error: () => unknown): () => Promise<string> {
  return async () => {
    if (times-- > 0) throw error();
    return 'done';
  };
}

describe('retrying', () => {
  it('hands a synchronous success through without a promise', () => {
    expect(retrying(() => 7, options())).toBe(7);
  });

  it('waits out retriable errors, thrown or rejected, with growing delays up to the ceiling', async () => {
    const given = options();
    let thrown = 0;
    const attempt = failing(7, away);
    expect(
      await retrying(() => {
        if (thrown++ === 0) throw away();
        return attempt();
      }, given),
    ).toBe('done');
    expect(given.delays.length).toBe(8);
    given.delays.forEach((delayMs, i) => {
      const ceiling = Math.min(1_000, 100 * 2 ** i);
      expect(delayMs).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delayMs).toBeLessThanOrEqual(ceiling);
    });
  });

  it('rethrows at once what waiting cannot cure, and takes unknown errors for that', async () => {
    const given = options();
    await expect(
      retrying(
        failing(1, () => new WeirError('not_authorized', 'no')),
        given,
      ),
    ).rejects.toMatchObject({ code: 'not_authorized' });
    await expect(
      retrying(
        failing(1, () => new TypeError('bug')),
        given,
      ),
    ).rejects.toMatchObject({ code: 'unknown' });
    expect(given.delays).toEqual([]);
  });

  it('gives up when the policy says so, and when it is told to stop', async () => {
    const given = options({ policy: { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 3_000 } });
    await expect(retrying(failing(1_000, away), given)).rejects.toMatchObject({ code: 'unknown', kind: 'fatal' });
    const stop = new AbortController();
    const waiting = options({ signal: stop.signal, onRetry: () => stop.abort() });
    await expect(retrying(failing(1_000, away), waiting)).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
