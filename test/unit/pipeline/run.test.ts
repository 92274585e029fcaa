import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { createRowLayout } from '../../../src/core/layout.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { DriftObserver, Emission, Model, Sink } from '../../../src/core/ports.ts';
import { type Rows, Scores, STATUS_OK } from '../../../src/core/rows.ts';
import { silentLogger, silentMetrics } from '../../../src/core/silent.ts';
import { MicroBatcher } from '../../../src/pipeline/micro-batcher.ts';
import type { Pipeline } from '../../../src/pipeline/pipeline.ts';
import { runPipeline } from '../../../src/pipeline/run.ts';
import { WorkPool } from '../../../src/pipeline/work.ts';
import { ListSource } from '../../support/list-source.ts';
import { recordBatch } from '../../support/records.ts';

const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [{ name: 'x', kind: 'float', binding: { from: 'event', path: ['x'] }, required: true, onInvalid: 'dead-letter' }],
    },
  ],
  { entities: new Map() },
);

class RecordingSink implements Sink {
  failure: WeirError | undefined;
  readonly emitted: { values: string[]; topics: string[]; positions: [number, number][] }[] = [];
  readonly flushed: number[] = [];
  failures: Error[] = [];
  gate: Promise<void> = Promise.resolve();
  async start(): Promise<void> {}
  async emit({ outputs, positions }: Emission): Promise<void> {
    await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.emitted.push({
      values: outputs.flatMap((o) =>
        Array.from({ length: o.count }, (_, i) => `${o.buffer.toString('utf8', o.valueStart[i], o.valueStart[i]! + o.valueLength[i]!)}`),
      ),
      topics: outputs.map((o) => o.topic),
      positions: positions.map((p) => [p.partition, p.nextOffset]),
    });
  }
  async flush(): Promise<void> {
    this.flushed.push(this.emitted.length);
  }
  async close(): Promise<void> {}
  get values(): string[] {
    return this.emitted.flatMap((e) => e.values);
  }
  /** Newest position of each partition. */
  get positions(): Map<number, number> {
    return new Map(this.emitted.flatMap((e) => e.positions));
  }
}

function harness(options: { maxRows?: number; maxInFlight?: number; drift?: DriftObserver; enrich?: (rows: Rows) => Promise<void> } = {}) {
  const source = new ListSource();
  const sink = new RecordingSink();
  const maxRows = options.maxRows ?? 4;
  const model: Model = {
    name: 'm',
    version: '1',
    run: async () => {},
    createScores: (capacity) => new Scores(capacity, { label: false, extras: [] }),
    close: async () => {},
  };
  const pipeline: Pipeline = {
    source,
    sink,
    batcher: new MicroBatcher({ maxRows, maxBytes: 1 << 20, maxDelayMs: 1, eager: true }),
    pool: new WorkPool(layout, model, maxRows),
    codec: {
      decode(rows) {
        for (const { records, from, to, fromRow } of rows.slices) {
          for (let i = from; i < to; i++) {
            if (
              records.buffer.toString('utf8', records.valueStart[i], records.valueStart[i]! + records.valueLength[i]!).startsWith('bad')
            ) {
              rows.fail(fromRow + i - from, 'decode_failed', 'bad');
            }
          }
        }
      },
      close: async () => {},
    },
    enrich: options.enrich ?? (() => {}),
    validate: () => {},
    score: async () => {},
    drift: options.drift,
    encoder: {
      encode(rows, _scores, _now, predictions, deadLetters) {
        for (const { records, from, to, fromRow } of rows.slices) {
          for (let i = from; i < to; i++) {
            const row = fromRow + i - from;
            const value = records.buffer.subarray(records.valueStart[i], records.valueStart[i]! + records.valueLength[i]!);
            if (rows.status[row] === STATUS_OK) predictions.push({ timestampMs: 0, key: null, value });
            else if (rows.codeOf(row)) deadLetters.push({ timestampMs: 0, key: null, value });
          }
        }
      },
    },
    topics: { predictions: 'out', deadLetters: 'dead' },
    maxInFlight: options.maxInFlight ?? 3,
    drainTimeoutMs: 10_000,
    retry: { firstDelayMs: 1, maxDelayMs: 2, giveUpAfterMs: 5_000 },
    clock: systemClock,
    logger: silentLogger,
    metrics: silentMetrics,
  };
  return { source, sink, pipeline };
}

const values = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => ({ value: `${prefix}${i}` }));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await nextTurn();
  expect(condition()).toBe(true);
}

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
    expect(sink.emitted).toEqual([]);
    first.resolve();
    await running;
    expect(sink.values).toEqual(values('a', 12).map((v) => v.value));
  });

  it('writes a bad record as a dead letter and leaves its batch mates alone', async () => {
    const { source, sink, pipeline } = harness();
    source.push(recordBatch([{ value: 'a' }, { value: 'bad' }, { value: 'b' }]));
    source.end();
    await runPipeline(pipeline, new AbortController().signal);
    expect(sink.emitted).toEqual([{ values: ['a', 'b', 'bad'], topics: ['out', 'dead'], positions: [[0, 3]] }]);
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
    await running;
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
