import type { GroupMemberId } from '../../../../src/app/pool-place.ts';
import { ManualClock } from '../../../../src/core/clock.ts';
import { silentLogger } from '../../../../src/core/silent.ts';
import type { RestartReason } from '../../../../src/ops/index.ts';
import type { FromWorker, ScrapeMessage } from '../../../../src/cli/pool/messages.ts';
import type { ProcessEnd } from '../../../../src/cli/pool/restarts.ts';
import type { ProcessEvents } from '../../../../src/cli/pool/seat.ts';
import { Supervisor, type SupervisorOptions } from '../../../../src/cli/pool/supervisor.ts';

/** A worker process that does what the test says. */
export class FakeProcess {
  readonly worker: number;
  readonly pid: number;
  readonly signals: string[] = [];
  readonly questions: ScrapeMessage[] = [];
  isRunning = true;
  readonly predecessors: readonly GroupMemberId[];
  private readonly events: ProcessEvents;

  constructor(worker: number, pid: number, { events, predecessors }: { events: ProcessEvents; predecessors: readonly GroupMemberId[] }) {
    this.worker = worker;
    this.pid = pid;
    this.events = events;
    this.predecessors = predecessors;
  }

  send(message: ScrapeMessage): void {
    this.questions.push(message);
  }

  /** SIGKILL ends it at once, as the kernel does; SIGTERM is only noted. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.signals.push(signal);
    if (signal === 'SIGKILL') this.dies('SIGKILL');
  }

  says(message: FromWorker): void {
    this.events.onMessage(message);
  }

  isReady(): void {
    this.says({ kind: 'state', ready: true, reasons: [], members: [] });
  }

  exits(exitCode: number): void {
    this.ends({ exitCode, signal: null });
  }

  dies(signal: NodeJS.Signals): void {
    this.ends({ exitCode: null, signal });
  }

  ends(end: ProcessEnd): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.events.onEnd(end);
  }
}

/** A supervisor of fake processes on a clock that the test moves. Its jitter is the longest delay. */
export class FakePool {
  readonly clock = new ManualClock();
  readonly started: FakeProcess[] = [];
  readonly restarts: [worker: number, reason: RestartReason][] = [];
  readonly stop = new AbortController();
  readonly supervisor: Supervisor;
  /** How it ended: 'clean', or the error. */
  outcome: unknown;
  private readonly ended: Promise<void>;

  constructor(workers: number, options: Partial<SupervisorOptions> = {}) {
    this.supervisor = new Supervisor({
      workers,
      startProcess: (worker, events, predecessors) => {
        const process = new FakeProcess(worker, 1_000 + this.started.length, { events, predecessors });
        this.started.push(process);
        return process;
      },
      drainMs: 37_000,
      onRestart: (worker, reason) => void this.restarts.push([worker, reason]),
      clock: this.clock,
      logger: silentLogger,
      random: () => 1,
      ...options,
    });
    this.ended = this.supervisor.run(this.stop.signal).then(
      () => void (this.outcome = 'clean'),
      (error: unknown) => void (this.outcome = error),
    );
  }

  /** The process of the moment of a worker. */
  of(worker: number): FakeProcess {
    return this.started.findLast((process) => process.worker === worker)!;
  }

  /** Moves time on in steps in which every worker that runs and is not silent says that it is ready. */
  passes(ms: number, silent: readonly number[] = []): void {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(left, 500));
      for (const process of this.started) if (process.isRunning && !silent.includes(process.worker)) process.isReady();
    }
  }

  /** The outcome, once all workers have ended. */
  async end(): Promise<unknown> {
    await this.ended;
    return this.outcome;
  }
}
