import type { GroupMemberId, PoolPlace } from '../../app/pool-place.ts';
import type { Clock } from '../../core/clock.ts';
import { WeirError, weirErrorFrom } from '../../core/errors.ts';
import type { Health, MetricsPage } from '../../ops/index.ts';
import { type FromWorker, fromSupervisor, STATE_EVERY_MS } from './messages.ts';

/** The channel to the supervisor, as `process` has it in a child process. */
export interface SupervisorChannel {
  readonly connected: boolean;
  send?(message: FromWorker, callback: (error: Error | null) => void): boolean;
  disconnect?(): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'disconnect', listener: () => void): unknown;
}

/** What a member of a pool is made of. */
export interface PoolMemberOptions {
  /** Number of the worker, from 0. */
  readonly index: number;
  readonly predecessors: readonly GroupMemberId[];
  readonly channel: SupervisorChannel;
  readonly clock: Clock;
  /** The supervisor is gone: nobody will tell this worker to stop any more. */
  readonly onOrphaned: () => void;
}

/** A worker's side of a pool: tells the supervisor how the worker is, and answers its questions. */
export class PoolMember implements PoolPlace {
  readonly index: number;
  readonly predecessors: readonly GroupMemberId[];
  private readonly options: PoolMemberOptions;
  private metrics: MetricsPage | undefined;
  private health: Health | undefined;
  private members: () => readonly GroupMemberId[] = () => [];
  private cancelTick = (): void => {};

  /** @throws WeirError `config_invalid` when this process was not started by a supervisor */
  constructor(options: PoolMemberOptions) {
    const { index, predecessors, channel } = options;
    if (!channel.send) {
      throw new WeirError('config_invalid', '--worker is what weir run --workers gives to its workers; say weir run.');
    }
    this.index = index;
    this.predecessors = predecessors;
    this.options = options;
    channel.on('message', this.onMessage);
    channel.on('disconnect', this.onDisconnect);
    // It may have gone before there was anybody to tell.
    if (!channel.connected) queueMicrotask(this.onDisconnect);
    this.tick();
  }

  /** The worker has metrics and health to show. */
  show(metrics: MetricsPage, health: Health): void {
    this.metrics = metrics;
    this.health = health;
  }

  /** The worker is about to join its groups. */
  showMembers(members: () => readonly GroupMemberId[]): void {
    this.members = members;
  }

  /** Tells the supervisor why this worker ends, and resolves when that is on its way. */
  fail(thrown: unknown): Promise<void> {
    const { code, message } = weirErrorFrom(thrown);
    return this.send({ kind: 'failed', code, message });
  }

  /** Tells the supervisor that all is settled, and resolves when that is on its way. */
  drained(): Promise<void> {
    return this.send({ kind: 'drained' });
  }

  /** Lets go of the channel, which else holds the process open. */
  close(): void {
    const { channel } = this.options;
    this.cancelTick();
    channel.off('message', this.onMessage);
    channel.off('disconnect', this.onDisconnect);
    if (channel.connected) channel.disconnect?.();
  }

  private readonly onDisconnect = (): void => this.options.onOrphaned();

  private readonly onMessage = (message: unknown): void => {
    const question = fromSupervisor(message);
    if (question) void this.answer(question.id);
  };

  private async answer(id: number): Promise<void> {
    // No answer, if they cannot be had: the supervisor counts that.
    const page = await (this.metrics?.metrics() ?? Promise.resolve('')).catch(() => undefined);
    if (page !== undefined) await this.send({ kind: 'metrics', id, page });
  }

  private tick(): void {
    const { ready, reasons } = this.health?.ready() ?? { ready: false, reasons: ['starting: pipeline file and model'] };
    void this.send({ kind: 'state', ready, reasons, members: this.members() });
    this.cancelTick = this.options.clock.after(STATE_EVERY_MS, () => this.tick());
  }

  /** Never rejects: a supervisor that is gone hears nothing. */
  private send(message: FromWorker): Promise<void> {
    const { channel } = this.options;
    return new Promise((resolve) => {
      if (!channel.connected) return resolve();
      channel.send?.(message, () => resolve());
    });
  }
}
