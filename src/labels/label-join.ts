import type { RecordBatch } from '../core/records.ts';
import { countLabel, countPrediction } from '../drift/performance/counting.ts';
import type { PerformancePane } from '../drift/performance/performance-delta.ts';
import { MAX_AHEAD_MS } from '../drift/observer.ts';
import { hashOf } from './byte-map.ts';
import { Generations } from './generations.ts';
import type { LabelColumns } from './label-columns.ts';
import { type JoinPosition, JoinSeat } from './join-seat.ts';
import type { JoinTally, LabelJoinOptions } from './join-types.ts';
import { isLater, LabelStore } from './label-store.ts';
import { cover } from './pane-sums.ts';
import { PredictionReader } from './prediction-reader.ts';
import { isRepeated, PredictionGeneration } from './prediction-store.ts';

/** Predictions of one id, in each part of the time to live, that a label is given to at most: else a key that all events share would cost a walk over all of them. */
const MAX_OF_ID = 1_000;

/**
 * Joins labels to the predictions of the partitions that this worker owns, and counts both by pane of the prediction's event time.
 *
 * What is counted is a function of how far both topics were read, not of the order in which that was done: a label counts for all predictions
 * of its id that are at most `ttlMs` away, and the last label of an id is the one that counts. So the next owner reads the last `ttlMs` of both
 * again without counting (`JoinPosition`), and goes on where this one stopped. Rows live in columns; nothing is made of a record but its pane.
 */
export class LabelJoin {
  readonly tally: JoinTally = { predictions: 0, malformedPredictions: 0, joined: 0, corrected: 0, unmatched: 0, repeated: 0, empty: 0 };
  private readonly predictions: Generations<PredictionGeneration>;
  private readonly labels: LabelStore;
  private readonly options: LabelJoinOptions;
  private readonly reader: PredictionReader;
  private readonly seats = new Map<number, JoinSeat>();
  private readonly byPartition = new Map<number, JoinSeat>();
  private nextSeat = 0;
  /** Labels before this were looked at by some seat. */
  private readonly reached = new Map<number, number>();
  private readonly row = { score: 0, predicted: 0, truth: 0, delayMs: 0 };

  constructor(options: LabelJoinOptions) {
    const { maxPredictions, ttlMs } = options;
    this.options = options;
    this.reader = new PredictionReader(options);
    this.predictions = new Generations(() => new PredictionGeneration(), maxPredictions, ttlMs);
    this.labels = new LabelStore(options);
  }

  /** Partitions of the predictions that are ours. */
  get partitions(): number[] {
    return [...this.byPartition.keys()];
  }

  /**
   * Takes a partition.
   * @param counted what the last owner has counted; undefined: nothing was
   */
  open(partition: number, counted: JoinPosition | undefined): void {
    this.close(partition);
    const seat = new JoinSeat(this.nextSeat++, partition, counted, this.options);
    this.seats.set(seat.id, seat);
    this.byPartition.set(partition, seat);
  }

  /** Lets a partition go: what was counted of it and not taken is as if it had not been. */
  close(partition: number): void {
    const seat = this.byPartition.get(partition);
    if (!seat) return;
    this.byPartition.delete(partition);
    this.seats.delete(seat.id);
  }

  /** Where each of these partitions of the labels is to be read on: where the seat that is least far stands. Empty while none waits for labels. */
  labelPositions(partitions: readonly number[]): Map<number, number> {
    const seats = [...this.seats.values()].filter(({ hasPredictions }) => hasPredictions);
    if (seats.length === 0) return new Map();
    return new Map(partitions.map((partition) => [partition, Math.min(...seats.map((seat) => seat.labelPosition(partition)))]));
  }

  /** Rows in memory. */
  get held(): { predictions: number; labels: number } {
    return { predictions: this.predictions.rows, labels: this.labels.rows };
  }

  /** Rows that were let go before their time, since there were too many. */
  get crowdedOut(): { predictions: number; labels: number } {
    return { predictions: this.predictions.crowdedOut, labels: this.labels.crowdedOut };
  }

