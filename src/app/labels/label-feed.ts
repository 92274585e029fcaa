import type { Clock } from '../../core/clock.ts';
import type { OutputRecords } from '../../core/outputs.ts';
import type { RecordBatch } from '../../core/records.ts';
import type { KafkaSource } from '../../kafka/source.ts';
import type { TopicTail } from '../../kafka/topic-tail.ts';
import type { LabelJoin } from '../../labels/label-join.ts';
import type { LabelMetrics } from '../../ops/index.ts';
import type { LabelReader, LabelRows } from './label-reader.ts';

/** A fetch of labels waits so long for some; predictions wait with it. */
const MAX_WAIT_MS = 20;

/** What a feed stands between. */
export interface LabelFeedOptions {
  readonly join: LabelJoin;
  readonly tail: TopicTail;
  readonly labelReader: LabelReader;
  /** Of the predictions. */
  readonly source: Pick<KafkaSource, 'unread'>;
  /** Where dead letters of a partition of the predictions are gathered; undefined while it is not ours. */
  readonly lettersOf: (partition: number) => OutputRecords | undefined;
  /** Appends dead letters of the rows that failed. */
  readonly encodeLetters: (rows: LabelRows['rows'], into: OutputRecords) => void;
  readonly metrics: Pick<LabelMetrics, 'worked'>;
  readonly clock: Clock;
}

/** A batch of labels that waits for the predictions to come as far. */
interface Held {
  readonly records: RecordBatch;
  /** At which it was asked for. */
  readonly position: number;
  /** Index of the first record that is yet to be taken. */
  next: number;
  /** What these say, until they are taken. */
  rows: LabelRows | undefined;
}

/** Reads labels into a join: no further than predictions have come, while these are behind. */
export class LabelFeed {
  /** Labels that could not be read, and are dead letters of this worker. */
  unreadable = 0;
  private readonly options: LabelFeedOptions;
  private held: Held[] = [];
  /** Timestamp of the last label that was read, by partition. */
  private readonly readToMs = new Map<number, number>();
  private predictionPartitions = 1;

  constructor(options: LabelFeedOptions) {
    this.options = options;
  }

  /**
   * Partitions have come or gone: what is held is read again from where they stand.
   * @param predictionPartitions how many there are in all
   */
  begin(predictionPartitions: number): void {
    this.held = [];
    this.predictionPartitions = Math.max(1, predictionPartitions);
  }

  /** Reads what there is. @returns false when there was nothing to take. @throws WeirError */
  async read(): Promise<boolean> {
    const { join, tail } = this.options;
    if (this.held.length === 0) {
      const positions = join.labelPositions(tail.partitions());
      if (positions.size === 0) return false;
      const asked = new Map(positions);
      const batches = await tail.poll(positions, MAX_WAIT_MS);
      this.held = batches.map((records) => ({ records, position: asked.get(records.partition)!, next: 0, rows: undefined }));
      for (const [partition, position] of positions) {
        if (!batches.some((batch) => batch.partition === partition)) join.passLabels(partition, asked.get(partition)!, position);
      }
    }
    let isAny = false;
    while (this.held.length > 0 && (await this.take(this.held[0]!))) {
      this.held.shift();
      isAny = true;
    }
    return isAny;
  }

  /** Timestamp up to which all labels were read. @param nowMs of a partition that has no more */
  readTo(nowMs: number): number {
    const { tail } = this.options;
    const reached = tail.partitions().map((partition) => (tail.isDrained(partition) ? nowMs : (this.readToMs.get(partition) ?? 0)));
    return Math.min(nowMs, ...reached);
  }

  /** @returns false when some of them are to be taken later */
  private async take(held: Held): Promise<boolean> {
    const { join, labelReader } = this.options;
    const { records, position } = held;
    while (held.next < records.count) {
      // Decoded once, however long they wait: nothing else is read meanwhile.
      const rows = (held.rows ??= await this.timed(() => labelReader.read(records, held.next, position)));
      if (this.isEarly(rows)) return false;
      await this.timed(() => {
        this.keepLetters(rows);
        join.takeLabels(rows);
      });
      held.rows = undefined;
      held.next += rows.count;
      this.readToMs.set(records.partition, records.timestamps[held.next - 1]!);
    }
    return true;
  }

  private async timed<T>(action: () => T | Promise<T>): Promise<T> {
    const { clock, metrics } = this.options;
    const startedMs = clock.monotonicMs();
    const result = await action();
    metrics.worked((clock.monotonicMs() - startedMs) / 1_000);
    return result;
  }

  /**
   * True for labels of events that are yet to be scored: while predictions are behind, as when a topic is scored again, labels wait for them in
   * the topic and not in memory.
   */
  private isEarly({ timeMs }: LabelRows): boolean {
    const { source, join } = this.options;
    const unread = source.unread();
    return join.partitions.some((partition) => (unread.get(partition) ?? 0) > 0 && timeMs[0]! > join.latestMs(partition));
  }

  /** Of each label that cannot be read, the worker of one partition of the predictions writes a dead letter, with its sums. */
  private keepLetters({ records, from, rows }: LabelRows): void {
    const { join, encodeLetters, lettersOf } = this.options;
    if (rows.failed === 0) return;
    const keeper = records.partition % this.predictionPartitions;
    const letters = lettersOf(keeper);
    if (!letters) return;
    for (let row = 0; row < rows.count; row++) {
      if (!join.isNewLabel(keeper, records.partition, records.offsets[from + row]!)) rows.withdraw(row);
    }
    const before = letters.count;
    encodeLetters(rows, letters);
    this.unreadable += letters.count - before;
  }
}
