import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { DevServicesError } from './errors.ts';
import { guardItem, releaseItem } from './guard.ts';

/** A child process that never outlives this one (see `guard.ts`). */
export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  /** The file that stdout and stderr go to. */
  readonly logFile: string;
  /** Resolves when the process has ended, with how: `exit 0`, `SIGKILL`. */
  readonly outcome: Promise<string>;
  hasEnded(): boolean;
  /** Sends a signal and returns at once; does nothing after the end. */
  kill(signal: NodeJS.Signals): void;
  /** Ends the process: SIGTERM and, after `graceMs`, SIGKILL. Resolves after its end. */
  stop(graceMs?: number): Promise<void>;
  /** Lets the process outlive this one. */
  release(): void;
}

/** What to run. The log is a file, not a pipe, so that a released process can go on writing. */
export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Starts a process in a session of its own, so that Ctrl-C reaches it only through its owner.
 * @throws DevServicesError when the program cannot be started
 */
export async function startProcess(options: ProcessOptions): Promise<ServiceProcess> {
  const { name, command, args, logFile } = options;
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let over = false;
  const outcome = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      over = true;
      resolve(signal ?? `exit ${code}`);
    });
  });
  guardChild(child);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new DevServicesError(`${name} could not be started: ${cause.message}`, { cause })));
  });
  const pid = child.pid as number;
  const kill = (signal: NodeJS.Signals): void => {
    if (!over) child.kill(signal);
  };
  return {
    name,
    pid,
    logFile,
    outcome,
    hasEnded: () => over,
    kill,
    async stop(graceMs = 10_000) {
      kill('SIGTERM');
      kill('SIGCONT'); // a process that a test froze with SIGSTOP cannot act on SIGTERM
      const hard = setTimeout(() => kill('SIGKILL'), graceMs);
      await outcome;
      clearTimeout(hard);
    },
    release() {
      child.unref();
      releaseItem(`pid:${pid}`);
    },
  };
}

/** Has a child end with this process, however this one ends (see `guard.ts`), until it has ended by itself. */
export function guardChild(child: ChildProcess): void {
  if (child.pid === undefined) return; // could not be started
  const item = `pid:${child.pid}` as const;
  guardItem(item);
  child.once('exit', () => releaseItem(item));
}

/** The last lines of a log file, for an error message; empty when there is none. */
export function tailOf(file: string, lines = 15): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * Waits until a started process is ready to serve.
 * @throws DevServicesError with the end of the log, when the process ends or the time is up
 */
export async function waitUntilReady(
  service: ServiceProcess,
  isReady: () => boolean | Promise<boolean>,
  options: { readonly timeoutMs: number; readonly pollMs?: number },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!(await isReady())) {
    if (service.hasEnded()) throw new DevServicesError(`${service.name} ended while starting. Its last words:\n${tailOf(service.logFile)}`);
    if (performance.now() > deadline) {
      throw new DevServicesError(
        `${service.name} was not ready after ${Math.round(options.timeoutMs / 1000)} s. Its last words:\n${tailOf(service.logFile)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, options.pollMs ?? 50));
  }
}
