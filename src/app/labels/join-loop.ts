import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, sleep } from '../../core/clock.ts';
import { Doorbell } from '../../core/doorbell.ts';
import { type WeirError, weirErrorFrom } from '../../core/errors.ts';
import { OutputRecords } from '../../core/outputs.ts';
import type { Emission, Logger, Sink } from '../../core/ports.ts';
import { type Position, wholeOf } from '../../core/records.ts';
import type { PerformancePane } from '../../drift/performance/performance-delta.ts';
import { type JoinPosition, withinLog } from '../../labels/join-seat.ts';
import type { LabelJoin } from '../../labels/label-join.ts';
import type { KafkaSource } from '../../kafka/source.ts';
import type { PartitionRange } from '../../kafka/topic-reader.ts';
import type { TopicTail } from '../../kafka/topic-tail.ts';
import type { LabelMetrics } from '../../ops/index.ts';
import { LabelFeed } from './label-feed.ts';
import type { LabelReader, LabelRows } from './label-reader.ts';

/** While nothing comes, brokers are asked for labels so often. */
const POLL_MS = 250;

/** Panes that wait to be published at most. */
const MAX_PANES = 2_000;

/** Positions are saved at least so often while they move. */
const SAVE_MS = 30_000;

/** Pause after the brokers could not be reached. */
const RETRY_MS = 1_000;

/** What a join loop joins. */
export interface JoinLoopOptions {
  readonly join: LabelJoin;
  /** The predictions topic, read by a group of its own. */
  readonly source: KafkaSource;
  readonly predictionsTopic: string;
  readonly tail: TopicTail;
  readonly labelReader: LabelReader;
  /** Writes sums and positions in one transaction. */
  readonly sink: Sink;
  /** Where the last owners of partitions have stopped, by partition. */
  readonly readPositions: () => Promise<ReadonlyMap<number, JoinPosition>>;
  /** Ends of both topics. */
  readonly ends: () => Promise<{ readonly predictions: readonly PartitionRange[]; readonly labels: readonly PartitionRange[] }>;
  /** The records that say what was counted of a partition, and how far. */
  readonly outputsOf: (partition: number, panes: readonly (readonly PerformancePane[])[], position: JoinPosition) => OutputRecords[];
  /** Appends dead letters of the rows that failed. */
  readonly encodeLetters: (rows: LabelRows['rows'], into: OutputRecords) => void;
  readonly deadLettersTopic: string;
  readonly flushIntervalMs: number;
  readonly metrics: LabelMetrics;
  /** Called once, when joining cannot go on. */
  readonly onFailure: (error: WeirError) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads predictions of the partitions that this worker owns, and all labels, into a `LabelJoin`, and publishes what was counted. Sums, the
 * positions in both topics and the group's position are written in one transaction, so everything is counted once.
 */
export class JoinLoop {
  private readonly options: JoinLoopOptions;
  private readonly stopping = new AbortController();
  private readonly bell: Doorbell;
  /** The assignment of each partition that the join has. */
  private readonly epochs = new Map<number, number>();
  private readonly letters = new Map<number, OutputRecords>();
  private readonly feed: LabelFeed;
  private savedAtMs = 0;
  private lastPositions = '';
  private running: Promise<void> = Promise.resolve();

  constructor(options: JoinLoopOptions) {
    this.options = options;
    this.bell = new Doorbell(options.clock);
    this.feed = new LabelFeed({ ...options, lettersOf: (partition) => this.lettersOf(partition) });
  }

  /** Joins the group and begins. Nothing is left open when it throws, but what `stop` closes. @throws WeirError */
  async start(): Promise<void> {
    const { source, tail, sink, onFailure } = this.options;
    await tail.start();
    await sink.start();
    await source.start({
      onReady: () => this.bell.ring(),
      onRevoked: (partitions) => {
        for (const { partition } of partitions) this.leave(partition);
      },
      onRebalance: async () => {},
      onResumed: () => this.bell.ring(),
    });
    if (!this.stopping.signal.aborted) this.running = this.run().catch((thrown: unknown) => onFailure(weirErrorFrom(thrown)));
  }

  /** Publishes what was counted and leaves the group. */
  async stop(): Promise<void> {
    const { sink, source, tail } = this.options;
    this.stopping.abort();
    this.bell.ring();
    await this.running;
    await sink.close();
    await source.close();
    await tail.close();
  }

  private async run(): Promise<void> {
    const { source, sink } = this.options;
    while (!this.stopping.signal.aborted) {
      const failure = source.failure ?? sink.failure;
      if (failure) throw failure;
      await this.patiently(() => this.takeSeats());
      const hasPredictions = await this.readPredictions();
      const hasLabels = (await this.patiently(() => this.feed.read())) ?? false;
      if (this.isDue()) await this.save();
      if (!hasPredictions && !hasLabels) await this.bell.wait(POLL_MS);
    }
    await this.save();
  }

