import type { Clock } from '../../core/clock.ts';
import { settledWithin } from '../../core/clock.ts';
import { WeirError, weirErrorFrom } from '../../core/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { RunAbandoned } from '../../core/run-abandoned.ts';
import { endDespiteRuns } from './end-despite-runs.ts';
import type { ModelThread, Run, ThreadReady } from './model-thread.ts';
import { recordsOf } from './records-of.ts';

/** The threads of a model at one moment, and what has happened to them. */
export interface ThreadStats {
  /** Threads that can take runs and have none. */
  readonly idle: number;
  /** Threads in a run. */
  readonly busy: number;
  /** Threads that load the model. */
  readonly starting: number;
  /** Threads that were given up and are still in their run. */
  readonly hung: number;
  /** Threads that have taken the place of another one. */
  readonly restarts: number;
  /** Runs that were given up. */
  readonly timeouts: number;
}

/** What a pool asks of a thread. */
export type PoolThread = Pick<ModelThread, 'ready' | 'gone' | 'start' | 'leave'>;

/** What a pool needs. */
export interface ThreadPoolOptions {
  /** For messages: name and version. */
  readonly model: string;
  readonly threads: number;
  /** How long a run may take. */
  readonly runTimeoutMs: number;
  /** Starts a thread. @param isFirst it has to measure the model */
  readonly spawn: (isFirst: boolean, onDeath: (error: Error) => void) => PoolThread;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A thread must have loaded the model, and the first one measured it, by then. */
const START_LIMIT_MS = 300_000;
/** How long `close` waits for runs under way. */
const CLOSE_MS = 5_000;
/**
 * Hung threads beyond one for each place, which take CPU from the rest of the worker for as long as they live; and threads that die with
 * no run in between that is scored: each replacement loads the model anew.
 */
const MORE_LOST = 3;

interface Job extends Run {
  /** Its thread has died once. */
  hasLostThread: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Gives runs to threads, one at a time each, first come, first served. A thread that does not answer in time is given up, one
 * that dies is gone; each is replaced at once.
 */
export class ThreadPool {
  private readonly options: ThreadPoolOptions;
  private readonly starting = new Set<PoolThread>();
  private readonly idle: PoolThread[] = [];
  private readonly busy = new Map<PoolThread, { readonly job: Job; readonly cancelDeadline: () => void }>();
  private readonly hung = new Set<PoolThread>();
  private readonly queue: Job[] = [];
  private restarts = 0;
  private timeouts = 0;
  /** Threads that have died since the last run that was scored. */
  private deaths = 0;
  private failure: WeirError | undefined;
  private closing: Promise<void> | undefined;
  /** Threads that were asked to end and have not. */
  private readonly leaving = new Set<PoolThread>();

  constructor(options: ThreadPoolOptions) {
    this.options = options;
    endDespiteRuns(this);
  }

  /** Starts the threads, the first one before the others. @returns what the first one says @throws WeirError */
  async start(): Promise<ThreadReady> {
    const ready = await this.add(true);
    await Promise.all(Array.from({ length: this.options.threads - 1 }, () => this.add(false)));
    return ready;
  }

  /** True while a thread may be in native code: the process must not end in the ordinary way then. */
  get isInRuntime(): boolean {
    return this.leaving.size > 0 || this.starting.size > 0 || this.busy.size > 0;
  }

  get stats(): ThreadStats {
    const { restarts, timeouts } = this;
    return { idle: this.idle.length, busy: this.busy.size, starting: this.starting.size, hung: this.hung.size, restarts, timeouts };
  }

