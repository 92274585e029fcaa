import type { PipelineConfig } from '../../config/index.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/ports.ts';
import { createPoolMetrics, startOpsServer } from '../../ops/index.ts';
import { startWorkerProcess } from './process.ts';
import { Supervisor } from './supervisor.ts';

/** A pool that runs. */
export interface Pool {
  /** Resolves when all workers have ended cleanly after `stop`. Rejects with a WeirError why not. */
  readonly ended: Promise<void>;
  /** SIGKILL to every worker. */
  killAll(): void;
}

/** What a pool is made of. */
export interface PoolOptions {
  readonly config: PipelineConfig;
  readonly workers: number;
  /** From SIGTERM to SIGKILL; longer than the workers themselves take to give up. */
  readonly drainMs: number;
  readonly stop: AbortSignal;
  readonly logger: Logger;
}

/** Starts the workers of a pool and the ops server that speaks for all of them. */
export function startPool({ config, workers, drainMs, stop, logger }: PoolOptions): Pool {
  // Whoever reads our output may go; the workers go on, as one worker alone does.
  const ignore = (): void => {};
  process.stderr.on('error', ignore);
  const output = { stdout: (text: string) => process.stdout.write(text), stderr: (text: string) => process.stderr.write(text) };
  const supervisor = new Supervisor({
    workers,
    startProcess: (worker, events, predecessors) => startWorkerProcess(worker, events, { predecessors, output }),
    drainMs,
    onRestart: (worker, reason) => metrics.restarted(worker, reason),
    clock: systemClock,
    logger,
  });
  const metrics = createPoolMetrics({ workers, states: () => supervisor.states(), scrape: () => supervisor.scrape() });
  const run = async (): Promise<void> => {
    const server = await startOpsServer({ ...config.ops, metrics, health: supervisor.health, logger });
    try {
      await supervisor.run(stop);
      logger.info({ workers }, 'stopped: all workers have ended cleanly');
    } finally {
      await server.close();
    }
  };
  return { ended: run(), killAll: () => supervisor.killAll() };
}
