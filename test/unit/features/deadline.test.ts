import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { withinDeadline } from '../../../src/features/redis-connection.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('withinDeadline', () => {
  it('hands on what comes in time, be it a value or an error', async () => {
    const clock = new ManualClock();
    expect(await withinDeadline(Promise.resolve(7), clock, 10)).toBe(7);
    await expect(withinDeadline(Promise.reject(new TypeError('no')), clock, 10)).rejects.toThrow(TypeError);
  });

  it('rejects at the deadline, not before', async () => {
    const clock = new ManualClock();
    let outcome: unknown = 'pending';
    withinDeadline(new Promise(() => {}), clock, 10).catch((thrown: unknown) => {
      outcome = thrown;
    });
    clock.advance(9);
    await turn();
    expect(outcome).toBe('pending');
    clock.advance(1);
    await turn();
    expect(outcome).toMatchObject({ name: 'DeadlineError', message: 'no answer within 10 ms' });
  });

  it('takes what is settled by the time the event loop has looked, and forgets its timer', async () => {
    const clock = new ManualClock();
    let settle: (value: number) => void = () => {};
    const answer = withinDeadline(new Promise<number>((resolve) => (settle = resolve)), clock, 10);
    clock.advance(10);
    settle(7);
    expect(await answer).toBe(7);
    const quick = withinDeadline(Promise.resolve(8), clock, 10);
    expect(await quick).toBe(8);
    clock.advance(100);
    await turn();
    expect(await quick).toBe(8);
  });
});
