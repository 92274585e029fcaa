/** What processes cost, out of /proc: Linux only. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What /proc/<pid>/stat says of a process. */
interface ProcessState {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly hasEnded: boolean;
  /** User and system time of all its threads, and of its children that have ended. */
  readonly cpuSeconds: number;
}

let ticksPerSecond: number | undefined;

function ticks(): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticksPerSecond;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** Fields are numbered as in proc_pid_stat(5). */
function stateOf(pid: number): ProcessState | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name of the program stands in parentheses and may hold anything; field 3, the state, comes after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X';
  return { pid, parent: Number(fields[1]), group: Number(fields[2]), hasEnded, cpuSeconds: cpuTicks / ticks() };
}

function allProcesses(): ProcessState[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (stateOf(Number(name)) ?? []) : []));
}

/** The processes of a group, and all that descend from them, in groups of their own or not. */
export function processesOf(group: number): number[] {
  const all = allProcesses();
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found = new Set(all.flatMap((process) => (process.group === group ? process.pid : [])));
  // The set grows while it is walked.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child.pid);
  return [...found];
}

/** True while one of the processes runs. One that has ended and that nobody has asked about does not. */
export function isAnyRunning(pids: readonly number[]): boolean {
  return pids.some((pid) => stateOf(pid)?.hasEnded === false);
}

/** CPU time that the processes have had until now. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (stateOf(pid)?.cpuSeconds ?? 0), 0);
}

/** Resident memory; pages that processes share count for each of them. */
export function residentMbOf(pids: readonly number[]): number {
  const kibibytes = pids.map((pid) => /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
  return (kibibytes.reduce<number>((sum, value) => sum + Number(value), 0) * 1024) / 1e6;
}

/** CPU time of everything on the machine. */
export function busySeconds(): number {
  // user, nice, system, idle, iowait, irq, softirq, steal
  const times = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))![1]!.split(' ').slice(0, 8).map(Number);
  return (times.reduce((sum, time) => sum + time, 0) - times[3]! - times[4]!) / ticks();
}
