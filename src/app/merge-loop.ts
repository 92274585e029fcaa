import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../core/clock.ts';
import { type WeirError, weirErrorFrom } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { Logger, Sink, Source } from '../core/ports.ts';
import { type RecordBatch, type TopicPartition, wholeOf } from '../core/records.ts';
import type { LogPosition, Merger, PublishScope } from '../drift/merger.ts';
import type { StateValues } from '../drift/merger-state.ts';
import { statisticsIn } from '../drift/statistics-record.ts';
import type { DriftMetrics } from '../ops/index.ts';
import { DriftGauges } from './drift-gauges.ts';
import type { PerformanceGauges } from './performance-gauges.ts';

/** How long measures may keep the event loop from the records, at a time. */
const SLICE_MS = 2;

/** How often the loop looks whether a window is due while no counts come. */
const LOOK_MS = 500;

/** After so long without a record the log is told the time, so that windows close although nothing comes. */
const TICK_MS = 5_000;

/** While much is read, statistics wait so long for others, or for so many bytes of them, before they are written. */
const GATHER_MS = 1_000;
const GATHER_BYTES = 4 << 20;

/** The state is saved at least so often while anything is read; so much is read again by whoever takes over. */
const SAVE_MS = 30_000;

/** Pause after the brokers could not be reached. */
const RETRY_MS = 1_000;

/** The profiles topic, with how much of it is unread by partition. */
export type ProfilesSource = Pick<Source, 'start' | 'take' | 'release' | 'originOf' | 'failure' | 'close'> & {
  unread(): ReadonlyMap<number, number>;
};

/** What a merge loop joins. */
export interface MergeLoopOptions {
  readonly merger: Merger;
  /** The partition of the profiles topic in which all deltas of the model version are. */
  readonly home: TopicPartition;
  /**
   * Makes the source; called anew for each attempt to start, for one that could not start is closed.
   * @param onUnstable to be called while the position hangs on a transaction that somebody has left open
   */
  readonly createSource: (onUnstable: () => void) => ProfilesSource;
  /** Makes what writes statistics and state together with the position of the source, or not at all. */
  readonly createSink: () => Sink;
  /** Reads the state topic to its end. @throws WeirError */
  readonly readState: () => Promise<StateValues>;
  /** Framing bytes of statistics. */
  readonly statisticsPrefix: Buffer;
  readonly statisticsTopic: string;
  /** Name of the model, for metrics. */
  readonly model: string;
  readonly metrics: DriftMetrics;
  /** Shows what is published of performance; absent: there are no labels. */
  readonly performance?: Pick<PerformanceGauges, 'published'> | undefined;
  /** Called once, when merging cannot go on. */
  readonly onFailure: (error: WeirError) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One uninterrupted assignment of the partition to us, and how far it has come. */
interface Seat {
  readonly epoch: number;
  readonly sink: Sink;
  /** What was read, and what of it is saved. */
  position: number;
  savedPosition: number;
  savedAtMs: number;
  /** To be written with the next save. */
  readonly outputs: OutputRecords[];
}

/**
 * Reads the profiles topic into a merger and publishes what is due. Statistics, the state of the merger and the group's position are
 * written in one transaction: whoever takes the partition over goes on from there, and publishes nothing twice and everything once.
 */
export class MergeLoop {
  private readonly options: MergeLoopOptions;
  private readonly stopping = new AbortController();
  private readonly gauges: DriftGauges;
  private source: ProfilesSource | undefined;
  /** For the seat that is about to be taken. */
  private nextSink: Sink | undefined;
  private seat: Seat | undefined;
  /** The assignment that was taken last: one that was left is not taken again. */
  private lastEpoch = -1;
  private running: Promise<void> = Promise.resolve();
  private heardAtMs = 0;

  constructor(options: MergeLoopOptions) {
    this.options = options;
    this.gauges = new DriftGauges(options.model, options.metrics);
  }

