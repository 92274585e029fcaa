import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { WeirError } from '../../../src/core/errors.ts';
import { createRowLayout } from '../../../src/core/layout.ts';
import type { DriftObserver, Emission, Model, PipelineMetrics, Sink } from '../../../src/core/ports.ts';
import { type Rows, Scores, STATUS_OK } from '../../../src/core/rows.ts';
import { silentLogger, silentMetrics } from '../../../src/core/silent.ts';
import { type BatchLimits, MicroBatcher } from '../../../src/pipeline/micro-batcher.ts';
import type { Pipeline } from '../../../src/pipeline/pipeline.ts';
import { WorkPool } from '../../../src/pipeline/work.ts';
import { ListSource } from '../../support/list-source.ts';

/** One float column `x`. */
export const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [{ name: 'x', kind: 'float', binding: { from: 'event', path: ['x'] }, required: true, onInvalid: 'dead-letter' }],
    },
  ],
  { entities: new Map() },
);

/** A sink that keeps what it is given. */
export class RecordingSink implements Sink {
  failure: WeirError | undefined;
  readonly emitted: { values: string[]; topics: string[]; positions: [number, number][]; isClosing: boolean }[] = [];
  /** Emissions there were at each flush. */
  readonly flushed: number[] = [];
  failures: Error[] = [];
  gate: Promise<void> = Promise.resolve();
  async start(): Promise<void> {}
  async emit(emission: Emission): Promise<boolean> {
    const { outputs, positions, isClosing } = emission;
    await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure;
    // The last emission before a rebalance or the end may have nothing to say.
    if (outputs.length === 0 && positions.length === 0) return true;
    this.emitted.push({
      values: outputs.flatMap((o) =>
        Array.from({ length: o.count }, (_, i) => `${o.buffer.toString('utf8', o.valueStart[i], o.valueStart[i]! + o.valueLength[i]!)}`),
      ),
      topics: outputs.map((o) => o.topic),
      positions: positions.map((p) => [p.partition, p.nextOffset]),
      isClosing,
    });
    return this.isWritten(emission);
  }
  /** The moment at which a closing emission is due, on the monotonic clock. */
  closingAtMs = Number.POSITIVE_INFINITY;
  /** Whether an emission is written; false: withdrawn. */
  isWritten: (emission: Emission) => boolean = () => true;
  committedWith(): number {
    return -1;
  }
  msUntilClosing(nowMs: number): number {
    return Math.max(0, this.closingAtMs - nowMs);
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

/** What a test changes about the pipeline. */
export interface HarnessOptions {
  maxRows?: number;
  maxInFlight?: number;
  limits?: Partial<BatchLimits>;
  clock?: Clock;
  drift?: DriftObserver;
  metrics?: Partial<PipelineMetrics>;
  enrich?: (rows: Rows) => Promise<void>;
}

/** A pipeline between a list and a recording sink. Values that start with `bad` cannot be read; the others are predictions as they are. */
export function harness(options: HarnessOptions = {}): { source: ListSource; sink: RecordingSink; pipeline: Pipeline } {
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
    batcher: new MicroBatcher({ maxRows, maxBytes: 1 << 20, targetMs: 1_000, maxDelayMs: 1, eager: true, ...options.limits }),
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
    clock: options.clock ?? systemClock,
    logger: silentLogger,
    metrics: { ...silentMetrics, ...options.metrics },
  };
  return { source, sink, pipeline };
}

/** Records `a0`, `a1`, … */
export const values = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => ({ value: `${prefix}${i}` }));

/** Lets everything run until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await nextTurn();
  expect(condition()).toBe(true);
}

/** Lets everything run that can run without anybody's help: for what must not happen. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 50; i++) await nextTurn();
}
