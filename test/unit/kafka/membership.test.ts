import { expect, test } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { leaveInTime } from '../../../src/kafka/membership.ts';

const options = (clock = new ManualClock()) => ({ clock, logger: silentLogger, topic: 't' });

test('waits until the member has left', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let hasLeft = false;
  const leaving = leaveInTime({ disconnect: () => promise }, options()).then(() => (hasLeft = true));
  await new Promise((done) => setImmediate(done));
  expect(hasLeft).toBe(false);
  resolve();
  await leaving;
});

test('does not wait for ever for a coordinator that does not answer', async () => {
  const clock = new ManualClock();
  const { promise, reject } = Promise.withResolvers<void>();
  const leaving = leaveInTime({ disconnect: () => promise }, options(clock));
  clock.advance(3_000);
  await expect(leaving).resolves.toBeUndefined();
  reject(new Error('closed')); // Unhandled, it would fail the run.
});

test('throws what kafkajs throws in time', async () => {
  await expect(leaveInTime({ disconnect: async () => Promise.reject(new Error('broken')) }, options())).rejects.toThrow('broken');
});
