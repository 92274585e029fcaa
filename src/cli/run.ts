import { availableParallelism } from 'node:os';
import type { GroupMemberId, PoolPlace } from '../app/pool-place.ts';
import { loadPipelineFile, type PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import { createLogger } from '../ops/index.ts';
import { groupMembers } from './pool/messages.ts';
import { PoolMember } from './pool/member.ts';
import { startPool } from './pool/pool.ts';

/** Options of `weir run`. */
export interface RunOptions {
  /** Path of the pipeline file. */
  readonly config: string;
  /** Worker processes; auto: one for each CPU. Default 1: this process. */
  readonly workers?: number | 'auto';
  /** Number of this worker in the pool that has started it. */
  readonly worker?: number;
  /** What the worker that died in the place of this one was in its consumer groups, as JSON. */
  readonly predecessors?: string;
}

/** Exit code when SIGTERM could not be honoured within `shutdownTimeoutMs`. */
const EXIT_SHUTDOWN_TIMEOUT = 1;

/** After the drain has timed out: time to leave the group, so that its partitions need not wait for the session to end. */
const LEAVE_MS = 5_000;

/** After that: time for the workers of a pool to say so and end. With `shutdownTimeoutMs` and the above still below 10 s more. */
const POOL_MARGIN_MS = 2_000;

/**
 * `weir run`: one worker, or a pool of worker processes, until SIGTERM or SIGINT (then all drain) or until it cannot go on.
 * @returns the exit code
 * @throws WeirError what ended the worker or the pool
 */
export async function runCommand({ config, workers = 1, worker, predecessors = '[]' }: RunOptions): Promise<number> {
  if (worker !== undefined) return runPoolWorker(config, worker, groupMembers(JSON.parse(predecessors)));
  const count = workers === 'auto' ? availableParallelism() : workers;
  return count === 1 ? runAlone(config) : runPool(config, count);
}

async function runAlone(path: string): Promise<number> {
  const config = loadPipelineFile(path, process.env);
  const logger = createLogger({ level: config.ops.logLevel, name: config.name });
  const stop = stopOnSignals(config, logger, () => {});
  await runToEnd(config, logger, stop.signal, undefined);
  return 0;
}

/** One of a pool. The terminal's Ctrl-C reaches it beside its supervisor's SIGTERM, so no second signal is an order to hurry: that is SIGKILL. */
async function runPoolWorker(path: string, index: number, predecessors: readonly GroupMemberId[]): Promise<number> {
  const stop = new AbortController();
  let logger: Logger | undefined;
  const drain = (reason: string): void => {
    if (!stop.signal.aborted) logger?.info({ reason }, 'draining');
    stop.abort();
  };
  process.on('SIGTERM', drain);
  process.on('SIGINT', drain);
  // With the supervisor goes who reads what we write, and that must not end the drain.
  process.stderr.on('error', () => {});
  const onOrphaned = (): void => drain('the supervisor is gone');
  const member = new PoolMember({ index, predecessors, channel: process, clock: systemClock, onOrphaned });
  try {
    const config = loadPipelineFile(path, process.env);
    logger = createLogger({ level: config.ops.logLevel, name: config.name, bindings: { worker: index } });
    await runToEnd(config, logger, stop.signal, member);
    await member.drained();
  } catch (thrown) {
    await member.fail(thrown);
    throw thrown;
  } finally {
    member.close();
  }
  return 0;
}

async function runPool(path: string, workers: number): Promise<number> {
  const config = loadPipelineFile(path, process.env);
  const logger = createLogger({ level: config.ops.logLevel, name: config.name });
  const stop = stopOnSignals(config, logger, () => pool.killAll());
  const drainMs = config.shutdownTimeoutMs + LEAVE_MS + POOL_MARGIN_MS;
  const pool = startPool({ config, workers, drainMs, stop: stop.signal, logger });
  await pool.ended;
  return 0;
}

/** Aborts with the first SIGTERM or SIGINT; the second ends the process. @param beforeExit what must be done even then */
function stopOnSignals({ shutdownTimeoutMs }: PipelineConfig, logger: Logger, beforeExit: () => void): AbortController {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      logger.warn({ signal }, 'second signal: stopping at once; what was in flight is scored again by the next owner');
      beforeExit();
      process.exit(EXIT_SHUTDOWN_TIMEOUT);
    }
    logger.info({ signal, shutdownTimeoutMs }, 'draining');
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop;
}

/** Runs a worker to its end, which must come within `shutdownTimeoutMs` after `stop`: else the process ends. @throws WeirError */
async function runToEnd(config: PipelineConfig, logger: Logger, stop: AbortSignal, place: PoolPlace | undefined): Promise<void> {
  const { shutdownTimeoutMs } = config;
  let cancelExit = (): void => {};
  const onStop = (): void => {
    cancelExit = systemClock.after(shutdownTimeoutMs + LEAVE_MS, () => {
      logger.error({ shutdownTimeoutMs }, 'did not drain in time; what was in flight is scored again by the next owner');
      process.exit(EXIT_SHUTDOWN_TIMEOUT);
    });
  };
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    // Not at the top: a supervisor needs none of the libraries of a worker, nor their memory.
    const { runWorker } = await import('../app/worker.ts');
    await runWorker(config, logger, stop, place ? { place } : {});
  } finally {
    cancelExit();
  }
}
