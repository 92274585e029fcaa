import { expect, test } from 'vitest';
import { Cleanup } from '../../../../examples/flights/cleanup.ts';

test('undoes all, last first, once, whatever fails', async () => {
  const done: string[] = [];
  const cleanup = new Cleanup();
  for (const name of ['services', 'worker 1', 'monitor']) cleanup.add(name, async () => done.push(name));
  cleanup.add('broken', async () => {
    throw new Error('no');
  });
  await cleanup.run();
  await cleanup.run();
  expect(done).toEqual(['monitor', 'worker 1', 'services']);
});

test('an interrupt ends the race and not the cleaning up', async () => {
  const cleanup = new Cleanup();
  const race = cleanup.race(new Promise(() => undefined));
  cleanup.interrupt();
  await expect(race).rejects.toThrow('interrupted');
  expect(cleanup.signal.aborted).toBe(true);
  await cleanup.whenInterrupted();
  await expect(cleanup.race(Promise.reject(new Error('late')))).rejects.toThrow();
});

test('work that ends first wins', async () => {
  const cleanup = new Cleanup();
  await expect(cleanup.race(Promise.resolve(7))).resolves.toBe(7);
  await expect(cleanup.race(Promise.reject(new Error('own fault')))).rejects.toThrow('own fault');
});

test('a signal soon after the first is the same wish, a later one means at once', () => {
  const cleanup = new Cleanup();
  expect(cleanup.signal.aborted).toBe(false);
  expect([5_000, 5_000, 5_999, 6_000].map((nowMs) => cleanup.interrupt(nowMs))).toEqual(['stop', 'same', 'same', 'now']);
  expect(cleanup.signal.aborted).toBe(true);
});
