import type { PaneGrid } from '../core/window-size.ts';
import type { PerformanceLayout } from '../drift/performance/layout.ts';
import { PanesOfSeat } from './pane-sums.ts';

/** How far a partition of the predictions, and the labels for it, are counted: what the next owner goes on from. */
export interface JoinPosition {
  /** Position in the partition of predictions: those before are counted. */
  readonly predictions: number;
  /** Position in each partition of the labels: of those before each is counted that belongs to one of these predictions. */
  readonly labels: Readonly<Record<number, number>>;
  /** From where on both must be read again, uncounted, to know what labels may still be joined to. */
  readonly predictionsFrom: number;
  readonly labelsFrom: Readonly<Record<number, number>>;
}

/** A partition of the predictions that is ours: how far it was read, and what was counted since the last delta. */
export class JoinSeat {
  readonly id: number;
  readonly partition: number;
  readonly panes: PanesOfSeat;
  /** Next prediction to read. */
  position: number;
  /** Next label to look at, by partition of the labels. */
  readonly labels: Map<number, number>;
  /** Latest event time of the predictions. */
  latestMs = Number.NEGATIVE_INFINITY;
  /** Timestamp of the last prediction that was read. */
  readToMs = Number.NEGATIVE_INFINITY;
  inputTopic = '';
  /** Offset of the last event that was new, by partition of the input: nearly always there is one. */
  private readonly newest = new Map<number, { offset: number }>();
  private newestPartition = -1;
  private newestOffset = { offset: -1 };

  /** What the last owner has counted. */
  private readonly counted: JoinPosition | undefined;
  private isRead = false;

  constructor(
    id: number,
    partition: number,
    counted: JoinPosition | undefined,
    { layout, grid }: { readonly layout: PerformanceLayout; readonly grid: PaneGrid },
  ) {
    this.id = id;
    this.partition = partition;
    this.counted = counted;
    this.position = counted?.predictionsFrom ?? 0;
    this.labels = new Map(entriesOf(counted?.labelsFrom ?? {}));
    this.panes = new PanesOfSeat(layout, grid);
  }

  /** Next label of a partition to look at. */
  labelPosition(partition: number): number {
    return this.labels.get(partition) ?? 0;
  }

  /** True when labels of a partition from a position on may be looked at: its predictions are there, and it was looked at all labels before. */
  takesLabels(partition: number, position: number): boolean {
    return this.hasPredictions && this.labelPosition(partition) >= position;
  }

  /**
   * True when a label may be looked at now: one that is new waits until those that the last owner has counted were looked at again in all
   * partitions. It may take the place of one of them, and that one is taken back.
   */
  takesLabel(partition: number, labelOffset: number): boolean {
    return this.hasCountedLabels(partition, labelOffset) || this.hasLabels;
  }

  /** Labels of a partition from one position to another were looked at, by whoever takes them. */
  passLabels(partition: number, from: number, to: number): void {
    if (!this.takesLabels(partition, from)) return;
    const until = this.hasLabels ? to : Math.min(to, this.counted?.labels[partition] ?? 0);
    this.labels.set(partition, Math.max(this.labelPosition(partition), until));
  }

  /** True once all labels that the last owner has come to were looked at again. */
  private get hasLabels(): boolean {
    this.isRead ||= entriesOf(this.counted?.labels ?? {}).every(([label, position]) => this.labelPosition(label) >= position);
    return this.isRead;
  }

  /** True for an event beyond all before it: they come in order, but for those that are scored again after a crash. */
  isBeyond(inputPartition: number, inputOffset: number): boolean {
    if (inputPartition !== this.newestPartition) {
      this.newestPartition = inputPartition;
      let known = this.newest.get(inputPartition);
      if (!known) this.newest.set(inputPartition, (known = { offset: -1 }));
      this.newestOffset = known;
    }
    if (inputOffset <= this.newestOffset.offset) return false;
    this.newestOffset.offset = inputOffset;
    return true;
  }

  /** True when the last owner has counted a prediction. */
  hasCounted(predictionOffset: number): boolean {
    return this.counted !== undefined && predictionOffset < this.counted.predictions;
  }

  /** True when the last owner has come past a label. */
  hasCountedLabels(partition: number, labelOffset: number): boolean {
    return labelOffset < (this.counted?.labels[partition] ?? 0);
  }

  /** True when the last owner has counted a label with a prediction. */
  hasCountedLabel(predictionOffset: number, partition: number, labelOffset: number): boolean {
    return this.hasCounted(predictionOffset) && this.hasCountedLabels(partition, labelOffset);
  }

  /**
   * True once the predictions that the last owner has counted were read again. Their labels come after that: of those that one id has had in
   * turn, it must be known which was counted last.
   */
  get hasPredictions(): boolean {
    return !this.counted || this.position >= this.counted.predictions;
  }

  /**
   * True once all labels that the last owner, or another seat of this one, has come to were looked at. Before that some of what is new is
   * counted and some is not, so that no position tells which.
   * @param labels positions that any seat has come to
   */
  isCaughtUp(labels: ReadonlyMap<number, number>): boolean {
    return this.hasPredictions && this.hasLabels && [...labels].every(([label, position]) => this.labelPosition(label) >= position);
  }

  /**
   * How far it is counted; only once it has caught up.
   * @param firstPrediction offset of the first prediction that labels may still be joined to; undefined: there is none
   * @param firstLabel offset of the first label of a partition that may still be joined
   */
  counts(firstPrediction: number | undefined, firstLabel: (partition: number) => number | undefined): JoinPosition {
    const labels: Record<number, number> = {};
    const labelsFrom: Record<number, number> = {};
    for (const [label, position] of this.labels) {
      labels[label] = position;
      labelsFrom[label] = Math.min(position, firstLabel(label) ?? position);
    }
    return { predictions: this.position, labels, predictionsFrom: Math.min(this.position, firstPrediction ?? this.position), labelsFrom };
  }
}

/**
 * A position without what refers to a log that is not there any more: a topic that was made anew begins at 0 again.
 * @param ends end of each partition of the labels
 */
export function withinLog(counted: JoinPosition, ends: ReadonlyMap<number, number>): JoinPosition {
  const kept = (positions: Readonly<Record<number, number>>): Record<number, number> =>
    Object.fromEntries(entriesOf(positions).filter(([label]) => (counted.labels[label] ?? 0) <= (ends.get(label) ?? 0)));
  return { ...counted, labels: kept(counted.labels), labelsFrom: kept(counted.labelsFrom) };
}

function entriesOf(positions: Readonly<Record<number, number>>): [number, number][] {
  return Object.entries(positions).map(([label, position]) => [Number(label), position]);
}
