import { isRetriable, type WeirError, weirErrorFrom } from '../core/errors.ts';
import { Doorbell } from '../core/doorbell.ts';
import { FramedOutputRecords } from '../core/framed-outputs.ts';
import { OutputRecords } from '../core/outputs.ts';
import { type Position, positionAfter } from '../core/records.ts';
import type { Emission } from '../core/ports.ts';
import type { Rows } from '../core/rows.ts';
import { retrying } from './retry.ts';
import { type Pipeline, reportRetry } from './pipeline.ts';
import type { Work } from './work.ts';

/** Micro-batches that are scored by the time the sink is free go out together; this many at most. */
const MAX_COALESCED = 16;

/** How often due drift deltas and failed commits are looked for while no batch comes. */
const IDLE_TICK_MS = 250;

/**
 * The last step: takes scored micro-batches in the order in which they were added, encodes them, counts them for drift,
 * and hands outputs and positions to the sink as one emission at a time.
 */
export class Emitter {
  private readonly pipeline: Pipeline;
  private readonly stop: AbortSignal;
  private readonly signal: AbortSignal;
  private readonly fail: (error: WeirError) => void;
  private readonly onFree: () => void;
  private readonly queue: Work[] = [];
  private emitting = 0;
  private settling = false;
  private finishing = false;
  private ended = false;
  private readonly bell: Doorbell;
  private readonly waiters: (() => void)[] = [];
  private readonly predictions: FramedOutputRecords;
  private readonly deadLetters: OutputRecords;