  /** Latest event time of the predictions of a partition, ms since the epoch. */
  latestMs(partition: number): number {
    return this.byPartition.get(partition)?.latestMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Panes that something was counted in and that are not taken yet. */
  get pendingPanes(): number {
    let panes = 0;
    for (const seat of this.seats.values()) panes += seat.panes.count;
    return panes;
  }

  /** Counts the predictions of a batch. */
  takePredictions(records: RecordBatch): void {
    const seat = this.byPartition.get(records.partition);
    if (!seat) return;
    const { reader, tally } = this;
    for (let i = 0; i < records.count; i++) {
      if (records.offsets[i]! < seat.position) continue;
      const found = reader.read(records, i);
      // One event time of a wrong clock would make all windows before it final, and have them let go.
      const isTimed = reader.eventTimeMs >= 0 && reader.eventTimeMs <= records.timestamps[i]! + MAX_AHEAD_MS;
      if (found === 'ours' && isTimed) this.takePrediction(seat, records, i);
      else if (found !== 'other') tally.malformedPredictions++;
    }
    seat.position = Math.max(seat.position, records.nextOffset);
    if (records.count > 0) seat.readToMs = records.timestamps[records.count - 1]!;
  }

  /** Joins labels to the predictions that there are, and keeps them for those to come. */
  takeLabels(columns: LabelColumns): void {
    const { records, from, count, truth, timeMs, idLength } = columns;
    const { partition, offsets } = records;
    for (let row = 0; row < count; row++) {
      const offset = offsets[from + row]!;
      if (Number.isNaN(truth[row]!) || idLength[row]! <= 0 || !Number.isFinite(timeMs[row]!)) this.tally.empty++;
      else this.takeLabel(columns, row, offset);
    }
    const isWhole = from + count === records.count;
    const next = isWhole ? records.nextOffset : offsets[from + count]!;
    this.passLabels(partition, columns.position, next);
  }

  /** There are no labels of a partition between two positions but those that were taken. */
  passLabels(partition: number, from: number, to: number): void {
    for (const seat of this.seats.values()) seat.passLabels(partition, from, to);
    this.reached.set(partition, Math.max(to, this.reached.get(partition) ?? 0));
  }

  /** True when a label is new to a partition of the predictions: neither it nor the last owner has come to it. */
  isNewLabel(predictionsPartition: number, partition: number, offset: number): boolean {
    const seat = this.byPartition.get(predictionsPartition);
    return (
      seat !== undefined &&
      seat.takesLabels(partition, 0) &&
      seat.takesLabel(partition, offset) &&
      offset >= seat.labelPosition(partition) &&
      !seat.hasCountedLabels(partition, offset)
    );
  }

  /**
   * Lets go of what is too old to be joined to anything to come. It goes by the time at which records were written: event time may run through
   * months in seconds when a topic is scored again, or a partition has waited.
   * @param labelsMs timestamp up to which all partitions of the labels were read
   * @param nowMs the time: up to then a partition of the predictions was read that has no more
   * @param hasMore true for a partition of the predictions of which there is more to read
   */
  expire(labelsMs: number, nowMs: number, hasMore: (partition: number) => boolean): void {
    this.predictions.expire(Math.min(labelsMs, nowMs));
    let predictionsMs = nowMs;
    for (const seat of this.seats.values()) if (hasMore(seat.partition)) predictionsMs = Math.min(predictionsMs, seat.readToMs);
    this.labels.expire(predictionsMs);
  }

  /** What was counted of a partition since the last time, by record. */
  take(partition: number): PerformancePane[][] {
    const seat = this.byPartition.get(partition);
    return seat?.panes.take(seat.inputTopic, this.reader.arms) ?? [];
  }

  /** How far a partition is counted; undefined while what the last owner has counted is still read again, for then nothing may be taken. */
  positionOf(partition: number): JoinPosition | undefined {
    const seat = this.byPartition.get(partition);
    if (!seat?.isCaughtUp(this.reached)) return undefined;
    return seat.counts(this.predictions.firstOffset(seat.id), (label) => this.firstLabel(seat, label));
  }

  /** First label that waits, or that a prediction in memory has: when more labels come than memory holds, the second may be older. */
  private firstLabel({ id }: JoinSeat, partition: number): number | undefined {
    const joined = this.predictions.all.map((generation) => generation.firstLabel(id, partition));
    const known = [this.labels.firstOffset(partition), ...joined].filter((offset) => offset !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  private takePrediction(seat: JoinSeat, records: RecordBatch, i: number): void {
    const { reader, options, row } = this;
    const { layout, match } = options;
    const { eventTimeMs, score, arm, predicted, inputOffset } = reader;
    const offset = records.offsets[i]!;
    const byKey = match === 'key';
    const start = byKey ? records.keyStart[i]! : reader.idStart;
    const length = byKey ? records.keyLength[i]! : reader.idLength;
    const hash = length > 0 ? hashOf(records.buffer, start, length) : 0;
    const isBeyond = seat.isBeyond(reader.inputPartition, inputOffset);
    if (length > 0 && !isBeyond && isRepeated(this.predictions, seat.id, inputOffset, hash, records.buffer, start, length)) {
      this.tally.repeated++;
      return;
    }
    const isCounted = seat.hasCounted(offset);
    if (!isCounted) {
      this.tally.predictions++;
      if (seat.inputTopic === '') seat.inputTopic = reader.inputTopic();
      const pane = seat.panes.at(eventTimeMs, arm);
      countPrediction(layout, pane.cells, score);
      cover(pane, reader.inputPartition, inputOffset);
    }
    seat.latestMs = Math.max(seat.latestMs, eventTimeMs);
    if (length <= 0 || !Number.isFinite(score)) return;
    const generation = this.predictions.open(records.timestamps[i]!, seat.id, offset);
    const at = generation.add(hash, records.buffer, start, length);
    generation.seat[at] = seat.id;
    generation.offset[at] = offset;
    generation.inputOffset[at] = inputOffset;
    generation.timeMs[at] = eventTimeMs;
    generation.score[at] = score;
    generation.predicted[at] = predicted;
    generation.arm[at] = arm;
    const labels = this.labels.find(hash, records.buffer, start, length);
    if (!labels) return;
    const labelRow = this.labels.foundRow;
    const labelPartition = labels.partition[labelRow]!;
    const labelOffset = labels.offset[labelRow]!;
    const labelMs = labels.timeMs[labelRow]!;
    // One that this partition has not come to yet comes again.
    if (labelOffset >= seat.labelPosition(labelPartition) || Math.abs(labelMs - eventTimeMs) > options.ttlMs) return;
    row.truth = labels.truth[labelRow]!;
    generation.noteLabel(seat.id, labelPartition, labelOffset);
    generation.labelPartition[at] = labelPartition;
    generation.labelLogMs[at] = labels.logMs[labelRow]!;
    this.apply(seat, generation, at, labelMs, seat.hasCountedLabel(offset, labelPartition, labelOffset));
    this.tally.joined++;
  }

  private takeLabel(columns: LabelColumns, at: number, offset: number): void {
    const { records, idBuffer, idStart, idLength, truth, timeMs } = columns;
    const { predictions, options, row, tally, seats } = this;
    const { partition } = records;
    const labelMs = timeMs[at]!;
    const logMs = records.timestamps[columns.from + at]!;
    const start = idStart[at]!;
    const length = idLength[at]!;
    const hash = hashOf(idBuffer, start, length);
    let joined = 0;
    let again = 0;
    let isNew = false;
    for (const generation of predictions.all) {
      const key = generation.keys.find(hash, idBuffer, start, length);
      if (key < 0) continue;
      for (let i = generation.newest[key]!, left = MAX_OF_ID; i >= 0 && left > 0; i = generation.before[i]!, left--) {
        const seat = seats.get(generation.seat[i]!);
        if (!seat?.takesLabels(partition, columns.position) || Math.abs(labelMs - generation.timeMs[i]!) > options.ttlMs) continue;
        joined++;
        if (offset < seat.labelPosition(partition) || !seat.takesLabel(partition, offset)) continue;
        isNew = true;
        if (!Number.isNaN(generation.truth[i]!)) {
          again++;
          if (!isLater(partition, logMs, generation.labelPartition[i]!, generation.labelLogMs[i]!)) continue;
        }
        row.truth = truth[at]!;
        generation.noteLabel(seat.id, partition, offset);
        generation.labelPartition[i] = partition;
        generation.labelLogMs[i] = logMs;
        this.apply(seat, generation, i, labelMs, seat.hasCountedLabel(generation.offset[i]!, partition, offset));
      }
    }
    if (isNew) tally[again > 0 ? 'corrected' : 'joined']++;
    else if (joined === 0) tally.unmatched++;
    this.labels.keep(columns, at, hash, joined > 0);
  }

  /** Gives a prediction its label, `row.truth`, and takes back the one it had. @param isCounted the last owner has counted it */
  private apply(seat: JoinSeat, generation: PredictionGeneration, at: number, labelMs: number, isCounted: boolean): void {
    const { row, options } = this;
    const { layout } = options;
    const { truth: newTruth } = row;
    if (!isCounted) {
      const { cells } = seat.panes.at(generation.timeMs[at]!, generation.arm[at]!);
      row.score = generation.score[at]!;
      row.predicted = generation.predicted[at]!;
      if (!Number.isNaN(generation.truth[at]!)) {
        row.truth = generation.truth[at]!;
        row.delayMs = generation.labelledAtMs[at]! - generation.timeMs[at]!;
        countLabel(layout, cells, row, -1);
      }
      row.truth = newTruth;
      row.delayMs = labelMs - generation.timeMs[at]!;
      countLabel(layout, cells, row, 1);
    }
    generation.truth[at] = newTruth;
    generation.labelledAtMs[at] = labelMs;
  }
}
