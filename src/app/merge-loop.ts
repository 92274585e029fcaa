import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../core/clock.ts';
import { type WeirError, weirErrorFrom } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { Logger, Source } from '../core/ports.ts';
import { wholeOf } from '../core/records.ts';
import type { Merger, PublishScope } from '../drift/merger.ts';
import { type DriftStatistics, statisticsIn } from '../drift/statistics-record.ts';
import type { DriftLeftOut, DriftMetrics } from '../ops/index.ts';

/** How long measures may keep the event loop from the records, at a time. */
const SLICE_MS = 2;

/** How often the loop looks whether a window is due while no counts come. */
const LOOK_MS = 500;

/** After so long without a record the log is told the time, so that windows close although nothing comes. */
const TICK_MS = 5_000;

/** The profiles topic, with how much of it is unread by partition. */
export type ProfilesSource = Pick<Source, 'start' | 'take' | 'release' | 'assignment' | 'failure' | 'close'> & {
  unread(): ReadonlyMap<number, number>;
};

/** What a merge loop joins. */
export interface MergeLoopOptions {
  readonly merger: Merger;
  /** Makes the source; called anew for each attempt to start, for one that could not start is closed. */
  readonly createSource: () => ProfilesSource;
  /** Resolves when statistics are acknowledged. @throws WeirError */
  readonly send: (outputs: readonly OutputRecords[]) => Promise<void>;
  /** Framing bytes of statistics. */
  readonly statisticsPrefix: Buffer;
  /** Name of the model, for metrics. */
  readonly model: string;
  readonly metrics: DriftMetrics;
  /** Called once, when merging cannot go on. */
  readonly onFailure: (error: WeirError) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads the profiles topic into a merger and publishes what is due. */
export class MergeLoop {
  private readonly options: MergeLoopOptions;
  private readonly stopping = new AbortController();
  private readonly unsent: OutputRecords[] = [];
  private source: ProfilesSource | undefined;
  private running: Promise<void> = Promise.resolve();
  /** What the gauges show, by size of window. */
  private readonly shown = new Map<string, { readonly windowStart: number; readonly isEnough: boolean }>();
  /** What the metrics know of. */
  private leftOut: DriftLeftOut = { lateRows: 0, gapOffsets: 0, duplicates: 0 };

  constructor(options: MergeLoopOptions) {
    this.options = options;
  }

  /** Joins the group of mergers. When it throws nothing is left open, and it may be called again. @throws WeirError */
  async start(): Promise<void> {
    const { createSource, logger, onFailure } = this.options;
    const source = createSource();
    this.source = source;
    try {
      await source.start({
        onReady: () => {},
        onRevoked: (partitions) => {
          this.countLeftOut();
          this.options.merger.revoke(partitions);
          this.countLeftOut();
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
    await this.source?.close();
  }

  private async run(source: ProfilesSource): Promise<void> {
    const { merger, clock } = this.options;
    let heardAtMs = clock.monotonicMs();
    while (!this.stopping.signal.aborted) {
      if (source.failure) throw source.failure;
      let merged = 0;
      for (let records = source.take(); records; records = source.take()) {
        // What the log has closed is published before anything more is read, so that it holds what it held at that point.
        for (let next = 0; next < records.count; ) {
          next = merger.apply(records, next);
          await this.publish('final');
        }
        merged += records.count;
        source.release([wholeOf(records)]);
        if (this.stopping.signal.aborted) break;
      }
      this.countLeftOut();
      if (merged > 0) heardAtMs = clock.monotonicMs();
      // Half-read windows are not shown: those that are open wait until the topic has been read to its end.
      if (isCaughtUp(source)) {
        await this.publish('due');
        if (clock.monotonicMs() - heardAtMs >= TICK_MS && merger.wantsTick()) {
          heardAtMs = clock.monotonicMs();
          await this.send([merger.tick()]);
        }
      }
      if (merged === 0) await sleep(clock, LOOK_MS, this.stopping.signal);
    }
    if (isCaughtUp(source)) await this.publish('all');
  }

  /** What the merger calls published must get out: statistics that could not be written are kept and come first next time. */
  private async publish(scope: PublishScope): Promise<void> {
    const { merger, statisticsPrefix, metrics, model } = this.options;
    while (!merger.measure(SLICE_MS, scope)) await setImmediate();
    const records = merger.due(scope);
    if (records && records.count > 0) this.unsent.push(records);
    if (this.unsent.length === 0) return;
    if (!(await this.send(this.unsent))) return;
    for (const sent of this.unsent.splice(0)) {
      for (const statistics of statisticsIn(statisticsPrefix.length, sent)) {
        metrics.published(model, statistics.window, statistics.status);
        this.report(statistics);
      }
    }
  }

  /** @returns false when it could not be written and may be tried again. @throws WeirError of any other kind */
  private async send(outputs: readonly OutputRecords[]): Promise<boolean> {
    try {
      await this.options.send(outputs);
      return true;
    } catch (thrown) {
      const error = weirErrorFrom(thrown);
      if (error.kind !== 'retriable') throw error;
      this.options.logger.warn({ reason: error.message }, 'drift statistics could not be published; they are tried again');
      return false;
    }
  }

  /** Sets the gauges of a size to the newest window that says something, open or closed. */
  private report(statistics: DriftStatistics): void {
    const { metrics, model } = this.options;
    const { window, windowStart, windowEnd, status, events, coverage, features, prediction } = statistics;
    const shown = this.shown.get(window);
    const isEnough = status !== 'INSUFFICIENT_DATA';
    if (shown && shown.windowStart !== windowStart) {
      if (shown.isEnough && !isEnough) return;
      if (shown.isEnough === isEnough && shown.windowStart > windowStart) return;
    }
    this.shown.set(window, { windowStart, isEnough });
    metrics.window({
      model,
      window,
      rows: events,
      windowEndMs: windowEnd,
      coverage,
      features: features.map(({ name, status, tvd }) => ({ name, score: enough(status, tvd) })),
      prediction: enough(prediction.status, prediction.jsDistance),
    });
  }

  /** The merger's counts begin at 0 again when it has forgotten its state. */
  private countLeftOut(): void {
    const { merger, metrics, model } = this.options;
    const { lateDropped, gapOffsets, duplicatesDropped, retracted } = merger.counts();
    const now = { lateRows: lateDropped, gapOffsets, duplicates: duplicatesDropped + retracted };
    const { lateRows: late, gapOffsets: gap, duplicates } = this.leftOut;
    metrics.leftOut(model, {
      lateRows: Math.max(0, now.lateRows - late),
      gapOffsets: Math.max(0, now.gapOffsets - gap),
      duplicates: Math.max(0, now.duplicates - duplicates),
    });
    this.leftOut = now;
  }
}

/** A measure on too few samples says nothing. */
function enough(status: string, measure: number | null): number | undefined {
  return status === 'INSUFFICIENT_DATA' ? undefined : (measure ?? undefined);
}

function isCaughtUp(source: ProfilesSource): boolean {
  if (source.assignment().length === 0) return false;
  const unread = [...source.unread().values()];
  return unread.length > 0 && unread.every((records) => records === 0);
}
