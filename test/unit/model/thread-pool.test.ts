import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import type { Run, RunListener, ThreadReady } from '../../../src/model/threads/model-thread.ts';
import { type PoolThread, ThreadPool } from '../../../src/model/threads/thread-pool.ts';
import { createRowLayout } from '../../../src/core/layout.ts';

const READY: ThreadReady = { kind: 'ready', shape: { label: false, extras: [] }, runRows: 8, fit: undefined };
const layout = createRowLayout([], { entities: new Map() });
const rows = new Rows(layout, 10);
const scores = new Scores(10, { label: false, extras: [] });
const run = (fromRow: number, toRow = fromRow + 1): Run => ({ rows, fromRow, toRow, scores });

/** A thread that answers when the test says so. */
class FakeThread implements PoolThread {
  readonly ready: Promise<ThreadReady>;
  readonly gone: Promise<void>;
  readonly die: (error: Error) => void;
  end = (): void => {};
  becomeReady = (): void => {};
  failToStart: (error: Error) => void = () => {};
  /** Runs that it was given. */
  readonly runs: Run[] = [];
  listener: RunListener | undefined;
  hasLeft = false;

  constructor(onDeath: (error: Error) => void) {
    this.die = onDeath;
    this.gone = new Promise((resolve) => (this.end = resolve));
    this.ready = new Promise((resolve, reject) => {
      this.becomeReady = () => resolve(READY);
      this.failToStart = reject;
    });
  }

  start(given: Run, listener: RunListener): void {
    this.runs.push(given);
    this.listener = listener;
  }

  leave(): void {
    this.hasLeft = true;
  }
}

