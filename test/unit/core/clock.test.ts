import { describe, expect, it } from 'vitest';
import { ManualClock, settledWithin } from '../../../src/core/clock.ts';

/** A clock that says how many timers wait. */
class CountingClock extends ManualClock {
  waiting = 0;

  override after(delayMs: number, callback: () => void): () => void {
    this.waiting++;
    const cancel = super.after(delayMs, callback);
    return () => {
      this.waiting--;
      cancel();
    };
  }
}

describe('settledWithin', () => {
  it('says that work has settled in time, and leaves no timer behind', async () => {
    const clock = new CountingClock();
    expect(await settledWithin(clock, 100, Promise.resolve(7))).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  it('throws what the work throws in time, and leaves no timer behind', async () => {
    const clock = new CountingClock();
    await expect(settledWithin(clock, 100, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(clock.waiting).toBe(0);
  });

  it('gives up at the limit; what the work throws later is not unhandled', async () => {
    const clock = new ManualClock();
    const { promise: work, reject } = Promise.withResolvers<void>();
    const settled = settledWithin(clock, 100, work);
    clock.advance(100);
    expect(await settled).toBe(false);
    // Vitest fails a run in which a rejection is unhandled.
    reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