  /**
   * @param stop after this has aborted, a batch that waits for something retriable is given up instead of failing all
   * @param fail called once with the first error; everything ends then
   * @param onFree called whenever there is room for more work
   */
  constructor(pipeline: Pipeline, stop: AbortSignal, signal: AbortSignal, fail: (error: WeirError) => void, onFree: () => void) {
    this.pipeline = pipeline;
    this.stop = stop;
    this.signal = signal;
    this.fail = fail;
    this.onFree = onFree;
    this.bell = new Doorbell(pipeline.clock);
    this.predictions = new FramedOutputRecords(pipeline.topics.predictions, 1 << 18);
    this.deadLetters = new OutputRecords(pipeline.topics.deadLetters);
    const onAbort = (): void => {
      this.bell.ring();
      this.wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Micro-batches cut and not yet durable. */
  get inFlight(): number {
    return this.queue.length + this.emitting;
  }

  /** True when a micro-batch cut now would be worked on at once: nothing is being decoded, enriched or scored. */
  get idle(): boolean {
    return this.queue.every((work) => work.isScored);
  }

  add(work: Work): void {
    this.queue.push(work);
    this.pipeline.metrics.inFlight(this.inFlight);
    work.scored.then(
      () => {
        this.bell.ring();
        this.onFree();
      },
      (thrown: unknown) => {
        const error = weirErrorFrom(thrown);
        if (this.stop.aborted && isRetriable(error)) this.giveUp(work, error);
        else this.fail(error);
      },
    );
  }

  /** Resolves when nothing is in flight and all that was counted for drift is written, or when everything has failed. */
  settle(): Promise<void> {
    if (this.signal.aborted || this.ended) return Promise.resolve();
    this.settling = true;
    this.bell.ring();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  /** Settles and ends `run`. */
  finish(): Promise<void> {
    this.finishing = true;
    return this.settle();
  }

  /** The loop. Ends after `finish` or when the signal aborts; never rejects. */
  async run(): Promise<void> {
    try {
      while (!this.signal.aborted) {
        const ready = this.takeScored();
        const isLast = this.settling && this.queue.length === 0;
        const closingInMs = this.msUntilClosing();
        await this.emit(ready, isLast || closingInMs <= 0);
        if (isLast) {
          this.settling = false;
          this.wake();
          if (this.finishing) break;
        } else if (ready.length === 0) await this.bell.wait(Math.min(IDLE_TICK_MS, this.msUntilClosing()));
        const failure = this.pipeline.sink.failure ?? this.pipeline.failure?.();
        if (failure) throw failure;
      }
    } catch (thrown) {
      this.fail(weirErrorFrom(thrown));
    } finally {
      this.ended = true;
      this.wake();
    }
  }

  /**
   * Lets go of a batch that cannot be scored now, and of those behind it, which must not overtake it. Their positions
   * are not committed: the next owner scores them.
   */
  private giveUp(work: Work, error: WeirError): void {
    const at = this.queue.indexOf(work);
    if (at < 0) return;
    const given = this.queue.splice(at);
    this.pipeline.logger.info({ batches: given.length, code: error.code }, 'stopping: batches that wait are left to the next owner');
    this.bell.ring();
  }

  private takeScored(): Work[] {
    let count = 0;
    while (count < this.queue.length && count < MAX_COALESCED && this.queue[count]!.isScored) count++;
    const ready = this.queue.splice(0, count);
    this.emitting = ready.length;
    return ready;
  }

  private msUntilClosing(): number {
    return this.pipeline.sink.msUntilClosing(this.pipeline.clock.monotonicMs());
  }

  private async emit(works: readonly Work[], isClosing: boolean): Promise<void> {
    const { clock, metrics, source, pool } = this.pipeline;
    const { outputs, positions } = this.encode(works, isClosing);
    const startedMs = clock.monotonicMs();
    const isWritten = outputs.length > 0 || positions.length > 0 || isClosing ? await this.write({ outputs, positions, isClosing }) : true;
    const nowMs = clock.monotonicMs();
    if (works.length > 0) metrics.step('emit', (nowMs - startedMs) / 1000);
    this.emitting = 0;
    for (const work of works) {
      // What was withdrawn is read, scored and counted again.
      if (isWritten) metrics.settled(work.rows, work.scores, nowMs);
      source.release(work.batch.slices);
      pool.give(work);
    }
    metrics.inFlight(this.inFlight);
    if (works.length > 0) this.onFree();
  }

  private write(emission: Emission): boolean | Promise<boolean> {
    const { sink, retry: policy, clock } = this.pipeline;
    return retrying(() => sink.emit(emission), {
      policy,
      clock,
      signal: this.signal,
      onRetry: reportRetry(this.pipeline, 'emit'),
    });
  }

  /** Encodes the rows of scored micro-batches and counts them for drift, in order. */
  private encode(works: readonly Work[], isClosing: boolean): { outputs: OutputRecords[]; positions: Position[] } {
    const { drift, encoder, clock, metrics, source, sink } = this.pipeline;
    const { predictions, deadLetters } = this;
    predictions.clear();
    deadLetters.clear();
    const positions = new Map<string, Position>();
    for (const { rows, scores } of works) {
      this.dropRevoked(rows);
      const encodedMs = clock.monotonicMs();
      encoder.encode(rows, scores, clock.wallMs(), predictions, deadLetters);
      const observedMs = clock.monotonicMs();
      // After encoding: a prediction that is too large for its topic is a dead letter.
      drift?.observe(rows, scores, source);
      metrics.step('encode', (observedMs - encodedMs) / 1000);
      metrics.step('drift', (clock.monotonicMs() - observedMs) / 1000);
      for (const slice of rows.slices) {
        const position = positionAfter(slice);
        if (source.owns(position)) positions.set(`${position.partition} ${position.topic}`, position);
      }
    }
    // A position without records must not overtake records of its partition that are still on their way.
    for (const position of source.takeIdlePositions()) {
      positions.set(`${position.partition} ${position.topic}`, position);
      drift?.advance(position, source);
    }
    const deltas = drift?.takeDeltas(isClosing, sink);
    const outputs = [predictions, deadLetters].filter((o) => o.count > 0);
    if (deltas && deltas.count > 0) outputs.push(deltas);
    return { outputs, positions: [...positions.values()] };
  }

  /** Rows of a partition that is no longer ours must not be emitted: its new owner emits them. The others are not disturbed. */
  private dropRevoked(rows: Rows): void {
    for (const { records, from, to, fromRow } of rows.slices) {
      if (this.pipeline.source.owns(records)) continue;
      for (let row = fromRow; row < fromRow + to - from; row++) rows.withdraw(row);
    }
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
