import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { DriftObserver } from '../../../src/core/ports.ts';
import { runPipeline } from '../../../src/pipeline/run.ts';
import { recordBatch } from '../../support/records.ts';
import { harness, idle, until, values } from './path-harness.ts';

describe('runPipeline', () => {
  it('takes every record to the end, in order, with the positions reached, and ends with its source', async () => {
    const { source, sink, pipeline } = harness();
    source.push(recordBatch(values('a', 10), { partition: 0, firstOffset: 100 }));
    source.push(recordBatch(values('b', 3), { partition: 1 }));
    source.end();
    await runPipeline(pipeline, new AbortController().signal);
    expect(sink.values.filter((v) => v.startsWith('a'))).toEqual(values('a', 10).map((v) => v.value));
    expect(sink.values.filter((v) => v.startsWith('b'))).toEqual(['b0', 'b1', 'b2']);
    expect(sink.positions).toEqual(
      new Map([
        [0, 110],
        [1, 3],
      ]),
    );
    expect(sink.flushed).toEqual([sink.emitted.length]);
    expect([source.heldRows, source.heldBytes]).toEqual([0, 0]);
  });

  it('keeps the order although a later batch is scored first', async () => {
    let calls = 0;
    const first = Promise.withResolvers<void>();
    const { source, sink, pipeline } = harness({ enrich: () => (calls++ === 0 ? first.promise : Promise.resolve()) });
    source.push(recordBatch(values('a', 12)));
    source.end();
    const running = runPipeline(pipeline, new AbortController().signal);
    await until(() => calls === 3);
    expect(sink.emitted).toMatchObject([]);
    first.resolve();
    await running;
    expect(sink.values).toEqual(values('a', 12).map((v) => v.value));
  });

  it('writes a bad record as a dead letter and leaves its batch mates alone', async () => {
    const { source, sink, pipeline } = harness();
    source.push(recordBatch([{ value: 'a' }, { value: 'bad' }, { value: 'b' }]));
    source.end();
    await runPipeline(pipeline, new AbortController().signal);
    expect(sink.emitted).toMatchObject([{ values: ['a', 'b', 'bad'], topics: ['out', 'dead'], positions: [[0, 3]] }]);
  });

  it('waits out retriable errors of a step and of the sink without losing or repeating a row', async () => {
    let calls = 0;
    const { source, sink, pipeline } = harness({
      enrich: async () => {
        if (calls++ < 3) throw new WeirError('store_unavailable', 'down');
      },
    });
    sink.failures = [new WeirError('kafka_unavailable', 'down'), new WeirError('kafka_unavailable', 'down')];
    source.push(recordBatch(values('a', 6)));
    source.end();
    await runPipeline(pipeline, new AbortController().signal);
    expect(sink.values).toEqual(values('a', 6).map((v) => v.value));
  });

  it.each(['enrich', 'emit', 'source'])('ends with a fatal error of %s and commits nothing past it', async (where) => {
    const { source, sink, pipeline } = harness({
      enrich: async () => {
        if (where === 'enrich') throw new TypeError('a bug');
      },
    });
    if (where === 'emit') sink.failures = [new WeirError('not_authorized', 'no')];
    if (where === 'source') source.fail(new WeirError('offset_out_of_range', 'gone'));
    source.push(recordBatch(values('a', 2)));
    const code = { enrich: 'unknown', emit: 'not_authorized', source: 'offset_out_of_range' }[where];
    await expect(runPipeline(pipeline, new AbortController().signal)).rejects.toMatchObject({ code });
    expect(sink.positions.size).toBe(0);
    expect(sink.flushed).toEqual([]);
  });

  it('a revoked partition takes only its own rows out of a batch in flight', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const { source, sink, pipeline } = harness({
      enrich: () => {
        calls++;
        return gate.promise;
      },
    });
    source.push(recordBatch([{ value: 'a0' }, { value: 'bad' }], { partition: 0 }));
    source.push(recordBatch([{ value: 'b0' }, { value: 'b1' }], { partition: 1 }));
    const stop = new AbortController();
    const running = runPipeline(pipeline, stop.signal);
    await until(() => calls === 1);
    source.revoke({ topic: 'events', partition: 0 });
    gate.resolve();
    await until(() => sink.emitted.length > 0);
    stop.abort();
    await running;
    expect(sink.values).toEqual(['b0', 'b1']);
    expect(sink.positions).toEqual(new Map([[1, 2]]));
  });

  it('settles and flushes before a rebalance, drift included', async () => {
    let pending = 0;
    const drift: DriftObserver = {
      observe: (rows) => {
        pending += rows.count;
      },
      advance: () => {},
      takeDeltas(force) {
        if (!force || pending === 0) return undefined;
        const deltas = new OutputRecords('profiles');
        deltas.push({ timestampMs: 0, key: null, value: Buffer.from(`drift ${pending}`) });
        pending = 0;
        return deltas;
      },
      revoke: () => {
        pending = 0;
      },
    };
    const { source, sink, pipeline } = harness({ drift });
    const stop = new AbortController();
    const running = runPipeline(pipeline, stop.signal);
    source.push(recordBatch(values('a', 3)));
    await until(() => sink.emitted.length > 0);
    await source.rebalance();
    expect(sink.values).toEqual(['a0', 'a1', 'a2', 'drift 3']);
    expect(sink.flushed).toEqual([sink.emitted.length]);
    source.push(recordBatch(values('c', 1), { firstOffset: 3 }));
    await until(() => sink.positions.get(0) === 4);
    stop.abort();
    await running;
    expect(sink.values).toEqual(['a0', 'a1', 'a2', 'drift 3', 'c0', 'drift 1']);
  });

  it('gives up what waits for a store when it is told to stop, and settles what came before', async () => {
    let calls = 0;
    const { source, sink, pipeline } = harness({
      enrich: async () => {
        if (++calls >= 2) throw new WeirError('store_unavailable', 'down');
      },
    });
    const stop = new AbortController();
    source.push(recordBatch(values('a', 12)));
    const running = runPipeline(pipeline, stop.signal);
    await until(() => sink.emitted.length === 1 && calls > 3);
    stop.abort();
    await running;
    expect(sink.values).toEqual(['a0', 'a1', 'a2', 'a3']);
    expect(sink.positions).toEqual(new Map([[0, 4]]));
    expect(sink.flushed.length).toBe(1);
  });

  it('ends with drain_timeout when what is in flight cannot be written in time', async () => {
    const { source, sink, pipeline } = harness();
    let isWriting = false;
    sink.emit = () => {
      isWriting = true;
      return new Promise(() => {});
    };
    const stop = new AbortController();
    source.push(recordBatch(values('a', 4)));
    const running = runPipeline({ ...pipeline, drainTimeoutMs: 50 }, stop.signal);
    await until(() => isWriting);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'drain_timeout' });
    expect(sink.flushed).toEqual([]);
  });

  it('ends at once when it is told to stop before the source has started', async () => {
    const { source, pipeline } = harness();
    source.start = () => new Promise(() => {});
    const stop = new AbortController();
    const running = runPipeline(pipeline, stop.signal);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  it('commits the last positions although the first try fails, and ends with a commit error that comes between emissions', async () => {
    const { source, sink, pipeline } = harness();
    let tries = 0;
    sink.flush = async () => {
      if (tries++ === 0) throw new WeirError('kafka_unavailable', 'moving');
    };
    source.push(recordBatch(values('a', 2)));
    source.end();
    await runPipeline(pipeline, new AbortController().signal);
    expect(tries).toBe(2);

    const idle = harness();
    const running = runPipeline(idle.pipeline, new AbortController().signal);
    idle.sink.failure = new WeirError('not_authorized', 'no');
    await expect(running).rejects.toMatchObject({ code: 'not_authorized' });
  });

  it('gives a revoked partition’s queued rows back to the source at once, and those in flight when they are settled', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const { source, sink, pipeline } = harness({
      maxInFlight: 1,
      enrich: () => {
        calls++;
        return gate.promise;
      },
    });
    const gone = recordBatch(values('a', 12), { partition: 0 });
    const kept = recordBatch(values('b', 2), { partition: 1 });
    source.push(gone);
    const running = runPipeline(pipeline, new AbortController().signal);
    await until(() => calls === 1);
    source.push(kept);
    source.revoke({ topic: 'events', partition: 0 });
    // Four rows (a0 … a3) are in flight; eight were waiting for a batch.
    expect(source.heldRows).toBe(4 + kept.count);
    expect(source.heldBytes).toBe(8 + kept.bytes);
    gate.resolve();
    source.end();
    await running;
    expect([source.heldRows, source.heldBytes]).toEqual([0, 0]);
    expect(sink.values).toEqual(['b0', 'b1']);
  });

  it('tells drift which partitions are gone', async () => {
    const revoked: unknown[] = [];
    const drift: DriftObserver = {
      observe: () => {},
      advance: () => {},
      takeDeltas: () => undefined,
      revoke: (partitions) => revoked.push(...partitions),
    };
    const { source, sink, pipeline } = harness({ drift });
    source.push(recordBatch(values('a', 2), { partition: 3 }));
    const running = runPipeline(pipeline, new AbortController().signal);
    await until(() => sink.emitted.length > 0);
    source.revoke({ topic: 'events', partition: 3 });
    source.end();
    await running;
    expect(revoked).toEqual([{ topic: 'events', partition: 3 }]);
  });

  it('begins nothing new while a rebalance is being settled, and goes on after it', async () => {
    const batches: number[] = [];
    const { source, sink, pipeline } = harness({ metrics: { batchClosed: (_reason, rows) => batches.push(rows) } });
    const flushing = Promise.withResolvers<void>();
    let flushes = 0;
    sink.flush = () => {
      flushes++;
      return flushing.promise;
    };
    source.push(recordBatch(values('a', 3)));
    const running = runPipeline(pipeline, new AbortController().signal);
    await until(() => sink.emitted.length === 1);
    const rebalance = source.rebalance();
    await until(() => flushes === 1);
    source.push(recordBatch(values('b', 12), { firstOffset: 3 }));
    await idle();
    expect(batches).toEqual([3]);
    expect(sink.values).toEqual(['a0', 'a1', 'a2']);
    flushing.resolve();
    await rebalance;
    source.end();
    await running;
    expect(sink.values.length).toBe(15);
    expect(sink.positions.get(0)).toBe(15);
  });

  it('closes a batch when its oldest record has waited maxDelayMs, although nothing else happens', async () => {
    const clock = new ManualClock();
    const reasons: string[] = [];
    const { source, sink, pipeline } = harness({
      clock,
      limits: { eager: false, maxDelayMs: 40 },
      metrics: { batchClosed: (reason) => reasons.push(reason) },
    });
    clock.advance(1_000);
    source.push(recordBatch(values('a', 2), { arrivedAtMs: 1_000 }));
    const running = runPipeline(pipeline, new AbortController().signal);
    await idle();
    clock.advance(39);
    await idle();
    expect(reasons).toEqual([]);
    clock.advance(1);
    await until(() => sink.emitted.length === 1);
    expect(reasons).toEqual(['delay']);
    source.end();
    await running;
  });

  it('stops on request: what is in flight is emitted, what is only queued is not', async () => {
    const { source, sink, pipeline } = harness({ maxInFlight: 1 });
    const gate = Promise.withResolvers<void>();
    sink.gate = gate.promise;
    source.push(recordBatch(values('a', 40)));
    const stop = new AbortController();
    const running = runPipeline(pipeline, stop.signal);
    await until(() => pipeline.batcher.pendingRows > 0);
    stop.abort();
    gate.resolve();
    await running;
    expect(sink.values.length).toBeLessThan(40);
    expect(sink.positions.get(0)).toBe(sink.values.length);
  });
});