  /**
   * Scores rows in one run.
   * @throws Error what the runtime says of the rows
   * @throws RunAbandoned when it did not answer in time, or took two threads with it
   * @throws WeirError `model_invalid`, `model_stalled`
   */
  run(run: Run): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.queue.push({ ...run, hasLostThread: false, resolve, reject });
      this.dispatch();
    });
  }

  /** Ends all threads; waits for runs under way, but not for long. Runs that wait are given up. */
  close(): Promise<void> {
    this.closing ??= this.leaveAll();
    return this.closing;
  }

  private async leaveAll(): Promise<void> {
    this.fail(new WeirError('model_invalid', `Model ${this.options.model} is closed.`));
    const threads = [...this.idle.splice(0), ...this.starting, ...this.busy.keys()];
    for (const { job, cancelDeadline } of this.busy.values()) {
      cancelDeadline();
      job.reject(this.failure!);
    }
    this.busy.clear();
    this.starting.clear();
    for (const thread of threads) this.leave(thread);
    await settledWithin(this.options.clock, CLOSE_MS, Promise.all(threads.map(({ gone }) => gone)));
  }

  /** Adds a thread, which takes runs once it is ready. @throws WeirError when it cannot start, or not in time */
  private async add(isFirst: boolean): Promise<ThreadReady> {
    const { clock, model, spawn } = this.options;
    const thread = spawn(isFirst, (error) => this.onDeath(thread, error));
    this.starting.add(thread);
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(START_LIMIT_MS, () => {
      if (this.starting.delete(thread)) this.leave(thread);
      late.reject(new WeirError('model_stalled', `A thread of model ${model} was not ready within ${START_LIMIT_MS / 1_000} s.`));
    });
    try {
      const ready = await Promise.race([thread.ready, late.promise]);
      if (this.starting.delete(thread)) this.free(thread);
      return ready;
    } finally {
      cancel();
      this.starting.delete(thread);
    }
  }

  private free(thread: PoolThread): void {
    this.idle.push(thread);
    this.dispatch();
  }

  private dispatch(): void {
    while (this.queue.length > 0 && this.idle.length > 0) this.begin(this.idle.pop()!, this.queue.shift()!);
  }

  private begin(thread: PoolThread, job: Job): void {
    const { clock, runTimeoutMs } = this.options;
    const cancelDeadline = clock.after(runTimeoutMs, () => {
      // When this process itself stood still, the answer is there by now and is read before this.
      setImmediate(() => this.busy.get(thread)?.job === job && this.giveUp(thread, job));
    });
    this.busy.set(thread, { job, cancelDeadline });
    const over = (settle: () => void): void => {
      cancelDeadline();
      this.busy.delete(thread);
      settle();
      this.free(thread);
    };
    const scored = (): void => {
      this.deaths = 0;
      over(job.resolve);
    };
    const failed = (error: Error): void => over(() => job.reject(error));
    try {
      thread.start(job, { scored, failed });
    } catch (thrown) {
      // No memory for the rows.
      failed(thrown as Error);
    }
  }

  private giveUp(thread: PoolThread, job: Job): void {
    const { model, runTimeoutMs, threads, logger } = this.options;
    this.busy.delete(thread);
    this.timeouts++;
    this.hung.add(thread);
    void thread.gone.then(() => this.hung.delete(thread));
    this.leave(thread);
    const fields = { model, runTimeoutMs, rows: job.toRow - job.fromRow, records: recordsOf(job), hung: this.hung.size };
    logger.warn(fields, 'a run of the model did not end in time: its thread is given up and replaced');
    if (this.hung.size > threads + MORE_LOST) {
      this.fail(
        new WeirError(
          'model_stalled',
          `${this.hung.size} threads of model ${model} have not ended runs that were given up after model.runTimeoutMs (${runTimeoutMs} ms), ` +
            `the last one with ${fields.records || 'no record'}; bound the columns in model.yaml, or raise model.runTimeoutMs if the model is that slow.`,
        ),
      );
    } else this.replace();
    job.reject(new RunAbandoned(`no answer within ${runTimeoutMs} ms (model.runTimeoutMs)`, [job]));
  }

  private onDeath(thread: PoolThread, error: Error): void {
    const { model, threads, logger } = this.options;
    const job = this.busy.get(thread)?.job;
    this.busy.get(thread)?.cancelDeadline();
    this.busy.delete(thread);
    const at = this.idle.indexOf(thread);
    if (at >= 0) this.idle.splice(at, 1);
    logger.warn(
      { model, reason: error.message, rows: job ? job.toRow - job.fromRow : 0, records: job ? recordsOf(job) : '' },
      'a thread of the model died: it is replaced',
    );
    this.deaths++;
    if (this.deaths > threads + MORE_LOST) {
      const what = `${this.deaths} threads of model ${model} have died one after the other, and none has scored a run`;
      this.fail(new WeirError('model_stalled', `${what}; the last one: ${error.message}.`));
    } else this.replace();
    if (!job) return;
    if (this.failure) job.reject(this.failure);
    else if (job.hasLostThread) job.reject(new RunAbandoned(`its thread died twice: ${error.message}`, [job]));
    else {
      job.hasLostThread = true;
      this.queue.unshift(job);
      this.dispatch();
    }
  }

  private replace(): void {
    if (this.failure) return;
    this.restarts++;
    this.add(false).catch((thrown: unknown) => this.fail(weirErrorFrom(thrown)));
  }

  /** From now on nothing is run any more. */
  private fail(error: WeirError): void {
    this.failure ??= error;
    for (const job of this.queue.splice(0)) job.reject(this.failure);
  }

  private leave(thread: PoolThread): void {
    this.leaving.add(thread);
    void thread.gone.then(() => this.leaving.delete(thread));
    thread.leave();
  }
}
