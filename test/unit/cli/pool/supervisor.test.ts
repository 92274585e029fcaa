import { describe, expect, it } from 'vitest';
import { weirErrorFrom } from '../../../../src/core/errors.ts';
import { FakePool } from './fake-processes.ts';

const pids = (pool: FakePool): number[] => pool.started.map(({ pid }) => pid);

describe('a pool that runs', () => {
  it('starts every worker once and is ready when all are, saying who is not', () => {
    const pool = new FakePool(3);
    expect(pool.started.map(({ worker }) => worker)).toEqual([0, 1, 2]);
    expect(pool.supervisor.health.ready()).toEqual({
      ready: false,
      reasons: ['worker 0: starting', 'worker 1: starting', 'worker 2: starting'],
    });
    pool.of(0).isReady();
    pool
      .of(1)
      .says({ kind: 'state', ready: false, reasons: ['waiting for the consumer group', 'online store main does not answer'], members: [] });
    pool.of(2).isReady();
    expect(pool.supervisor.health.ready()).toEqual({
      ready: false,
      reasons: ['worker 1: waiting for the consumer group', 'worker 1: online store main does not answer'],
    });
    expect(pool.supervisor.states()).toEqual(['running', 'starting', 'running']);
    pool.of(1).isReady();
    expect(pool.supervisor.health.ready()).toEqual({ ready: true, reasons: [] });
    // A store that goes away makes it not ready; it still runs.
    pool.of(1).says({ kind: 'state', ready: false, reasons: ['online store main does not answer'], members: [] });
    expect(pool.supervisor.health.ready().ready).toBe(false);
    expect(pool.supervisor.states()).toEqual(['running', 'running', 'running']);
  });

  it('starts a worker again that was killed, and leaves the others alone', () => {
    const pool = new FakePool(2);
    pool.passes(1_000);
    pool.of(0).dies('SIGKILL');
    expect(pool.supervisor.states()).toEqual(['restarting', 'running']);
    expect(pool.supervisor.health.ready().reasons).toEqual(['worker 0: has died and will be started again']);
    expect(pool.supervisor.health.live()).toBe(true);
    pool.clock.advance(499);
    expect(pool.started.length).toBe(2);
    pool.clock.advance(1);
    expect(pids(pool)).toEqual([1_000, 1_001, 1_002]);
    expect(pool.of(0).pid).toBe(1_002);
    expect(pool.of(1).signals).toEqual([]);
    expect(pool.restarts).toEqual([[0, 'killed']]);
  });

  it('tells who follows a worker what that was in its groups', () => {
    const pool = new FakePool(2);
    const of = (groupId: string, memberId: string): { groupId: string; memberId: string } => ({ groupId, memberId });
    const is = (...members: { groupId: string; memberId: string }[]): void =>
      pool.of(0).says({ kind: 'state', ready: true, reasons: [], members });
    is(of('drift', 'd-1'));
    is(of('scorer', 's-1'), of('drift', 'd-1'));
    is(of('scorer', 's-2'), of('drift', 'd-1'));
    // It joins one of them again, mostly as the same member.
    is(of('drift', 'd-1'));
    const dies = (waitMs: number): void => {
      pool.of(0).dies('SIGKILL');
      pool.clock.advance(waitMs);
    };
    dies(500);
    dies(1_000);
    is(of('scorer', 's-3'));
    dies(2_000);
    expect(pool.started.map(({ worker, predecessors }) => [worker, predecessors])).toEqual([
      [0, []],
      [1, []],
      [0, [of('drift', 'd-1'), of('scorer', 's-2')]],
      [0, [of('drift', 'd-1'), of('scorer', 's-2')]],
      [0, [of('drift', 'd-1'), of('scorer', 's-3')]],
    ]);
  });

  it.each([
    ['killed', { exitCode: null, signal: 'SIGKILL' }],
    ['crashed', { exitCode: null, signal: 'SIGABRT' }],
    ['crashed', { exitCode: null, signal: 'SIGSEGV' }],
    ['crashed', { exitCode: 7, signal: null }],
    ['crashed', { exitCode: 134, signal: null }],
    ['stopped', { exitCode: 0, signal: null }],
    ['stopped', { exitCode: null, signal: 'SIGTERM' }],
    ['not_started', { exitCode: null, signal: null, notStarted: 'spawn EAGAIN' }],
  ] as const)('starts it again when it was %s: %j', (reason, end) => {
    const pool = new FakePool(1);
    pool.of(0).ends(end);
    pool.clock.advance(500);
    expect(pool.started.length).toBe(2);
    expect(pool.restarts).toEqual([[0, reason]]);
  });

  it('kills a worker that was ready and stands still, and starts it again', () => {
    const pool = new FakePool(2);
    pool.passes(10_000);
    pool.passes(7_000, [1]);
    expect(pool.supervisor.health.ready().reasons).toEqual(['worker 1: does not answer']);
    pool.passes(52_000, [1]);
    expect(pool.of(1).signals).toEqual([]);
    pool.passes(3_000, [1]);
    expect(pool.started[1]!.signals).toEqual(['SIGKILL']);
    expect(pool.restarts).toEqual([[1, 'unresponsive']]);
    expect(pool.of(1).pid).toBe(1_002);
  });

  it('leaves a worker alone that takes its time to start', () => {
    const pool = new FakePool(1);
    pool.of(0).says({ kind: 'state', ready: false, reasons: ['starting'], members: [] });
    pool.clock.advance(600_000);
    expect(pool.of(0).signals).toEqual([]);
    expect(pool.started.length).toBe(1);
  });
});

