import { type Clock, settledWithin } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';

/** How long a rebalance may be held up. */
export interface SettlingOptions {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Settles what is in flight before partitions are given back, within half the shorter time-out: it must never cost us the
 * membership.
 * @returns true when all of it is settled and committed
 */
export async function settleBeforeRejoin(settle: () => Promise<void>, options: SettlingOptions): Promise<boolean> {
  const { sessionTimeoutMs, rebalanceTimeoutMs, clock, logger } = options;
  const limitMs = Math.min(sessionTimeoutMs, rebalanceTimeoutMs) / 2;
  const startedMs = clock.monotonicMs();
  const settled = settle().then(
    () => true,
    (thrown: unknown) => {
      logger.warn({ reason: String(thrown) }, 'could not settle everything before the rebalance; it will be read again');
      return false;
    },
  );
  const isSettled = (await settledWithin(clock, limitMs, settled)) && (await settled);
  logger.info({ settledMs: Math.round(clock.monotonicMs() - startedMs), isSettled }, 'rebalance: joining again');
  return isSettled;
}
