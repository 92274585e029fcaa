import { describe, expect, it } from 'vitest';
import { FakePool } from './fake-processes.ts';

describe('a pool that is told to stop', () => {
  it('tells all workers at once and ends cleanly when all have', async () => {
    const pool = new FakePool(3);
    pool.passes(2_000);
    pool.stop.abort();
    expect(pool.started.map(({ signals }) => signals)).toEqual([['SIGTERM'], ['SIGTERM'], ['SIGTERM']]);
    expect(pool.supervisor.states()).toEqual(['draining', 'draining', 'draining']);
    expect(pool.supervisor.health.ready().ready).toBe(false);
    expect(pool.supervisor.health.live()).toBe(true);
    pool.clock.advance(5_000);
    for (const process of pool.started) process.exits(0);
    expect(await pool.end()).toBe('clean');
    pool.clock.advance(600_000);
    expect(pool.started.length).toBe(3);
    expect(pool.started.flatMap(({ signals }) => signals)).toEqual(['SIGTERM', 'SIGTERM', 'SIGTERM']);
  });

  it('kills what hangs, and says who it was', async () => {
    const pool = new FakePool(3);
    pool.passes(2_000);
    pool.stop.abort();
    pool.of(0).exits(0);
    pool.clock.advance(36_999);
    expect(pool.of(1).signals).toEqual(['SIGTERM']);
    pool.clock.advance(1);
    expect([1, 2].map((worker) => pool.of(worker).signals.at(-1))).toEqual(['SIGKILL', 'SIGKILL']);
    expect(pool.of(0).signals).toEqual(['SIGTERM']);
    expect(await pool.end()).toMatchObject({ code: 'drain_timeout', message: 'Killed 37 s after SIGTERM: worker 1, 2.' });
  });

  it('does not end cleanly when a worker does not', async () => {
    const failing = new FakePool(2);
    failing.passes(2_000);
    failing.stop.abort();
    failing.of(0).exits(0);
    failing.of(1).says({ kind: 'failed', code: 'drain_timeout', message: 'late' });
    failing.of(1).exits(1);
    expect(await failing.end()).toMatchObject({ code: 'drain_timeout', message: 'Worker 1: late' });

    const killed = new FakePool(1);
    killed.passes(2_000);
    killed.stop.abort();
    killed.of(0).dies('SIGKILL');
    expect(await killed.end()).toMatchObject({ code: 'worker_crashed' });
    expect(killed.restarts).toEqual([]);
  });

  it('ends cleanly when a worker had not begun to listen for signals, and only then', async () => {
    const early = new FakePool(1);
    early.stop.abort();
    early.of(0).dies('SIGTERM');
    expect(await early.end()).toBe('clean');

    const late = new FakePool(1);
    late.passes(1_000);
    late.stop.abort();
    late.of(0).dies('SIGTERM');
    expect(await late.end()).toMatchObject({ code: 'worker_crashed' });
  });

  it('takes a signal on the way out for no crash', async () => {
    const pool = new FakePool(1);
    pool.passes(1_000);
    pool.stop.abort();
    pool.of(0).says({ kind: 'drained' });
    pool.of(0).dies('SIGTERM');
    expect(await pool.end()).toBe('clean');

    const failing = new FakePool(1);
    failing.of(0).says({ kind: 'failed', code: 'topic_missing', message: 'gone' });
    failing.of(0).dies('SIGTERM');
    expect(await failing.end()).toMatchObject({ code: 'topic_missing' });
  });

  it('forgets workers that wait to be started again', async () => {
    const pool = new FakePool(1);
    pool.of(0).dies('SIGKILL');
    pool.stop.abort();
    expect(await pool.end()).toBe('clean');
    pool.clock.advance(60_000);
    expect(pool.started.length).toBe(1);
  });

  it('does not kill a worker for its silence while it drains', () => {
    const pool = new FakePool(1, { drainMs: 300_000 });
    pool.passes(2_000);
    pool.stop.abort();
    pool.clock.advance(299_000);
    expect(pool.of(0).signals).toEqual(['SIGTERM']);
  });

  it('kills all on demand', async () => {
    const pool = new FakePool(2);
    pool.passes(1_000);
    pool.stop.abort();
    pool.supervisor.killAll();
    expect(pool.started.map(({ signals }) => signals)).toEqual([
      ['SIGTERM', 'SIGKILL'],
      ['SIGTERM', 'SIGKILL'],
    ]);
    expect(await pool.end()).toMatchObject({ code: 'worker_crashed' });
  });
});
