import type { Clock } from '../core/clock.ts';
import type { WeirError } from '../core/errors.ts';
import type { Codec, DriftObserver, Encoder, Logger, PipelineMetrics, Sink, Source, StepName } from '../core/ports.ts';
import type { Rows, Scores } from '../core/rows.ts';
import type { MicroBatcher } from './micro-batcher.ts';
import type { RetryPolicy } from './retry.ts';
import type { WorkPool } from './work.ts';

/** What a pipeline is made of. `src/app` puts it together. */
export interface Pipeline {
  readonly source: Source;
  readonly sink: Sink;
  readonly batcher: MicroBatcher;
  readonly pool: WorkPool;
  readonly codec: Codec;
  readonly enrich: (rows: Rows) => Promise<void> | void;
  readonly validate: (rows: Rows) => void;
  readonly score: (rows: Rows, scores: Scores) => Promise<void>;
  readonly drift: DriftObserver | undefined;
  readonly encoder: Encoder;
  readonly topics: { readonly predictions: string; readonly deadLetters: string };
  /** Something beside the path that must end it (the drift merger). */
  readonly failure?: () => WeirError | undefined;
  readonly maxInFlight: number;
  /** How long what is in flight may take to settle after `stop`. */
  readonly drainTimeoutMs: number;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/** Counts and logs a wait for something retriable. */
export function reportRetry(
  { metrics, logger }: Pick<Pipeline, 'metrics' | 'logger'>,
  step: StepName,
): (error: WeirError, delayMs: number) => void {
  return (error, delayMs) => {
    metrics.retried(step, error.code);
    logger.warn({ step, code: error.code, delayMs: Math.round(delayMs), reason: error.message }, 'waiting to try again');
  };
}