  /** Joins the group of mergers. When it throws nothing is left open, and it may be called again. @throws WeirError */
  async start(): Promise<void> {
    const { createSource, logger, onFailure, home } = this.options;
    const source = createSource(() => this.endOpenTransaction());
    this.source = source;
    try {
      await source.start({
        onReady: () => {},
        onRevoked: (partitions) => {
          if (partitions.some(({ partition }) => partition === home.partition)) this.leave();
        },
        onRebalance: async () => {},
        onResumed: () => {},
      });
    } catch (thrown) {
      this.source = undefined;
      await source.close().catch((cause: unknown) => logger.warn({ reason: String(cause) }, 'closing failed'));
      throw thrown;
    }
    // Else `stop` was called meanwhile, and has closed the source.
    if (!this.stopping.signal.aborted) this.running = this.run(source).catch((thrown: unknown) => onFailure(weirErrorFrom(thrown)));
  }

  /** Publishes what is due and leaves the group. Also ends a start that is under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.seat?.sink.close();
    await this.nextSink?.close();
    await this.source?.close();
  }

  private async run(source: ProfilesSource): Promise<void> {
    const { clock } = this.options;
    while (!this.stopping.signal.aborted) {
      if (source.failure) throw source.failure;
      const seat = await this.patiently(() => this.take(source));
      const read = await this.read(source, seat);
      if (seat) await this.tend(source, seat, 'due');
      if (!read) await sleep(clock, LOOK_MS, this.stopping.signal);
    }
    if (this.seat) await this.tend(source, this.seat, 'all');
  }

  /** Takes the seat that an assignment gives: begins where the last one who had it has saved its state. */
  private async take(source: ProfilesSource): Promise<Seat | undefined> {
    const { merger, home, readState, createSink, clock, logger } = this.options;
    const origin = source.originOf(home);
    if (!origin || origin.epoch === this.lastEpoch) return this.seat;
    this.leave();
    // First: it ends what the last one has left open, which reading the state would else wait for.
    const sink = (this.nextSink ??= createSink());
    await sink.start();
    const values = await readState();
    if (source.originOf(home)?.epoch !== origin.epoch) {
      this.nextSink = undefined;
      await sink.close();
      return undefined;
    }
    this.nextSink = undefined;
    this.lastEpoch = origin.epoch;
    const { startOffset: position, isElsewhere } = origin;
    const isRestored = merger.restore(values, { partition: home.partition, position, isElsewhere });
    this.gauges.begin(merger.counts());
    logger.info({ partition: home.partition, position, isRestored }, 'merging drift');
    const nowMs = clock.monotonicMs();
    this.heardAtMs = nowMs;
    this.seat = { epoch: origin.epoch, sink, position, savedPosition: position, savedAtMs: nowMs, outputs: [] };
    return this.seat;
  }

  /** The last one who had the partition has died within a transaction: whoever starts a producer of the same id ends it. */
  private endOpenTransaction(): void {
    if (this.nextSink || this.stopping.signal.aborted) return;
    const sink = this.options.createSink();
    this.nextSink = sink;
    sink.start().catch((thrown: unknown) => {
      this.options.logger.debug({ reason: String(thrown) }, 'the transaction of the last merger is left to its time-out');
      if (this.nextSink === sink) this.nextSink = undefined;
    });
  }

  /** The partition is not ours any more, or is read again: what is not saved is as if it had not been. */
  private leave(): void {
    const { merger, home, logger } = this.options;
    const { seat } = this;
    this.seat = undefined;
    merger.revoke([home]);
    seat?.sink.close().catch((cause: unknown) => logger.debug({ reason: String(cause) }, 'closing failed'));
  }

  /** Reads what has been fetched under a seat; without one, of other partitions, whose records are those of other models. @returns false when nothing had */
  private async read(source: ProfilesSource, seat: Seat | undefined): Promise<boolean> {
    const { home } = this.options;
    if (!seat && source.originOf(home)) return false;
    let isAny = false;
    // What comes after the seat was left belongs to the next one.
    while (this.seat === seat && !this.stopping.signal.aborted) {
      const records = source.take();
      if (!records) break;
      isAny = true;
      if (seat && records.partition === home.partition) await this.merge(source, seat, records);
      source.release([wholeOf(records)]);
    }
    return isAny;
  }

