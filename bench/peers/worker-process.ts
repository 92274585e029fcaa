/** A worker as a process group of its own, with all that it starts. */
import { startProcess, tailOf } from '../../src/dev/process.ts';
import { isAnyRunning, processesOf } from './processes.ts';

const GRACE_MS = 8_000;

/** A worker that runs. */
export interface WorkerProcess {
  readonly pid: number;
  /** @throws Error with the last words of the worker, when it has ended */
  assertAlive(): void;
  /** What it wrote last, for the message of an error. */
  lastWords(): string;
  /** SIGTERM to all its processes and, after 8 s, SIGKILL. Resolves when none is left; does nothing the second time. */
  stop(): Promise<void>;
}

/**
 * Starts a worker with `sh -c`; what it writes goes to a file.
 * @throws DevServicesError when there is no shell
 */
export async function startWorker(name: string, command: string, env: NodeJS.ProcessEnv, logFile: string): Promise<WorkerProcess> {
  const shell = await startProcess({ name, command: 'sh', args: ['-c', command], env, logFile });
  const signal = (which: NodeJS.Signals, pids: readonly number[]): void => {
    for (const pid of pids) {
      try {
        process.kill(pid, which);
      } catch {
        // It has ended meanwhile.
      }
    }
  };
  // Ends what the guard of `startProcess` does not know of, in case this process ends in the midst of it all.
  const kill = (): void => signal('SIGKILL', processesOf(shell.pid));
  process.once('exit', kill);
  const lastWords = (): string => `Last words of ${name}:\n${tailOf(logFile) || '(none)'}`;
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    // Looked up before any ends: a child that left the group is found by its parent.
    const pids = processesOf(shell.pid);
    signal('SIGTERM', pids);
    for (const deadlineMs = performance.now() + GRACE_MS; isAnyRunning(pids); ) {
      if (performance.now() > deadlineMs) signal('SIGKILL', pids);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await shell.outcome;
    process.off('exit', kill);
  };
  return {
    pid: shell.pid,
    assertAlive() {
      if (shell.hasEnded()) throw new Error(`${name} has ended by itself. ${lastWords()}`);
    },
    lastWords,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
