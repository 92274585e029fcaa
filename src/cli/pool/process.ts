import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { GroupMemberId } from '../../app/pool-place.ts';
import { WorkerLines } from './lines.ts';
import { fromWorker } from './messages.ts';
import type { ProcessEnd } from './restarts.ts';
import type { ProcessEvents, WorkerProcess } from './seat.ts';

/** Where what workers write goes. */
export interface PoolOutput {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** How to call this program again as worker of a pool: `node [options] main.js run … --worker <n>`. */
export function workerArgs(
  worker: number,
  predecessors: readonly GroupMemberId[],
  { execArgv, argv }: Pick<NodeJS.Process, 'execArgv' | 'argv'>,
): string[] {
  // A port of the debugger can be had once only.
  const options = execArgv.filter((option) => !option.startsWith('--inspect'));
  return [
    ...options,
    ...argv.slice(1),
    `--worker=${worker}`,
    ...(predecessors.length === 0 ? [] : [`--predecessors=${JSON.stringify(predecessors)}`]),
  ];
}

/**
 * Starts a worker of a pool as a process of its own, with a channel for messages and its output through ours. The process
 * notices by the channel when this one is gone, and drains.
 */
export function startWorkerProcess(
  worker: number,
  events: ProcessEvents,
  { predecessors, output }: { readonly predecessors: readonly GroupMemberId[]; readonly output: PoolOutput },
): WorkerProcess {
  let hasEnded = false;
  const end = (how: ProcessEnd): void => {
    if (hasEnded) return;
    hasEnded = true;
    events.onEnd(how);
  };
  const notStarted = (thrown: unknown): void =>
    end({ exitCode: null, signal: null, notStarted: thrown instanceof Error ? thrown.message : String(thrown) });
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, workerArgs(worker, predecessors, process), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  } catch (thrown) {
    queueMicrotask(() => notStarted(thrown));
    return { pid: undefined, send: () => {}, kill: () => {} };
  }
  child.on('error', (error) => {
    // Else a message or a signal could not be delivered: the end is on its way.
    if (child.pid === undefined) notStarted(error);
  });
  child.on('message', (message) => {
    const known = fromWorker(message);
    if (known) events.onMessage(known);
  });
  // Not 'exit': by then it may have said things that are not read yet.
  child.on('close', (exitCode, signal) => end({ exitCode, signal }));
  passOn(child.stdout, new WorkerLines(worker, output.stdout));
  passOn(child.stderr, new WorkerLines(worker, output.stderr));
  return {
    pid: child.pid,
    send(message) {
      if (child.connected) child.send(message, () => {});
    },
    kill: (signal) => void child.kill(signal),
  };
}

/** Streams are absent when there were no file descriptors left for them. */
function passOn(stream: Readable | null | undefined, lines: WorkerLines): void {
  stream?.setEncoding('utf8');
  stream?.on('data', (text: string) => lines.push(text));
  stream?.on('end', () => lines.end());
}
