/**
 * A guarded extension of kafkajs 2.2.4: its request queue re-arms a timer for ever, even when nothing is pending, with a
 * delay that is negative (so 1 ms, and a warning of Node 24 on standard error). Four idle consumers cost 3.8 % of a core.
 * Here the timer is armed only when a request waits or the broker throttles.
 */
import { kafkajsInternal } from './guard.ts';

interface RequestQueueInternals {
  readonly pending: readonly unknown[];
  /** Wall-clock milliseconds; −1: not throttled. */
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

let isInstalled = false;

/**
 * Patches kafkajs once per process.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function installIdleTimerFix(): void {
  if (isInstalled) return;
  const queue = kafkajsInternal<{ prototype: RequestQueueInternals }>('src/network/requestQueue/index.js').prototype;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function scheduleIfNeeded(): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  isInstalled = true;
}
