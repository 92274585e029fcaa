import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { INTERVAL_MS, position, harness, settled } from './at-least-once-harness.ts';

describe('createAtLeastOnceSink', () => {
  it('commits no position before the outputs that lead to it are acknowledged', async () => {
    const { sink, sends, state, emit, advance, committed } = harness();
    state.gateSends = true;
    const first = emit(position(0, 5));
    await advance(10 * INTERVAL_MS);
    await sink.flush();
    expect(committed()).toEqual([]);

    sends[0]!.resolve();
    await first;
    const second = emit(position(0, 9));
    await settled();
    await sink.flush();
    expect(committed()).toEqual([[[0, 5]]]);
    sends[1]!.resolve();
    await second;
    await sink.flush();
    expect(committed()).toEqual([[[0, 5]], [[0, 9]]]);
  });

  it('forgets the positions of an emission that was not written', async () => {
    const { sink, sends, state, emit, advance, committed } = harness();
    state.gateSends = true;
    const failing = emit(position(0, 5));
    sends[0]!.reject(new WeirError('kafka_unavailable', 'away'));
    await expect(failing).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await advance(INTERVAL_MS);
    await sink.flush();
    expect(committed()).toEqual([]);
  });

  it('commits every interval, counted from the first emission since the last commit, the newest position of each partition', async () => {
    const { emit, advance, committed } = harness();
    await emit(position(0, 1), position(1, 7));
    await advance(INTERVAL_MS - 1);
    await emit(position(0, 2));
    await emit(position(0, 3), position(2, 1));
    expect(committed()).toEqual([]);
    await advance(1);
    expect(committed()).toEqual([
      [
        [0, 3],
        [1, 7],
        [2, 1],
      ],
    ]);
    await advance(10 * INTERVAL_MS);
    expect(committed().length).toBe(1);
    await emit(position(1, 8));
    await advance(INTERVAL_MS);
    expect(committed()[1]).toEqual([[1, 8]]);
  });

  it('commits positions without outputs and sends nothing for them', async () => {
    const { sink, sends, advance, committed } = harness();
    await sink.emit({ outputs: [], positions: [position(0, 4)], isClosing: false });
    await advance(INTERVAL_MS);
    expect(sends.length).toBe(0);
    expect(committed()).toEqual([[[0, 4]]]);
  });

  it('flush commits at once, and leaves nothing for the timer', async () => {
    const { sink, emit, advance, committed } = harness();
    await emit(position(0, 1));
    await emit(position(0, 2));
    await sink.flush();
    expect(committed()).toEqual([[[0, 2]]]);
    await sink.flush();
    await advance(INTERVAL_MS);
    expect(committed().length).toBe(1);
  });

  it('flush waits for a commit under way and then commits the newest positions', async () => {
    const { sink, commits, state, emit, advance, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    await emit(position(0, 2));
    let isFlushed = false;
    const flushing = sink.flush().then(() => {
      isFlushed = true;
    });
    await settled();
    expect(committed()).toEqual([[[0, 1]]]);
    commits[0]!.answer.resolve(true);
    await settled();
    expect(committed()).toEqual([[[0, 1]], [[0, 2]]]);
    expect(isFlushed).toBe(false);
    commits[1]!.answer.resolve(true);
    await flushing;
    expect(state.mostUnderWay).toBe(1);
  });

  it('never has two commits under way, and commits at last what was acknowledged during a slow one', async () => {
    const { commits, state, emit, advance, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    await emit(position(0, 2));
    await advance(INTERVAL_MS);
    await emit(position(0, 3));
    await advance(INTERVAL_MS);
    expect(committed()).toEqual([[[0, 1]]]);
    commits[0]!.answer.resolve(true);
    await settled();
    await advance(INTERVAL_MS);
    expect(committed()).toEqual([[[0, 1]], [[0, 3]]]);
    expect(state.mostUnderWay).toBe(1);
  });

  it('tries a commit again that failed for a retriable reason, and newer positions win', async () => {
    const { sink, commits, state, emit, advance, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 1), position(1, 1));
    await advance(INTERVAL_MS);
    await emit(position(0, 2));
    commits[0]!.answer.reject(new WeirError('kafka_unavailable', 'coordinator is moving'));
    await settled();
    expect(sink.failure).toBeUndefined();
    state.gateCommits = false;
    await advance(INTERVAL_MS);
    expect(committed().at(-1)).toEqual([[0, 2]]);
    const commitsMade = committed().length;
    await advance(10 * INTERVAL_MS);
    expect(committed().length).toBe(commitsMade);
  });

  it('tries again although no emission follows', async () => {
    const { commits, state, emit, advance, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    commits[0]!.answer.reject(new WeirError('kafka_unavailable', 'away'));
    await settled();
    await advance(INTERVAL_MS);
    expect(committed()).toEqual([[[0, 1]], [[0, 1]]]);
  });

  it('a flush that fails says so, and the next one commits the same positions', async () => {
    const { sink, commits, state, emit, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 3));
    const flushing = sink.flush();
    flushing.catch(() => {}); // Looked at below.
    await settled();
    // That of the closing emission, and that of the flush itself.
    for (const attempt of [0, 1]) {
      commits[attempt]!.answer.reject(new WeirError('kafka_unavailable', 'away'));
      await settled();
    }
    await expect(flushing).rejects.toMatchObject({ code: 'kafka_unavailable' });
    state.gateCommits = false;
    await sink.flush();
    expect(committed()).toEqual([[[0, 3]], [[0, 3]], [[0, 3]]]);
  });

  it('an error that waiting cannot cure is told by `failure`, by the next emission and by flush', async () => {
    const { sink, sends, commits, state, emit, advance } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    commits[0]!.answer.reject(new WeirError('not_authorized', 'no'));
    await settled();
    expect(sink.failure).toMatchObject({ code: 'not_authorized' });
    await expect(emit(position(0, 2))).rejects.toMatchObject({ code: 'not_authorized' });
    expect(sends.length).toBe(1);
    state.gateCommits = false;
    await expect(sink.flush()).rejects.toMatchObject({ code: 'not_authorized' });
  });

  it('takes an unknown error for one that waiting cannot cure', async () => {
    const { commits, state, emit, advance } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    commits[0]!.answer.reject(new TypeError('a bug'));
    await settled();
    await expect(emit(position(0, 2))).rejects.toMatchObject({ code: 'unknown' });
  });

  it('commits nothing between closing emissions, and tells how far the group is', async () => {
    const { sink, clock, emit, advance, committed } = harness();
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(Number.POSITIVE_INFINITY);
    await emit(position(0, 1));
    clock.advance(INTERVAL_MS - 1);
    expect(sink.msUntilClosing(clock.monotonicMs())).toBe(1);
    clock.advance(100 * INTERVAL_MS);
    await settled();
    expect([sink.msUntilClosing(clock.monotonicMs()), committed(), sink.committedWith(position(0, 1))]).toEqual([0, [], -1]);
    await advance(0);
    expect([committed(), sink.committedWith(position(0, 5)), sink.committedWith(position(1, 5))]).toEqual([[[[0, 1]]], 1, -1]);
    // Of another assignment of the partition nothing is known.
    expect(sink.committedWith({ ...position(0, 5), epoch: 2 })).toBe(-1);
  });

  it('lets positions go that the group no longer takes: their new owner commits', async () => {
    const { sink, commits, state, emit, advance, committed } = harness();
    state.gateCommits = true;
    await emit(position(0, 1));
    await advance(INTERVAL_MS);
    commits[0]!.answer.resolve(false);
    await settled();
    state.gateCommits = false;
    await sink.flush();
    await advance(INTERVAL_MS);
    expect(committed().length).toBe(1);
  });

  it('starts the producer with its topics; close stops the timer and the producer', async () => {
    const { sink, clock, state, emit, committed } = harness();
    await sink.start();
    expect(state.started).toEqual(['out', 'dead']);
    await emit(position(0, 1));
    await sink.close();
    clock.advance(INTERVAL_MS);
    await settled();
    expect(committed()).toEqual([]);
    expect(state.closed).toBe(1);
  });

  it('does not write what has waited until its partition went to another worker, and reads again what is still ours', async () => {
    const { emit, sends, state, advance, committed } = harness();
    state.gone.add(0);
    expect(await emit(position(0, 5), position(1, 7))).toBe(false);
    await advance(INTERVAL_MS);
    expect([sends.length, state.rewinds, committed()]).toEqual([0, 1, []]);
  });
});
