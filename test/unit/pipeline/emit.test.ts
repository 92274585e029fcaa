import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { DriftObserver } from '../../../src/core/ports.ts';
import { type Rows, STATUS_OK, STATUS_WITHDRAWN } from '../../../src/core/rows.ts';
import { runPipeline } from '../../../src/pipeline/run.ts';
import { recordBatch } from '../../support/records.ts';
import { harness, idle, until, values } from './path-harness.ts';

const never = new AbortController().signal;

describe('emission', () => {
  it('does not emit a batch before it is scored, though its rows are used again and a later batch is ready', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    // Calls 1 and 2 make the pool's two works; call 3 is the first to use one of them again.
    const { source, sink, pipeline } = harness({ maxInFlight: 2, enrich: () => (++calls === 3 ? gate.promise : Promise.resolve()) });
    source.push(recordBatch(values('a', 8)));
    const running = runPipeline(pipeline, never);
    await until(() => sink.values.length === 8);
    source.push(recordBatch(values('b', 8), { firstOffset: 8 }));
    await until(() => calls === 4);
    await idle();
    expect(sink.values.length).toBe(8);
    gate.resolve();
    source.end();
    await running;
    expect(sink.values).toEqual([...values('a', 8), ...values('b', 8)].map((v) => v.value));
  });

  it('hands over batches that became ready in the meantime as one emission, sixteen at most', async () => {
    const gate = Promise.withResolvers<void>();
    let scored = 0;
    const { source, sink, pipeline } = harness({
      maxRows: 1,
      maxInFlight: 20,
      enrich: async () => {
        scored++;
      },
    });
    sink.gate = gate.promise;
    source.push(recordBatch(values('a', 20)));
    source.end();
    const running = runPipeline(pipeline, never);
    await until(() => scored === 20);
    await idle();
    gate.resolve();
    await running;
    expect(sink.emitted.length).toBeLessThan(5);
    expect(Math.max(...sink.emitted.map((e) => e.values.length))).toBe(16);
    expect(sink.values).toEqual(values('a', 20).map((v) => v.value));
    // One position a partition: the newest.
    for (const { positions, values: emitted } of sink.emitted) {
      expect(positions).toEqual([[0, Number(emitted.at(-1)!.slice(1)) + 1]]);
    }
  });

  it('keeps rows in the source’s bounds until their emission is acknowledged', async () => {
    const gate = Promise.withResolvers<void>();
    let scored = 0;
    const { source, sink, pipeline } = harness({
      enrich: async () => {
        scored++;
      },
    });
    sink.gate = gate.promise;
    source.push(recordBatch(values('a', 4)));
    source.end();
    const running = runPipeline(pipeline, never);
    await until(() => scored === 1);
    await idle();
    expect(source.heldRows).toBe(4);
    gate.resolve();
    await running;
    expect(source.heldRows).toBe(0);
  });

  it('does not write or count rows whose partition went away: no prediction, no dead letter, no drift', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const statuses = (rows: Rows): number[] => [...rows.status.subarray(0, rows.count)];
    const observed: number[][] = [];
    const settled: number[][] = [];
    const drift: DriftObserver = {
      observe: (rows) => observed.push(statuses(rows)),
      advance: () => {},
      takeDeltas: () => undefined,
      revoke: () => {},
    };
    const { source, sink, pipeline } = harness({
      drift,
      metrics: { settled: (rows) => settled.push(statuses(rows)) },
      enrich: () => {
        calls++;
        return gate.promise;
      },
    });
    source.push(recordBatch([{ value: 'a0' }, { value: 'bad' }], { partition: 0 }));
    source.push(recordBatch([{ value: 'b0' }, { value: 'b1' }], { partition: 1 }));
    const running = runPipeline(pipeline, never);
    await until(() => calls === 1);
    source.revoke({ topic: 'events', partition: 0 });
    gate.resolve();
    source.end();
    await running;
    expect(sink.emitted).toMatchObject([{ values: ['b0', 'b1'], topics: ['out'], positions: [[1, 2]] }]);
    const withdrawn = [STATUS_WITHDRAWN, STATUS_WITHDRAWN, STATUS_OK, STATUS_OK];
    expect(observed).toEqual([withdrawn]);
    expect(settled).toEqual([withdrawn]);
  });

  it('leaves the rows of an earlier assignment of a partition to the records of the new one', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const { source, sink, pipeline } = harness({
      maxRows: 2,
      maxInFlight: 1,
      enrich: () => {
        calls++;
        return gate.promise;
      },
    });
    source.push(recordBatch(values('a', 2), { epoch: 1 }));
    const running = runPipeline(pipeline, never);
    await until(() => calls === 1);
    source.revoke({ topic: 'events', partition: 0 });
    source.push(recordBatch(values('a', 2), { epoch: 2 }));
    gate.resolve();
    source.end();
    await running;
    expect(sink.values).toEqual(['a0', 'a1']);
    expect(sink.emitted.length).toBe(1);
  });

  it('writes drift deltas in the same emission as the batches that they count', async () => {
    let counted = 0;
    const drift: DriftObserver = {
      observe: (rows) => {
        counted += rows.count;
      },
      advance: () => {},
      takeDeltas() {
        if (counted === 0) return undefined;
        const deltas = new OutputRecords('profiles');
        deltas.push({ timestampMs: 0, key: null, value: Buffer.from(`counts ${counted}`) });
        counted = 0;
        return deltas;
      },
      revoke: () => {},
    };
    const { source, sink, pipeline } = harness({ drift });
    source.push(recordBatch(values('a', 2)));
    source.end();
    await runPipeline(pipeline, never);
    expect(sink.emitted).toMatchObject([{ values: ['a0', 'a1', 'counts 2'], topics: ['out', 'profiles'], positions: [[0, 2]] }]);
  });

  it('closes when the sink says so, with all that was counted until then', async () => {
    const clock = new ManualClock();
    const forced: boolean[] = [];
    const drift: DriftObserver = {
      observe: () => {},
      advance: () => {},
      takeDeltas: (force) => {
        forced.push(force);
        return undefined;
      },
      revoke: () => {},
    };
    const { source, sink, pipeline } = harness({ clock, drift, limits: { maxDelayMs: 0 } });
    sink.closingAtMs = 100;
    const running = runPipeline(pipeline, never);
    source.push(recordBatch(values('a', 2)));
    await until(() => sink.values.length === 2);
    expect(forced.includes(true)).toBe(false);
    source.push(recordBatch(values('b', 2), { firstOffset: 2 }));
    await until(() => sink.values.length === 4);
    expect(sink.emitted.map((e) => e.isClosing)).toEqual([false, false]);
    clock.advance(100);
    await until(() => forced.includes(true));
    sink.closingAtMs = Number.POSITIVE_INFINITY;
    source.end();
    await running;
  });

  it('settles positions that nobody sees records of, once', async () => {
    const { source, sink, pipeline } = harness();
    const running = runPipeline(pipeline, never);
    source.push(recordBatch(values('a', 2)));
    await until(() => sink.values.length === 2);
    source.idlePositions = [{ topic: 'events', partition: 0, epoch: 1, nextOffset: 9 }];
    source.end();
    await running;
    expect(sink.emitted.flatMap((e) => e.positions)).toEqual([
      [0, 2],
      [0, 9],
    ]);
  });

  it('does not count what was withdrawn, and lets go of it', async () => {
    let settled = 0;
    const { source, sink, pipeline } = harness({ metrics: { settled: (rows) => void (settled += rows.count) } });
    sink.isWritten = ({ positions }) => positions.every((p) => p.nextOffset > 2);
    const running = runPipeline(pipeline, never);
    source.push(recordBatch(values('a', 2)));
    await until(() => sink.values.length === 2 && source.heldRows === 0);
    source.push(recordBatch(values('b', 3), { firstOffset: 2 }));
    source.end();
    await running;
    expect([settled, source.heldRows, source.heldBytes]).toEqual([3, 0, 0]);
  });

  it('begins nothing between a rebalance and its end', async () => {
    const { source, sink, pipeline } = harness();
    const running = runPipeline(pipeline, never);
    source.push(recordBatch(values('a', 2)));
    await until(() => sink.values.length === 2);
    const resume = await source.suspend();
    expect(sink.flushed).toEqual([1]);
    source.push(recordBatch(values('b', 2), { firstOffset: 2 }));
    await idle();
    expect(sink.values.length).toBe(2);
    resume();
    await until(() => sink.values.length === 4);
    source.end();
    await running;
  });
});
