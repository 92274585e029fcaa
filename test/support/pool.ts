import { execFileSync } from 'node:child_process';

/** A line that a pool of workers wrote to standard error. */
export interface LogLine {
  readonly msg: string;
  readonly pid: number;
  /** Of a worker: its number. Of the supervisor: the worker that it speaks of. */
  readonly worker?: number;
  /** Of the supervisor, when it has started a worker. */
  readonly workerPid?: number;
  readonly transactionalId?: string;
}

/** The log of a pool, of which every line must be JSON. */
export function logLines(log: string): LogLine[] {
  return log
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine);
}

/** Process ids of the workers that a pool has started, by worker, in order. */
export function workerPids(log: string): Map<number, number[]> {
  const pids = new Map<number, number[]>();
  for (const [, worker, pid] of log.matchAll(/"worker":(\d+),"workerPid":(\d+)/g)) {
    pids.set(Number(worker), [...(pids.get(Number(worker)) ?? []), Number(pid)]);
  }
  return pids;
}

/** True while the process runs. A zombie (an orphan in a container whose first process does not reap) has ended. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return state !== '' && !state.startsWith('Z');
  } catch {
    return false;
  }
}
