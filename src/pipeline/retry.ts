import { type Clock, sleep } from '../core/clock.ts';
import { isRetriable, WeirError, weirErrorFrom } from '../core/errors.ts';

/** How long to wait between attempts. */
export interface RetryPolicy {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Give up (fatal) after this long without success; infinity waits for ever. */
  readonly giveUpAfterMs: number;
}

/**
 * 100 ms doubling to 2 s, for ever: an outage of Kafka or Redis is waited out, with heartbeats going on. Clients connect again within
 * 2 s of their own, so that work goes on less than 5 s after the end of an outage, however long it was.
 */
export const DEFAULT_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 2_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/** What `retrying` needs besides the work. */
export interface RetryOptions {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onRetry: (error: WeirError, delayMs: number) => void;
}

/**
 * Calls `attempt` until it succeeds. Only errors whose kind is `retriable` are waited out, with jitter; any other is
 * rethrown at once. An attempt that succeeds synchronously costs no promise, and its duration is its own: an await
 * would count what other batches do meanwhile.
 * @throws WeirError the last error, when it is not retriable, when `signal` aborts, or when the policy gives up
 */
export function retrying<T>(attempt: () => T | Promise<T>, options: RetryOptions): T | Promise<T> {
  const startedMs = options.clock.monotonicMs();
  try {
    const result = attempt();
    return result instanceof Promise ? result.catch((thrown: unknown) => retryAfter(thrown, attempt, options, startedMs)) : result;
  } catch (thrown) {
    return retryAfter(thrown, attempt, options, startedMs);
  }
}

async function retryAfter<T>(first: unknown, attempt: () => T | Promise<T>, options: RetryOptions, startedMs: number): Promise<T> {
  const { policy, clock, signal, onRetry } = options;
  let error = weirErrorFrom(first);
  for (let tries = 0; ; tries++) {
    if (!isRetriable(error) || signal.aborted) throw error;
    const waitedMs = clock.monotonicMs() - startedMs;
    if (waitedMs >= policy.giveUpAfterMs) {
      throw new WeirError('unknown', `Gave up after ${Math.round(waitedMs / 1000)} s: ${error.message}`, { cause: error });
    }
    const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(tries, 20));
    const delayMs = ceiling * (0.5 + Math.random() / 2);
    onRetry(error, delayMs);
    await sleep(clock, delayMs, signal);
    try {
      return await attempt();
    } catch (thrown) {
      error = weirErrorFrom(thrown);
    }
  }
}