  /** Takes partitions that were assigned: begins where the last owner has saved that it stopped. */
  private async takeSeats(): Promise<void> {
    const { source, join, readPositions, ends, logger } = this.options;
    const isNew = (partition: number): boolean => {
      const origin = source.originOf({ topic: this.options.predictionsTopic, partition });
      return origin !== undefined && this.epochs.get(partition) !== origin.epoch;
    };
    const wanted = source.assignment().map(({ partition }) => ({ partition, epoch: this.epochOf(partition) }));
    const fresh = wanted.filter(({ partition }) => isNew(partition));
    if (fresh.length === 0) return;
    const saved = await readPositions();
    const { predictions, labels } = await ends();
    const labelEnds = new Map(labels.map(({ partition, to }) => [partition, to]));
    for (const { partition, epoch } of fresh) {
      if (this.epochOf(partition) !== epoch) continue; // It has gone, or gone and come back, meanwhile.
      this.leave(partition);
      const known = saved.get(partition);
      const end = predictions.find((range) => range.partition === partition)?.to ?? 0;
      const counted = known && known.predictions <= end ? withinLog(known, labelEnds) : undefined;
      join.open(partition, counted);
      this.epochs.set(partition, epoch!);
      logger.info({ partition, predictions: counted?.predictions, from: counted?.predictionsFrom }, 'joining labels');
    }
    this.feed.begin(predictions.length);
  }

  private epochOf(partition: number): number | undefined {
    const { source, predictionsTopic: topic } = this.options;
    return source.originOf({ topic, partition })?.epoch;
  }

  /** A partition is not ours any more, or is read again: what is not saved is as if it had not been. */
  private leave(partition: number): void {
    this.options.join.close(partition);
    this.epochs.delete(partition);
    this.letters.delete(partition);
  }

  private async readPredictions(): Promise<boolean> {
    const { source, join, clock, metrics } = this.options;
    let isAny = false;
    for (let records = source.take(); records; records = source.take()) {
      // Assigned since the last look: it is taken first, for these records do not come again.
      if (this.epochs.get(records.partition) !== records.epoch) await this.patiently(() => this.takeSeats());
      if (this.epochs.get(records.partition) === records.epoch) {
        const startedMs = clock.monotonicMs();
        join.takePredictions(records);
        metrics.worked((clock.monotonicMs() - startedMs) / 1_000);
      }
      source.release([wholeOf(records)]);
      isAny = true;
      // Heartbeats go out in between.
      await pause(0);
      if (this.isDue()) break;
    }
    return isAny;
  }

  private hasLetters(): boolean {
    return [...this.letters.values()].some(({ count }) => count > 0);
  }

  private lettersOf(partition: number): OutputRecords | undefined {
    if (!this.epochs.has(partition)) return undefined;
    let letters = this.letters.get(partition);
    if (!letters) this.letters.set(partition, (letters = new OutputRecords(this.options.deadLettersTopic)));
    return letters;
  }

  /** Lets go of what is too old, by how far both topics were read. */
  private expire(): void {
    const { join, source, clock } = this.options;
    const nowMs = clock.wallMs();
    const unread = source.unread();
    join.expire(this.feed.readTo(nowMs), nowMs, (partition) => (unread.get(partition) ?? 1) > 0);
  }

  private isDue(): boolean {
    const { join, flushIntervalMs, clock } = this.options;
    const waitedMs = clock.monotonicMs() - this.savedAtMs;
    if (join.pendingPanes >= MAX_PANES) return true;
    return waitedMs >= (join.pendingPanes > 0 || this.hasLetters() ? flushIntervalMs : SAVE_MS);
  }

  private async save(): Promise<void> {
    const { join, source, sink, outputsOf, predictionsTopic: topic, clock, metrics, logger } = this.options;
    const outputs: OutputRecords[] = [];
    const positions: Position[] = [];
    const found: unknown[] = [];
    for (const [partition, epoch] of this.epochs) {
      const position = join.positionOf(partition);
      if (!position || !source.owns({ topic, partition, epoch })) continue;
      found.push(partition, epoch, position);
      const panes = join.take(partition);
      const letters = this.letters.get(partition);
      outputs.push(...outputsOf(partition, panes, position), ...(letters && letters.count > 0 ? [letters] : []));
      positions.push({ topic, partition, epoch, nextOffset: position.predictionsFrom });
      this.letters.delete(partition);
    }
    this.savedAtMs = clock.monotonicMs();
    this.expire();
    metrics.show({ ...join.tally, unreadable: this.feed.unreadable, held: join.held, crowdedOut: join.crowdedOut });
    const text = JSON.stringify(found);
    if (text === this.lastPositions) return;
    this.lastPositions = text;
    const emission: Emission = { outputs, positions, isClosing: true };
    const isWritten = await this.patiently(() => sink.emit(emission));
    // Also when the loop ends before the brokers are back: the sums were taken, and no position may be written without them.
    if (isWritten) return;
    this.lastPositions = '';
    logger.info({}, 'what was counted of labels was not written; it is counted again');
    for (const { partition } of positions) this.leave(partition);
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
        logger.warn({ reason: error.message }, 'labels cannot be joined now; tried again');
      }
      if (this.stopping.signal.aborted) return undefined;
      await sleep(clock, RETRY_MS, this.stopping.signal);
    }
  }
}