describe('a worker that cannot go on', () => {
  it('ends the pool with its own error, after the others have drained', async () => {
    const pool = new FakePool(3);
    pool.passes(1_000);
    pool.of(1).says({ kind: 'failed', code: 'topic_missing', message: 'There is no topic flights.' });
    pool.of(1).exits(1);
    expect(pool.supervisor.health.live()).toBe(false);
    expect([0, 2].map((worker) => pool.of(worker).signals)).toEqual([['SIGTERM'], ['SIGTERM']]);
    pool.of(0).exits(0);
    await Promise.resolve();
    expect(pool.outcome).toBeUndefined();
    pool.of(2).exits(0);
    expect(await pool.end()).toMatchObject({ code: 'topic_missing', message: 'Worker 1: There is no topic flights.' });
    pool.clock.advance(600_000);
    expect(pool.started.length).toBe(3);
    expect(pool.restarts).toEqual([]);
  });

  it.each([
    [1, 'unknown'],
    [2, 'config_invalid'],
  ])('without a word, with exit code %d, ends the pool with an error of the same exit code', async (exitCode, code) => {
    const pool = new FakePool(1);
    pool.of(0).exits(exitCode);
    const error = weirErrorFrom(await pool.end());
    expect(error.code).toBe(code);
    expect(error.message).toContain(`Worker 0: exit code ${exitCode}`);
  });

  it('ends a pool in which another one waits to be started again', async () => {
    const pool = new FakePool(2);
    pool.of(0).dies('SIGKILL');
    pool.of(1).exits(2);
    expect(await pool.end()).toMatchObject({ code: 'config_invalid' });
    pool.clock.advance(60_000);
    expect(pool.started.length).toBe(2);
  });

  it('keeps the first reason when others follow', async () => {
    const pool = new FakePool(2);
    for (const [worker, code] of [
      [0, 'not_authorized'],
      [1, 'topic_missing'],
    ] as const) {
      pool.of(worker).says({ kind: 'failed', code, message: 'x' });
      pool.of(worker).exits(1);
    }
    expect(await pool.end()).toMatchObject({ code: 'not_authorized' });
  });
});

describe('a crash loop', () => {
  it('waits twice as long each time and ends the pool at the fifth death within a minute', async () => {
    const pool = new FakePool(2);
    pool.passes(1_000);
    const waitsMs: number[] = [];
    for (let death = 1; death <= 4; death++) {
      const before = pool.started.length;
      const diedMs = pool.clock.monotonicMs();
      pool.of(1).dies('SIGSEGV');
      while (pool.started.length === before) pool.clock.advance(100);
      waitsMs.push(pool.clock.monotonicMs() - diedMs);
    }
    expect(waitsMs).toEqual([500, 1_000, 2_000, 4_000]);
    expect(pool.of(0).signals).toEqual([]);
    pool.of(1).dies('SIGSEGV');
    expect(pool.supervisor.health.live()).toBe(false);
    expect(pool.of(0).signals).toEqual(['SIGTERM']);
    pool.of(0).exits(0);
    const error = weirErrorFrom(await pool.end());
    expect(error.code).toBe('worker_crashed');
    expect(error.message).toBe('Worker 1 died 5 times without a minute of health, the last time: ended by SIGSEGV.');
    expect(error.action).toContain('SIGKILL');
  });

  it('is none when different workers die', () => {
    const pool = new FakePool(5);
    for (let worker = 0; worker < 5; worker++) pool.of(worker).dies('SIGKILL');
    pool.clock.advance(500);
    expect(pool.started.length).toBe(10);
    expect(pool.supervisor.health.live()).toBe(true);
  });
});

describe('a scrape', () => {
  it('asks the workers that talk, and leaves out who does not answer in time', async () => {
    const pool = new FakePool(4);
    for (const worker of [0, 1, 3]) pool.of(worker).isReady();
    pool.of(3).dies('SIGKILL');
    const scrape = pool.supervisor.scrape();
    const [question] = pool.of(0).questions;
    pool.of(0).says({ kind: 'metrics', id: question!.id, page: 'page of 0' });
    pool.of(1).says({ kind: 'metrics', id: question!.id + 77, page: 'an answer to something else' });
    pool.clock.advance(2_000);
    expect(await scrape).toEqual([
      { worker: 0, page: 'page of 0' },
      { worker: 1, page: undefined },
    ]);
    expect(pool.of(2).questions).toEqual([]);
  });

  it('does not wait for a worker that dies meanwhile', async () => {
    const pool = new FakePool(1);
    pool.of(0).isReady();
    const scrape = pool.supervisor.scrape();
    pool.of(0).dies('SIGKILL');
    expect(await scrape).toEqual([{ worker: 0, page: undefined }]);
  });
});
