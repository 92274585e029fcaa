import type { GroupMemberId } from '../../app/pool-place.ts';
import type { Clock } from '../../core/clock.ts';
import { WeirError } from '../../core/errors.ts';
import type { WorkerState } from '../../ops/index.ts';
import { EXIT_CODES } from '../failure.ts';
import type { FailedMessage, FromWorker, ScrapeMessage } from './messages.ts';
import { endText, isFatal, type ProcessEnd } from './restarts.ts';

/** A worker process as the supervisor sees it. */
export interface WorkerProcess {
  /** Undefined when it could not be made. */
  readonly pid: number | undefined;
  /** Does nothing when the process has gone. */
  send(message: ScrapeMessage): void;
  /** Does nothing when the process has gone. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** What a worker process tells; never called from within `StartProcess`. */
export interface ProcessEvents {
  onMessage(message: FromWorker): void;
  /** Called once, after the last message. */
  onEnd(end: ProcessEnd): void;
}

/**
 * Starts the process of the worker with this number. Never throws: what goes wrong is an end.
 * @param predecessors what the last process with this number was in its consumer groups
 */
export type StartProcess = (worker: number, events: ProcessEvents, predecessors: readonly GroupMemberId[]) => WorkerProcess;

/** One worker of a pool: its process of the moment, and what it says of itself. */
export class Seat {
  readonly index: number;
  state: WorkerState = 'restarting';
  /** Ticks of the supervisor since the process said anything. Ticks, not time: none pass while the whole machine stands still. */
  silentTicks = 0;
  /** True once the supervisor has killed the process of the moment for standing still. */
  wasSilent = false;
  private readonly clock: Clock;
  private process: WorkerProcess | undefined;
  private readySinceMs: number | undefined;
  private reasons: readonly string[] | undefined;
  /** What any process on this seat was last, by group. */
  private readonly members = new Map<string, GroupMemberId>();
  private failed: FailedMessage | undefined;
  private hasDrained = false;
  private lastQuestion = 0;
  private readonly questions = new Map<number, (page: string | undefined) => void>();

  constructor(index: number, clock: Clock) {
    this.index = index;
    this.clock = clock;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** True when it has said something since its start: from then on it takes orders. */
  get hasSpoken(): boolean {
    return this.reasons !== undefined;
  }

  /** True for an end that the worker itself decided on, as one that cannot go on. */
  isFatal(end: ProcessEnd): boolean {
    // A signal may hit a process that is on its way out.
    return isFatal(end) || this.failed !== undefined;
  }

  /** True when nothing was left in flight at this end: it drained, or it had not begun to listen for signals, let alone to work. */
  isClean({ exitCode, signal }: ProcessEnd): boolean {
    return exitCode === EXIT_CODES.ok || ((signal === 'SIGTERM' || signal === 'SIGINT') && (this.hasDrained || !this.hasSpoken));
  }

  /** Milliseconds since it first was ready, 0 when it never was. */
  get readyMs(): number {
    return this.readySinceMs === undefined ? 0 : this.clock.monotonicMs() - this.readySinceMs;
  }

  /** Puts a new process on the seat. @param onEnd its end, after all it had to say */
  start(startProcess: StartProcess, onEnd: (end: ProcessEnd) => void): void {
    this.state = 'starting';
    this.silentTicks = 0;
    this.wasSilent = false;
    this.readySinceMs = undefined;
    this.reasons = undefined;
    this.failed = undefined;
    this.hasDrained = false;
    const events: ProcessEvents = {
      onMessage: (message) => this.onMessage(message),
      onEnd: (end) => {
        this.process = undefined;
        for (const answer of this.questions.values()) answer(undefined);
        onEnd(end);
      },
    };
    this.process = startProcess(this.index, events, [...this.members.values()]);
  }

  /** Does nothing when there is no process. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.process?.kill(signal);
  }

  /** What it waits for; empty when it is ready. */
  waitsFor(maxSilentTicks: number): readonly string[] {
    if (this.state === 'restarting') return ['has died and will be started again'];
    if (this.state === 'draining' || this.state === 'ended') return ['is told to stop'];
    if (this.reasons === undefined) return ['starting'];
    return this.silentTicks > maxSilentTicks ? ['does not answer'] : this.reasons;
  }

  /** Its page of metrics; undefined when it does not answer in time. Only for one that has spoken. */
  metrics(deadlineMs: number): Promise<string | undefined> {
    const id = ++this.lastQuestion;
    return new Promise((resolve) => {
      const answer = (page: string | undefined): void => {
        cancel();
        this.questions.delete(id);
        resolve(page);
      };
      const cancel = this.clock.after(deadlineMs, () => answer(undefined));
      this.questions.set(id, answer);
      this.process?.send({ kind: 'scrape', id });
    });
  }

  /** The error with which it ended the pool: its own words, when it had any. */
  errorOf(end: ProcessEnd): WeirError {
    if (this.failed) return new WeirError(this.failed.code, `Worker ${this.index}: ${this.failed.message}`);
    // The exit code of the pool is that of the worker.
    const code = end.exitCode === EXIT_CODES.usage ? 'config_invalid' : end.exitCode === EXIT_CODES.fatal ? 'unknown' : 'worker_crashed';
    return new WeirError(code, `Worker ${this.index}: ${endText(end)}; its last lines in the log may say why.`);
  }

  private onMessage(message: FromWorker): void {
    this.silentTicks = 0;
    if (message.kind === 'failed') this.failed = message;
    if (message.kind === 'drained') this.hasDrained = true;
    if (message.kind === 'metrics') this.questions.get(message.id)?.(message.page);
    if (message.kind !== 'state') return;
    for (const member of message.members) this.members.set(member.groupId, member);
    this.reasons = message.ready ? [] : message.reasons;
    if (!message.ready) return;
    this.readySinceMs ??= this.clock.monotonicMs();
    if (this.state === 'starting') this.state = 'running';
  }
}
