import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../core/clock.ts';
import { type WeirError, weirErrorFrom } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { Logger, Source } from '../core/ports.ts';
import { wholeOf } from '../core/records.ts';
import type { Merger } from '../drift/merger.ts';
import { statisticsIn } from '../drift/statistics-record.ts';
import type { DriftLeftOut, DriftMetrics } from '../ops/index.ts';

/** How long measures may keep the event loop from the records, at a time. */
const SLICE_MS = 2;

/** How often the loop looks whether a window is due while no counts come. */
const TICK_MS = 500;

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
    const { merger, clock, logger } = this.options;
    while (!this.stopping.signal.aborted) {
      if (source.failure) throw source.failure;
      let merged = 0;
      for (let records = source.take(); records; records = source.take()) {
        merger.apply(records);
        merged += records.count;
        source.release([wholeOf(records)]);
      }
      this.countLeftOut();
      // Half-read state is not published: statistics wait until the topic has been read to its end.
      if (isCaughtUp(source)) {
        try {
          await this.publish(false);
        } catch (thrown) {
          const error = weirErrorFrom(thrown);
          if (error.kind !== 'retriable') throw error;
          logger.warn({ reason: error.message }, 'drift statistics could not be published; they are tried again');
        }
      }
      if (merged === 0) await sleep(clock, TICK_MS, this.stopping.signal);
    }
    if (isCaughtUp(source)) await this.publish(true);
  }

  /** What the merger calls published must get out: statistics that could not be written are kept and come first next time. */
  private async publish(force: boolean): Promise<void> {
    const { merger, send, statisticsPrefix, metrics, model } = this.options;
    while (!merger.measure(SLICE_MS, force)) await setImmediate();
    const records = merger.due(force);
    if (records && records.count > 0) this.unsent.push(records);
    if (this.unsent.length === 0) return;
    await send(this.unsent);
    for (const sent of this.unsent.splice(0)) {
      for (const { status } of statisticsIn(statisticsPrefix.length, sent)) metrics.published(model, status);
    }
    this.report();
  }

  /** Sets the gauges to the newest window that says something, open or closed. */
  private report(): void {
    const { merger, metrics, model } = this.options;
    const { latest } = merger.snapshot();
    if (!latest) return;
    metrics.window({
      model,
      rows: latest.events,
      windowEndMs: latest.windowEnd,
      coverage: latest.coverage,
      features: latest.features.map(({ name, status, tvd }) => ({ name, score: enough(status, tvd) })),
      prediction: enough(latest.prediction.status, latest.prediction.jsDistance),
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
