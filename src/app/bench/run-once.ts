import { MicroBatcher } from '../../pipeline/micro-batcher.ts';
import { DEFAULT_RETRY } from '../../pipeline/retry.ts';
import { runPipeline } from '../../pipeline/run.ts';
import { WorkPool } from '../../pipeline/work.ts';
import { discardingSink } from '../discarding-sink.ts';
import type { Surroundings } from '../waiting.ts';
import { PoolSource } from './pool-source.ts';
import type { Prepared } from './prepare.ts';
import { type Measurement, Recorder } from './recorder.ts';

/** What is left out at the begin of a run, while micro-batches grow to their size. */
const MAX_LEAD_MS = 1_000;
const LEAD_SHARE = 0.2;

/** One run. */
export interface RunOptions {
  readonly seconds: number;
  /** Events a second by schedule; absent: as many as go through. */
  readonly rate?: number;
  /** Instead of those of the pipeline file. */
  readonly batch?: { readonly maxRows: number; readonly targetMs: number };
  readonly onProgress: (events: number, elapsedMs: number) => void;
}

/** A measurement, and what it says of the rate. */
export interface RunResult extends Measurement {
  /** The rate that was asked for. */
  readonly rate?: number;
  /** False: events were due that the pipeline had not taken a second after the end; their latency is not in the figures. */
  readonly keepsRate: boolean;
}

/**
 * Runs the pipeline from start to end of one source.
 * @returns undefined when it was told to stop, or when nothing was finished in the window
 * @throws WeirError
 */
export async function runOnce(
  prepared: Prepared,
  options: RunOptions,
  outer: Omit<Surroundings, 'metrics'>,
): Promise<RunResult | undefined> {
  const { config, scoring, codec, encoder } = prepared;
  const { clock, logger, signal } = outer;
  const { rate } = options;
  const batch = { ...config.batch, ...options.batch };
  const durationMs = options.seconds * 1_000;
  const source = new PoolSource({
    pool: prepared.pool,
    topic: config.input.topic,
    durationMs,
    ...(rate === undefined ? {} : { rate }),
    clock,
  });
  const recorder = new Recorder({
    inner: prepared.metrics,
    source,
    leadMs: Math.min(MAX_LEAD_MS, durationMs * LEAD_SHARE),
    durationMs,
    isPaced: rate !== undefined,
    onSettled: options.onProgress,
  });
  await runPipeline(
    {
      source,
      sink: discardingSink(),
      batcher: new MicroBatcher(batch),
      pool: new WorkPool(scoring.layout, scoring.model, batch.maxRows),
      codec,
      enrich: scoring.enrich,
      validate: scoring.validate,
      score: scoring.score,
      drift: prepared.createObserver?.(),
      encoder,
      topics: { predictions: config.output.predictions.topic, deadLetters: config.output.deadLetters.topic },
      maxInFlight: config.flow.maxInFlightBatches,
      drainTimeoutMs: config.shutdownTimeoutMs,
      retry: DEFAULT_RETRY,
      clock,
      logger,
      metrics: recorder,
    },
    signal,
  );
  if (signal.aborted) return undefined;
  const measured = recorder.measurement();
  return measured && { ...measured, ...(rate === undefined ? {} : { rate }), keepsRate: keeps(source, rate) };
}

/** A pipeline may be behind by so much when the last event falls due: a pause of the garbage collector, not a queue that grows. */
const TOLERATED_SECONDS = 0.05;

function keeps({ untaken, behindAtEnd }: PoolSource, rate = 0): boolean {
  return untaken === 0 && behindAtEnd <= Math.max(1, rate * TOLERATED_SECONDS);
}
