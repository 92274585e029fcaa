import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger, PipelineMetrics } from '../core/ports.ts';
import { DEFAULT_RETRY, retrying } from '../pipeline/retry.ts';

/** What every adapter needs. */
export interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
  /** Ends waiting for what is not there. */
  readonly signal: AbortSignal;
}

/**
 * Starts something that the outside world may not have ready yet: retriable errors are waited out. When the signal aborts
 * it rejects at once; an attempt under way is left to itself, so whoever called closes what it was starting.
 * @throws WeirError any other, and when the signal aborts `start_aborted` or the last one
 */
export async function waitOut<T>(
  { clock, logger, signal }: Omit<Surroundings, 'metrics'>,
  what: string,
  start: () => Promise<T>,
): Promise<T> {
  return retrying(() => unlessAborted(signal, what, start), {
    policy: DEFAULT_RETRY,
    clock,
    signal,
    onRetry: (error, delayMs) =>
      logger.warn({ what, code: error.code, delayMs: Math.round(delayMs), reason: error.message }, 'waiting to start'),
  });
}

function unlessAborted<T>(signal: AbortSignal, what: string, start: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new WeirError('start_aborted', `Told to stop while starting: ${what}.`));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    start()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
