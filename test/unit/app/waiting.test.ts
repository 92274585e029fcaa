import { describe, expect, it, vi } from 'vitest';
import { waitOut } from '../../../src/app/waiting.ts';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/silent.ts';

const away = new WeirError('store_unavailable', 'not there');

function setUp() {
  const stop = new AbortController();
  const clock = new ManualClock();
  return { stop, clock, surroundings: { clock, logger: silentLogger, signal: stop.signal } };
}

describe('waitOut', () => {
  it('tries again until what it starts is there', async () => {
    const { surroundings, clock } = setUp();
    const start = vi.fn<() => Promise<string>>().mockRejectedValueOnce(away).mockRejectedValueOnce(away).mockResolvedValue('there');
    const waiting = waitOut(surroundings, 'store', start);
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(start).toHaveBeenCalledTimes(3);
    });
    expect(await waiting).toBe('there');
  });

  it('does not wait for what waiting does not cure', async () => {
    const refused = new WeirError('store_misconfigured', 'WRONGPASS');
    await expect(waitOut(setUp().surroundings, 'store', () => Promise.reject(refused))).rejects.toBe(refused);
  });

  it('ends at once when told to, although an attempt is under way that never ends', async () => {
    const { surroundings, stop } = setUp();
    const waiting = waitOut(surroundings, 'online store main', () => new Promise(() => {}));
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'start_aborted', kind: 'retriable', message: expect.stringContaining('main') });
  });

  it('ends at once between attempts, and begins none when it was told before', async () => {
    const { surroundings, stop } = setUp();
    const start = vi.fn<() => Promise<string>>().mockRejectedValue(away);
    const waiting = waitOut(surroundings, 'store', start);
    await vi.waitFor(() => expect(start).toHaveBeenCalledTimes(1));
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'retriable' });
    await expect(waitOut(surroundings, 'store', start)).rejects.toMatchObject({ code: 'start_aborted' });
    expect(start).toHaveBeenCalledTimes(1);
  });
});
