/**
 * The metrics of a pool of workers (`weir run --workers`), beside those of the workers themselves in `catalogue.ts`.
 * `docs/reference/metrics.md` is generated from both.
 */
import type { MetricEntry } from './catalogue.ts';

/**
 * What a worker of a pool can be at: its process runs and has not been ready yet; runs and has been; has died and waits to be
 * started again; was told to stop; is gone for good.
 */
export const WORKER_STATES = ['starting', 'running', 'restarting', 'draining', 'ended'] as const;

/** One of `WORKER_STATES`. */
export type WorkerState = (typeof WORKER_STATES)[number];

/**
 * Why a worker of a pool is started again: SIGKILL (of the kernel for want of memory, or of a person); another signal or
 * exit code that is no decision of its own; it stood still and the pool killed it; somebody else told it to stop; its process
 * could not be made.
 */
export const RESTART_REASONS = ['killed', 'crashed', 'unresponsive', 'stopped', 'not_started'] as const;

/** One of `RESTART_REASONS`. */
export type RestartReason = (typeof RESTART_REASONS)[number];

/** Every metric of the pool by the name that code uses. */
export const POOL_METRICS = {
  workers: {
    name: 'weir_pool_workers',
    type: 'gauge',
    labels: ['state'],
    unit: 'processes',
    help: `Workers of the pool, by state (${WORKER_STATES.join(', ')}).`,
  },
  restarts: {
    name: 'weir_pool_restarts_total',
    type: 'counter',
    labels: ['worker', 'reason'],
    unit: 'restarts',
    help: `Deaths of a worker after which it is started again, by reason (${RESTART_REASONS.join(', ')}).`,
  },
  scrapeFailures: {
    name: 'weir_pool_scrape_failures_total',
    type: 'counter',
    labels: ['worker'],
    unit: 'scrapes',
    help: 'Scrapes in which a worker did not answer in time; its series are not on that page.',
  },
} as const satisfies Record<string, MetricEntry>;
