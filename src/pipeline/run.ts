/**
 * The whole path of a record, top to bottom:
 *
 *     source → micro-batcher → decode → enrich → validate → score → encode → drift → emit (outputs and offsets, one act)
 *
 * Up to `maxInFlight` micro-batches are between decode and score at a time, so that one waits for the online store while
 * the next decodes. They are emitted in the order in which they were cut, so records of a partition keep their order.
 */
import { settledWithin } from '../core/clock.ts';
import { Doorbell } from '../core/doorbell.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { StepName } from '../core/ports.ts';
import type { TopicPartition } from '../core/records.ts';
import { Emitter } from './emit.ts';
import { type Pipeline, reportRetry } from './pipeline.ts';
import { retrying } from './retry.ts';
import type { Work } from './work.ts';

/** How long a failed pipeline waits for the emission under way. */
const LAST_EMISSION_MS = 1_000;

/**
 * Runs until `stop` aborts (then finishes and commits what is in flight), until the source ends, or until an error
 * that waiting cannot cure.
 * @throws WeirError fatal
 */
export async function runPipeline(pipeline: Pipeline, stop: AbortSignal): Promise<void> {
  const { source, sink, batcher, pool, clock, metrics } = pipeline;
  const bell = new Doorbell(clock);
  const failed = new AbortController();
  /** Waiting for what is away ends when the pipeline ends, in whatever way. */
  const ending = AbortSignal.any([failed.signal, stop]);
  let failure: WeirError | undefined;
  const fail = (error: WeirError): void => {
    failure ??= error;
    failed.abort();
    bell.ring();
  };

  /** One micro-batch from bytes to scores. */
  async function process({ rows, scores, batch }: Work): Promise<void> {
    await patiently('decode', () => {
      rows.reset(batch.slices);
      return pipeline.codec.decode(rows);
    });
    await patiently('enrich', () => pipeline.enrich(rows));
    await timed('validate', () => pipeline.validate(rows));
    await timed('score', () => pipeline.score(rows, scores));
    // encode, drift and emit: emit.ts, in the order in which batches were cut
  }

  async function timed(name: StepName, work: () => void | Promise<void>): Promise<void> {
    const startedMs = clock.monotonicMs();
    const pending = work();
    if (pending) await pending;
    metrics.step(name, (clock.monotonicMs() - startedMs) / 1000);
  }

  /** For steps that the outside world can fail: waits and does the step again while the error is retriable. */
  function patiently(name: StepName, work: () => void | Promise<void>): Promise<void> {
    const options = { policy: pipeline.retry, clock, signal: ending, onRetry: reportRetry(pipeline, name) };
    return timed(name, () => retrying(work, options));
  }

  const emitter = new Emitter(pipeline, stop, failed.signal, fail, () => bell.ring());
  let suspended = false;
  const started = source.start({
    onReady: () => bell.ring(),
    onRevoked(partitions: readonly TopicPartition[]) {
      source.release(batcher.drop(partitions));
      pipeline.drift?.revoke(partitions);
    },
    async onRebalance() {
      suspended = true;
      await emitter.settle();
      await sink.flush();
    },
    onResumed() {
      suspended = false;
      bell.ring();
    },
  });
  if (!(await settledBefore(started, stop))) return;
  let cancelDeadline = (): void => {};
  const onStop = (): void => {
    bell.ring();
    cancelDeadline = clock.after(pipeline.drainTimeoutMs, () => {
      fail(
        new WeirError(
          'drain_timeout',
          `${emitter.inFlight} micro-batches were still in flight ${pipeline.drainTimeoutMs} ms after the signal.`,
        ),
      );
    });
  };
  // It may have aborted just now.
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  const emitting = emitter.run();

  try {
    while (!stop.aborted && !failed.signal.aborted) {
      if (source.failure) fail(source.failure);
      while (batcher.hungry) {
        const records = source.take();
        if (!records) break;
        batcher.add(records);
      }
      const ended = source.ended;
      if (emitter.inFlight < pipeline.maxInFlight && !suspended) {
        const batch = batcher.take(clock.monotonicMs(), emitter.idle, ended);
        if (batch) {
          metrics.batchClosed(batch.reason, batch.rows, batcher.limitRows);
          const work = pool.take(batch);
          const closedMs = clock.monotonicMs();
          work.scored = process(work).then(() => {
            work.isScored = true;
            batcher.scored(batch, clock.monotonicMs() - closedMs);
          });
          emitter.add(work);
          continue;
        }
        if (ended && batcher.pendingRows === 0) break;
      }
      const full = emitter.inFlight >= pipeline.maxInFlight;
      await bell.wait(full || suspended ? Number.POSITIVE_INFINITY : batcher.msUntilDue(clock.monotonicMs()));
    }
    // Drain: what is cut is finished and committed; what is only queued is left to the next owner of its partition.
    await source.stopFetching();
    await emitter.finish();
    if (!failure)
      await retrying(() => sink.flush(), { policy: pipeline.retry, clock, signal: failed.signal, onRetry: reportRetry(pipeline, 'emit') });
  } catch (thrown) {
    fail(weirErrorFrom(thrown));
  } finally {
    stop.removeEventListener('abort', onStop);
    cancelDeadline();
    failed.abort();
    // An emission that hangs in the client must not hold up the end; what it writes is not committed.
    await (failure ? settledWithin(clock, LAST_EMISSION_MS, emitting) : emitting);
  }
  if (failure) throw failure;
}

/** True when the work is done before the signal aborts. @throws what the work throws before that */
async function settledBefore(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  let onAbort = (): void => {};
  const aborted = new Promise<boolean>((resolve) => {
    onAbort = () => resolve(false);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work.then(() => true), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
