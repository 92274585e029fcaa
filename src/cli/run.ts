import { runWorker } from '../app/worker.ts';
import { loadPipelineFile } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { createLogger } from '../ops/index.ts';

/** Options of `weir run`. */
export interface RunOptions {
  /** Path of the pipeline file. */
  readonly config: string;
}

/** Exit code when SIGTERM could not be honoured within `shutdownTimeoutMs`. */
const EXIT_SHUTDOWN_TIMEOUT = 1;

/** After the drain has timed out: time to leave the group, so that its partitions need not wait for the session to end. */
const LEAVE_MS = 5_000;

/**
 * `weir run`: one worker, until SIGTERM or SIGINT (then it drains) or until it cannot go on.
 * @returns the exit code
 * @throws WeirError what ended the worker
 */
export async function runCommand({ config: path }: RunOptions): Promise<number> {
  const config = loadPipelineFile(path, process.env);
  const logger = createLogger({ level: config.ops.logLevel, name: config.name });
  const stop = new AbortController();
  let cancelExit = (): void => {};
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      logger.warn({ signal }, 'second signal: stopping at once; what was in flight is scored again by the next owner');
      process.exit(EXIT_SHUTDOWN_TIMEOUT);
    }
    logger.info({ signal, shutdownTimeoutMs: config.shutdownTimeoutMs }, 'draining');
    stop.abort();
    cancelExit = systemClock.after(config.shutdownTimeoutMs + LEAVE_MS, () => {
      logger.error(
        { shutdownTimeoutMs: config.shutdownTimeoutMs },
        'did not drain in time; what was in flight is scored again by the next owner',
      );
      process.exit(EXIT_SHUTDOWN_TIMEOUT);
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await runWorker(config, logger, stop.signal);
  } finally {
    cancelExit();
  }
  return 0;
}
