import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { mergePages } from './metrics-pages.ts';
import type { MetricEntry } from './catalogue.ts';
import { POOL_METRICS, RESTART_REASONS, type RestartReason, WORKER_STATES, type WorkerState } from './pool-catalogue.ts';
import type { MetricsPage } from './server.ts';

/** Value of the label `worker` of the `process_*` and `nodejs_*` metrics of the process that supervises. */
export const SUPERVISOR_LABEL = 'supervisor';

/** Page of one worker. */
export interface WorkerPage {
  readonly worker: number;
  /** Undefined: it did not answer in time. */
  readonly page: string | undefined;
}

/** What the metrics of a pool are made of. */
export interface PoolMetricsOptions {
  /** Number of workers. */
  readonly workers: number;
  /** States of all workers now. */
  states(): Iterable<WorkerState>;
  /** Asks the workers that can be asked for their pages. */
  scrape(): Promise<readonly WorkerPage[]>;
}

/** The page of a pool: its own metrics, and those of all workers that answer. */
export interface PoolMetrics extends MetricsPage {
  /** A worker died and will be started again. */
  restarted(worker: number, reason: RestartReason): void;
}

/** Makes the metrics of a pool. */
export function createPoolMetrics({ workers, states, scrape }: PoolMetricsOptions): PoolMetrics {
  const registry = new Registry();
  const own = new Registry();
  own.setDefaultLabels({ worker: SUPERVISOR_LABEL });
  collectDefaultMetrics({ register: own });
  const workersByState = new Gauge({ ...promOptions(POOL_METRICS.workers), registers: [registry] });
  const restarts = new Counter({ ...promOptions(POOL_METRICS.restarts), registers: [registry] });
  const scrapeFailures = new Counter({ ...promOptions(POOL_METRICS.scrapeFailures), registers: [registry] });
  // Series that exist from the start can be alerted on: rate() sees the step from 0 to 1.
  for (let worker = 0; worker < workers; worker++) {
    for (const reason of RESTART_REASONS) restarts.inc({ worker: String(worker), reason }, 0);
    scrapeFailures.inc({ worker: String(worker) }, 0);
  }
  return {
    contentType: registry.contentType,
    restarted: (worker, reason) => restarts.inc({ worker: String(worker), reason }),
    async metrics() {
      const pages = await scrape();
      for (const { worker, page } of pages) if (page === undefined) scrapeFailures.inc({ worker: String(worker) });
      const counts = new Map<WorkerState, number>(WORKER_STATES.map((state) => [state, 0]));
      for (const state of states()) counts.set(state, counts.get(state)! + 1);
      for (const [state, count] of counts) workersByState.set({ state }, count);
      return mergePages([await registry.metrics(), await own.metrics(), ...pages.map(({ page = '' }) => page)]);
    },
  };
}

function promOptions({ name, help, labels }: MetricEntry): { name: string; help: string; labelNames: string[] } {
  return { name, help, labelNames: [...labels] };
}