/** A pool, its threads in the order in which they were started, and its clock. The first `count` are ready. */
async function poolOf(count: number) {
  const clock = new ManualClock();
  const threads: FakeThread[] = [];
  const spawn = (_isFirst: boolean, onDeath: (error: Error) => void): FakeThread => {
    const thread = new FakeThread(onDeath);
    threads.push(thread);
    if (threads.length <= count) thread.becomeReady();
    return thread;
  };
  const pool = new ThreadPool({ model: 'm 1', threads: count, runTimeoutMs: 100, spawn, clock, logger: silentLogger });
  await pool.start();
  /** Lets so much time pass, and what follows from it happen. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
    await turn();
  };
  return { pool, threads, pass };
}

const outcome = (promise: Promise<void>): Promise<unknown> => promise.then(() => 'scored').catch((thrown: unknown) => thrown);

it('gives each thread one run at a time, first come, first served', async () => {
  const { pool, threads } = await poolOf(2);
  const ends = [0, 1, 2, 3].map((row) => outcome(pool.run(run(row))));
  expect(pool.stats).toMatchObject({ idle: 0, busy: 2 });
  const [second, first] = threads as [FakeThread, FakeThread];
  expect([first.runs, second.runs].map((runs) => runs.map(({ fromRow }) => fromRow))).toEqual([[0], [1]]);
  second.listener!.scored();
  expect(second.runs.map(({ fromRow }) => fromRow)).toEqual([1, 2]);
  first.listener!.failed(new Error('row 0'));
  expect(first.runs.map(({ fromRow }) => fromRow)).toEqual([0, 3]);
  for (const { listener } of threads) listener!.scored();
  expect(await Promise.all(ends)).toEqual([expect.objectContaining({ message: 'row 0' }), 'scored', 'scored', 'scored']);
  expect(pool.stats).toEqual({ idle: 2, busy: 0, starting: 0, hung: 0, restarts: 0, timeouts: 0 });
});

it('hears an answer that came in time, though it looks late because the process itself stood still', async () => {
  const { pool, threads, pass } = await poolOf(1);
  const end = outcome(pool.run(run(0)));
  setImmediate(() => threads[0]!.listener!.scored());
  await pass(1_000);
  expect(await end).toBe('scored');
  expect(pool.stats).toMatchObject({ idle: 1, timeouts: 0 });
});

it('gives up a run after its time, and what waits goes to the new thread', async () => {
  const { pool, threads, pass } = await poolOf(1);
  const ends = [outcome(pool.run(run(0, 5))), outcome(pool.run(run(5)))];
  await pass(99);
  expect(pool.stats.timeouts).toBe(0);
  await pass(1);
  expect(await ends[0]).toMatchObject({ name: 'RunAbandoned', ranges: [{ fromRow: 0, toRow: 5 }] });
  expect(threads[0]!.hasLeft).toBe(true);
  expect(pool.stats).toEqual({ idle: 0, busy: 0, starting: 1, hung: 1, restarts: 1, timeouts: 1 });
  expect(pool.isInRuntime).toBe(true);
  threads[1]!.becomeReady();
  await turn();
  expect(threads[1]!.runs).toMatchObject([{ fromRow: 5 }]);
  // Starting does not count towards the time of a run.
  await pass(99);
  threads[1]!.listener!.scored();
  expect(await ends[1]).toBe('scored');
  threads[0]!.end();
  await turn();
  expect(pool.stats.hung).toBe(0);
  expect(pool.isInRuntime).toBe(false);
});

it('ends with model_stalled when more threads hang than n + 3, and runs nothing any more', async () => {
  const { pool, threads, pass } = await poolOf(2);
  for (let hung = 1; hung <= 6; hung++) {
    const end = outcome(pool.run(run(0)));
    await pass(100);
    expect(pool.stats.hung).toBe(hung);
    expect(await end).toMatchObject({ name: 'RunAbandoned' });
    threads.at(-1)!.becomeReady();
    await turn();
  }
  expect(await outcome(pool.run(run(0)))).toMatchObject({
    code: 'model_stalled',
    message: expect.stringMatching(/^6 threads of model m 1 have not ended runs that were given up after model\.runTimeoutMs \(100 ms\), /),
  });
});

it('tries a run again whose thread died, once', async () => {
  const { pool, threads } = await poolOf(1);
  const ends = [outcome(pool.run(run(0, 3))), outcome(pool.run(run(3)))];
  threads[0]!.die(new Error('out of memory'));
  threads[1]!.becomeReady();
  await turn();
  expect(threads[1]!.runs).toMatchObject([{ fromRow: 0, toRow: 3 }]);
  threads[1]!.die(new Error('out of memory'));
  expect(await ends[0]).toMatchObject({
    name: 'RunAbandoned',
    message: 'its thread died twice: out of memory',
    ranges: [{ fromRow: 0, toRow: 3 }],
  });
  threads[2]!.becomeReady();
  await turn();
  threads[2]!.listener!.scored();
  expect(await ends[1]).toBe('scored');
  expect(pool.stats).toMatchObject({ restarts: 2, timeouts: 0, hung: 0 });
  // One that dies without a run is replaced, too.
  threads[2]!.die(new Error('bored'));
  expect(pool.stats).toMatchObject({ idle: 0, starting: 1, restarts: 3 });
});

it('ends when a thread cannot be replaced, with what waits', async () => {
  const { pool, threads, pass } = await poolOf(1);
  const waiting = outcome(pool.run(run(0)));
  threads[0]!.die(new Error('x'));
  threads[1]!.failToStart(new WeirError('model_invalid', 'the file is gone'));
  expect(await waiting).toMatchObject({ code: 'model_invalid' });

  const other = await poolOf(1);
  const late = outcome(other.pool.run(run(0)));
  other.threads[0]!.die(new Error('x'));
  await other.pass(300_000);
  expect(await late).toMatchObject({ code: 'model_stalled', message: 'A thread of model m 1 was not ready within 300 s.' });
  expect(other.threads[1]!.hasLeft).toBe(true);
  await pass(0);
});

it('ends with what is under way in a thread that dies after another could not be replaced', async () => {
  const { pool, threads } = await poolOf(2);
  const ends = [outcome(pool.run(run(0))), outcome(pool.run(run(1)))];
  threads[0]!.die(new Error('x'));
  threads[2]!.failToStart(new WeirError('model_invalid', 'the file is gone'));
  await turn();
  threads[1]!.die(new Error('y'));
  expect(await Promise.all(ends)).toMatchObject([{ code: 'model_invalid' }, { code: 'model_invalid' }]);
});

it('gives the start of the pool as long as that of any thread', async () => {
  const clock = new ManualClock();
  const thread = new FakeThread(() => {});
  const pool = new ThreadPool({ model: 'm 1', threads: 1, runTimeoutMs: 100, spawn: () => thread, clock, logger: silentLogger });
  const started = pool.start().catch((thrown: unknown) => thrown);
  clock.advance(300_000);
  expect(await started).toMatchObject({ code: 'model_stalled' });
  expect([thread.hasLeft, pool.stats.starting]).toEqual([true, 0]);
});

it('ends with model_stalled when threads die one after the other and none scores anything', async () => {
  const { pool, threads } = await poolOf(1);
  for (let deaths = 1; deaths <= 5; deaths++) {
    threads.at(-1)!.die(new Error('out of memory'));
    expect(threads).toHaveLength(Math.min(deaths + 1, 5));
    threads.at(-1)!.becomeReady();
    await turn();
  }
  expect(await outcome(pool.run(run(0)))).toMatchObject({
    code: 'model_stalled',
    message: '5 threads of model m 1 have died one after the other, and none has scored a run; the last one: out of memory.',
  });
});

it('fails a run that cannot be handed to its thread, and goes on with the thread', async () => {
  const { pool, threads } = await poolOf(1);
  const [thread] = threads as [FakeThread];
  const start = thread.start.bind(thread);
  thread.start = () => {
    throw new RangeError('Array buffer allocation failed');
  };
  expect(await outcome(pool.run(run(0)))).toMatchObject({ message: 'Array buffer allocation failed' });
  thread.start = start;
  const end = outcome(pool.run(run(1)));
  thread.listener!.scored();
  expect(await end).toBe('scored');
});

it('closes: gives up what is under way, and asks all threads to end', async () => {
  const { pool, threads, pass } = await poolOf(2);
  const end = outcome(pool.run(run(0)));
  const closed = pool.close();
  expect(await end).toMatchObject({ code: 'model_invalid', message: 'Model m 1 is closed.' });
  expect(threads.map(({ hasLeft }) => hasLeft)).toEqual([true, true]);
  threads[0]!.end();
  // The other one hangs; it is not waited for much longer.
  await pass(5_000);
  await closed;
  expect(pool.isInRuntime).toBe(true);
  await expect(pool.close()).resolves.toBeUndefined();
});
