import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { Doorbell } from '../../../src/core/doorbell.ts';
import { idle } from '../pipeline/path-harness.ts';

/** Waits at the bell, and tells whether the wait is over. */
function waiting(bell: Doorbell, timeoutMs: number): () => Promise<boolean> {
  let isOver = false;
  void bell.wait(timeoutMs).then(() => {
    isOver = true;
  });
  return async () => {
    await idle();
    return isOver;
  };
}

describe('Doorbell', () => {
  it('wakes all who wait, and forgets the ring', async () => {
    const bell = new Doorbell(new ManualClock());
    const waits = [waiting(bell, 1_000), waiting(bell, 2_000)];
    bell.ring();
    expect(await Promise.all(waits.map((isOver) => isOver()))).toEqual([true, true]);
    expect(await waiting(bell, 1_000)()).toBe(false);
  });

  it('wakes who waits', async () => {
    const bell = new Doorbell(new ManualClock());
    const isOver = waiting(bell, Number.POSITIVE_INFINITY);
    expect(await isOver()).toBe(false);
    bell.ring();
    expect(await isOver()).toBe(true);
  });

  it('remembers a ring that nobody heard, once', async () => {
    const bell = new Doorbell(new ManualClock());
    bell.ring();
    bell.ring();
    expect(await waiting(bell, Number.POSITIVE_INFINITY)()).toBe(true);
    expect(await waiting(bell, Number.POSITIVE_INFINITY)()).toBe(false);
  });

  it('a ring that was heard is not heard again', async () => {
    const bell = new Doorbell(new ManualClock());
    const first = waiting(bell, Number.POSITIVE_INFINITY);
    bell.ring();
    expect(await first()).toBe(true);
    expect(await waiting(bell, Number.POSITIVE_INFINITY)()).toBe(false);
  });

  it('ends a wait after its time-out, and not before', async () => {
    const clock = new ManualClock();
    const isOver = waiting(new Doorbell(clock), 100);
    clock.advance(99);
    expect(await isOver()).toBe(false);
    clock.advance(1);
    expect(await isOver()).toBe(true);
  });

  it('takes a time that has passed already for now', async () => {
    const clock = new ManualClock();
    const isOver = waiting(new Doorbell(clock), -5);
    clock.advance(0);
    expect(await isOver()).toBe(true);
  });

  it('the time-out of one wait does not end the next', async () => {
    const clock = new ManualClock();
    const bell = new Doorbell(clock);
    const first = waiting(bell, 100);
    bell.ring();
    expect(await first()).toBe(true);
    const second = waiting(bell, Number.POSITIVE_INFINITY);
    clock.advance(1_000);
    expect(await second()).toBe(false);
  });
});
