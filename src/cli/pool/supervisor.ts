import type { Clock } from '../../core/clock.ts';
import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/ports.ts';
import type { Health, RestartReason, WorkerPage, WorkerState } from '../../ops/index.ts';
import { STATE_EVERY_MS } from './messages.ts';
import { DEFAULT_RESTARTS, endText, type ProcessEnd, type RestartPolicy, Restarts, restartReason } from './restarts.ts';
import { Seat, type StartProcess } from './seat.ts';

/** A worker that says nothing for so many seconds is not ready. */
const MAX_SILENT_TICKS = 5;

/**
 * A worker that was ready and says nothing for so many seconds stands still and is killed, as a liveness probe would do. Before it
 * is ready a model of gigabytes may take all its time.
 */
const KILL_SILENT_TICKS = 60;

/** Time for all workers to answer a scrape; Prometheus gives us 10 s. */
const SCRAPE_MS = 2_000;

/** What a supervisor is made of. */
export interface SupervisorOptions {
  /** Number of workers. */
  readonly workers: number;
  readonly startProcess: StartProcess;
  /** From SIGTERM to SIGKILL. */
  readonly drainMs: number;
  /** A worker has died and will be started again. */
  readonly onRestart: (worker: number, reason: RestartReason) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly restarts?: RestartPolicy;
  /** Numbers from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/**
 * Keeps the workers of a pool running: starts those again that were killed or crashed, ends all when one cannot go on, and stops all
 * together. Whether a worker may come back is decided by how it ended (`restarts.ts`).
 */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly seats: readonly Seat[];
  private readonly restarts: readonly Restarts[];
  private readonly pendingStarts = new Map<Seat, () => void>();
  private readonly over = Promise.withResolvers<void>();
  private isDraining = false;
  private failure: WeirError | undefined;
  private cancelTick = (): void => {};
  private cancelDeadline = (): void => {};

  constructor(options: SupervisorOptions) {
    this.options = options;
    const { clock, restarts = DEFAULT_RESTARTS, random = Math.random } = options;
    this.seats = Array.from({ length: options.workers }, (_, index) => new Seat(index, clock));
    this.restarts = this.seats.map(() => new Restarts(restarts, random));
  }

  /** Of the pool: live unless it has given up, ready when every worker is. */
  readonly health: Health = {
    live: () => this.failure === undefined,
    ready: () => {
      const reasons = this.seats.flatMap((seat) => seat.waitsFor(MAX_SILENT_TICKS).map((reason) => `worker ${seat.index}: ${reason}`));
      return { ready: reasons.length === 0, reasons };
    },
  };

  /**
   * Starts all workers and resolves when all have ended cleanly after `stop` was aborted.
   * @throws WeirError why a worker could not go on, kept dying, or did not end cleanly
   */
  async run(stop: AbortSignal): Promise<void> {
    const drain = (): void => this.drain();
    for (const seat of this.seats) this.start(seat);
    this.tick();
    if (stop.aborted) drain();
    stop.addEventListener('abort', drain, { once: true });
    await this.over.promise;
    stop.removeEventListener('abort', drain);
    this.cancelTick();
    this.cancelDeadline();
    if (this.failure) throw this.failure;
  }

  /** States of all workers now. */
  states(): WorkerState[] {
    return this.seats.map(({ state }) => state);
  }

  /** Pages of those workers that run and have begun to talk. */
  scrape(): Promise<WorkerPage[]> {
    const asked = this.seats.filter(({ hasSpoken, state }) => hasSpoken && state !== 'restarting' && state !== 'ended');
    return Promise.all(asked.map(async (seat) => ({ worker: seat.index, page: await seat.metrics(SCRAPE_MS) })));
  }

  /** SIGKILL to all that is left. */
  killAll(): void {
    for (const seat of this.seats) seat.kill('SIGKILL');
  }

  private start(seat: Seat): void {
    this.pendingStarts.delete(seat);
    seat.start(this.options.startProcess, (end) => this.onEnd(seat, end));
    this.options.logger.info({ worker: seat.index, workerPid: seat.pid }, 'worker started');
  }

  private onEnd(seat: Seat, end: ProcessEnd): void {
    const { clock, logger, onRestart } = this.options;
    const fields = { worker: seat.index, how: endText(end) };
    if (this.isDraining) {
      seat.state = 'ended';
      if (seat.isClean(end)) logger.info(fields, 'worker ended');
      else {
        logger.error(fields, 'worker did not end cleanly; what it had in flight is scored again by the next owner');
        this.failure ??= seat.errorOf(end);
      }
      return this.endIfAllHave();
    }
    if (seat.isFatal(end)) {
      seat.state = 'ended';
      logger.error(fields, 'worker cannot go on, and another one in its place could not either: stopping the pool');
      return this.fail(seat.errorOf(end));
    }
    const delayMs = this.restarts[seat.index]!.died(clock.monotonicMs(), seat.readyMs);
    const deaths = this.restarts[seat.index]!.inRow;
    if (delayMs === undefined) {
      seat.state = 'ended';
      logger.error({ ...fields, deaths }, 'worker dies again and again: stopping the pool');
      return this.fail(
        new WeirError(
          'worker_crashed',
          `Worker ${seat.index} died ${deaths} times without a minute of health, the last time: ${endText(end)}.`,
        ),
      );
    }
    seat.state = 'restarting';
    logger.warn({ ...fields, deaths, restartInMs: Math.round(delayMs) }, 'worker died and will be started again');
    onRestart(seat.index, restartReason(end, seat.wasSilent));
    const cancel = clock.after(delayMs, () => this.start(seat));
    this.pendingStarts.set(seat, cancel);
  }

  private fail(error: WeirError): void {
    this.failure ??= error;
    this.drain();
  }

  private drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    const { clock, drainMs, logger } = this.options;
    for (const [seat, cancel] of this.pendingStarts) {
      cancel();
      seat.state = 'ended';
    }
    this.pendingStarts.clear();
    for (const seat of this.seats) {
      if (seat.state === 'ended') continue;
      seat.state = 'draining';
      seat.kill('SIGTERM');
    }
    this.cancelDeadline = clock.after(drainMs, () => {
      const workers = this.seats.filter(({ state }) => state === 'draining').map(({ index }) => index);
      logger.error({ workers, drainMs }, 'workers have not ended in time and are killed');
      this.failure ??= new WeirError(
        'drain_timeout',
        `Killed ${Math.round(drainMs / 1_000)} s after SIGTERM: worker ${workers.join(', ')}.`,
      );
      this.killAll();
    });
    this.endIfAllHave();
  }

  private endIfAllHave(): void {
    if (this.seats.every(({ state }) => state === 'ended')) this.over.resolve();
  }

  private tick(): void {
    for (const seat of this.seats) {
      seat.silentTicks++;
      if (seat.state !== 'running' || seat.wasSilent || seat.silentTicks <= KILL_SILENT_TICKS) continue;
      this.options.logger.error({ worker: seat.index, seconds: KILL_SILENT_TICKS }, 'worker stands still and is killed');
      seat.wasSilent = true;
      seat.kill('SIGKILL');
    }
    this.cancelTick = this.options.clock.after(STATE_EVERY_MS, () => this.tick());
  }
}