  /** What the log has closed is measured before anything more is read, so that it holds what it held at that point. */
  private async merge(source: ProfilesSource, seat: Seat, records: RecordBatch): Promise<void> {
    const { merger, clock } = this.options;
    for (let next = 0; next < records.count && records.epoch === this.seat?.epoch; ) {
      next = merger.apply(records, next);
      await this.collect(seat, 'final');
      seat.position = next < records.count ? records.offsets[next - 1]! + 1 : records.nextOffset;
      this.heardAtMs = clock.monotonicMs();
      await this.saveWhenDue(source, seat);
    }
    this.gauges.count(merger.counts());
  }

  /** What is to be done beside reading: shows open windows, once the topic has been read to its end, and tells the log the time. */
  private async tend(source: ProfilesSource, seat: Seat, scope: PublishScope): Promise<void> {
    const { merger, clock, home } = this.options;
    if (this.seat !== seat) return;
    // Half-read windows are not shown.
    if (source.unread().get(home.partition) === 0) {
      await this.collect(seat, scope);
      const nowMs = clock.monotonicMs();
      if (scope !== 'all' && nowMs - this.heardAtMs >= TICK_MS && merger.wantsTick()) {
        seat.outputs.push(merger.tick());
        this.heardAtMs = nowMs;
      }
    }
    if (scope === 'all') await this.save(source, seat);
    else await this.saveWhenDue(source, seat);
  }

  /** Takes what is to be published from the merger. */
  private async collect(seat: Seat, scope: PublishScope): Promise<void> {
    const { merger } = this.options;
    do {
      while (!merger.measure(SLICE_MS, scope)) await setImmediate();
      if (this.seat !== seat) return;
      seat.outputs.push(...merger.due(scope));
    } while (merger.isClosing);
  }

  private async saveWhenDue(source: ProfilesSource, seat: Seat): Promise<void> {
    const { clock, home } = this.options;
    const waitedMs = clock.monotonicMs() - seat.savedAtMs;
    const bytes = seat.outputs.reduce((sum, output) => sum + output.bytes, 0);
    const isCaughtUp = source.unread().get(home.partition) === 0;
    const isDue = bytes > 0 ? isCaughtUp || waitedMs >= GATHER_MS || bytes >= GATHER_BYTES : waitedMs >= SAVE_MS;
    if (isDue) await this.save(source, seat);
  }

  /** Writes what is to be published, the state, and the position. */
  private async save(source: ProfilesSource, seat: Seat): Promise<void> {
    const { merger, home, clock } = this.options;
    const { outputs, position, epoch } = seat;
    if (this.seat !== seat || (outputs.length === 0 && position === seat.savedPosition)) return;
    const at: LogPosition = { partition: home.partition, position };
    const state = merger.save(at);
    if (!state) return; // Windows are closing; they come first.
    const isWritten = await this.patiently(() =>
      seat.sink.emit({ outputs: [...outputs, state], positions: [{ ...home, epoch, nextOffset: position }], isClosing: true }),
    );
    // Not written: the partition is another's, or all since the last save is read again, as a new assignment.
    if (isWritten === false) this.leave();
    if (!isWritten || this.seat !== seat) return;
    seat.savedPosition = position;
    seat.savedAtMs = clock.monotonicMs();
    for (const output of outputs.splice(0)) this.published(output);
  }

  private published(output: OutputRecords): void {
    const { statisticsTopic, statisticsPrefix, performance } = this.options;
    performance?.published(output);
    if (output.topic !== statisticsTopic) return;
    for (const statistics of statisticsIn(statisticsPrefix.length, output)) this.gauges.published(statistics);
  }

  /** Tries until the brokers can be reached; undefined when the loop is to end first. @throws WeirError of any other kind */
  private async patiently<T>(action: () => Promise<T>): Promise<T | undefined> {
    const { clock, logger } = this.options;
    for (;;) {
      try {
        return await action();
      } catch (thrown) {
        const error = weirErrorFrom(thrown);
        if (error.kind !== 'retriable') throw error;
        logger.warn({ reason: error.message }, 'drift statistics cannot be merged or published now; tried again');
      }
      if (this.stopping.signal.aborted) return undefined;
      await sleep(clock, RETRY_MS, this.stopping.signal);
    }
  }
}
