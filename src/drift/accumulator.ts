import type { PaneGrid } from '../core/window-size.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Source } from '../core/ports.ts';
import { type AssignmentOrigin, type Position, positionAfter, type RecordSlice, type TopicPartition } from '../core/records.ts';
import { GROUP_HIT, type Rows, type Scores, STATUS_OK, STATUS_SKIPPED, STATUS_WITHDRAWN } from '../core/rows.ts';
import { createBinLookup } from './bin-lookup.ts';
import { type CellLayout, isNumeric, STAND_INS, STORE_MISS, TYPE_MISMATCHES } from './cells.ts';
import { countFlags, countGroup, countOutside, countWords } from './counting.ts';
import { FloatCounter, type FloatFeature, type Outside, type RowSlots } from './float-counter.ts';
import { PaneSlab } from './pane-slab.ts';
import { SkewCounter } from './skew.ts';
import { Vocabulary } from './vocabulary.ts';

/** What was counted of one input partition since it was last taken. */
export interface Segment extends TopicPartition {
  /** The assignment whose records these are. */
  readonly origin: AssignmentOrigin;
  /** True when the partition has gone on from elsewhere. */
  isOver: boolean;
  /** Position from which on nothing is taken yet. What lies between two segments' positions is counted, or is nothing that is ever seen. */
  fromOffset: number;
  /** Position up to which all is counted. */
  toOffset: number;
  atEnd: boolean;
  /** Latest usable event time in this segment, ever; −1 when none. */
  maxEventTimeMs: number;
  deadLetters: number;
  skipped: number;
  untimed: number;
  /** Slot in the slab of each pane, by pane start. */
  readonly panes: Map<number, number>;
}

/** Options of an accumulator. */
export interface AccumulatorOptions {
  readonly layout: RowLayout;
  readonly cells: CellLayout;
  /** Panes of event time. */
  readonly panes: PaneGrid;
  /** Event times after this are not usable: one wrong clock must not close all windows. */
  readonly latestUsableMs: () => number;
}

/**
 * Counts rows by (input partition, pane of event time) into bins that the reference fixed. All panes live in one slab;
 * a row's slot is found once and used by every column, so columns are counted one after another at full speed
 * whatever mix of partitions and panes a micro-batch holds.
 */
export class Accumulator {
  readonly slab: PaneSlab;
  private readonly options: AccumulatorOptions;
  private readonly segments: Segment[] = [];
  /** One for each lane of numbers; none where drift counts nothing of it. */
  private readonly lanes: readonly (FloatCounter | undefined)[];
  private readonly scores: FloatCounter;
  private readonly words: readonly { readonly feature: number; readonly lane: number; readonly vocabulary: Vocabulary }[];
  /** The scores, rounded to float32 like everything that is binned. */
  private score = new Float32Array(0);
  /** Features of each column, by its index; none where drift does not count it. */
  private readonly featuresOf: readonly (readonly number[])[];
  /** Features of each group. */
  private readonly members: readonly (readonly number[])[];
  private readonly at = { rows: new Int32Array(0), slots: new Int32Array(0), count: 0 };
  /** Dead letters with a value of a wrong type: they are in no bin. Without room until there is one. */
  private readonly rejected = { rows: new Int32Array(0), slots: new Int32Array(0), count: 0 };
  private readonly skew: SkewCounter | undefined;
  private readonly onOutside: Outside;

  constructor(options: AccumulatorOptions) {
    this.options = options;
    const { features } = options.cells;
    this.slab = new PaneSlab(options.cells);
    const { columns, groups, monitored } = options.layout;
    this.featuresOf = columns.map((column) => monitored.flatMap((m, feature) => (m.column === column ? [feature] : [])));
    this.members = groups.map((group) => group.columns.flatMap((column) => this.featuresOf[column.index]!));
    this.skew = options.layout.comparisons.length > 0 ? new SkewCounter(this.slab, options.layout) : undefined;
    this.onOutside = (slot, x, feature) => countOutside(this.slab, slot, x, feature);
    const floatFeature = (feature: number, column: number): FloatFeature[] => {
      const { reference, start } = features[feature]!;
      return isNumeric(reference) ? [{ column, feature, start, lookup: createBinLookup(reference) }] : [];
    };
    this.lanes = options.layout.floatWidths.map((width, lane) => {
      const counted = monitored.flatMap(({ column, slot }, feature) =>
        column.kind === 'float' && column.lane === lane ? floatFeature(feature, slot) : [],
      );
      return counted.length > 0 ? new FloatCounter(this.slab, width, counted) : undefined;
    });
    this.scores = new FloatCounter(this.slab, 1, floatFeature(features.length - 1, 0));
    this.words = monitored.flatMap(({ column: { lane } }, feature) => {
      const { reference } = features[feature]!;
      return isNumeric(reference) ? [] : [{ feature, lane, vocabulary: new Vocabulary(reference.vocabulary) }];
    });
  }

  /** Panes that hold counts now, of all partitions. */
  get panes(): number {
    return this.slab.used;
  }

  /** Counts a scored micro-batch. Rows that are not ok are in no bin. */
  observe(rows: Rows, scores: Scores, source: Pick<Source, 'originOf'>): void {
    this.place(rows, source);
    if (rows.wrongTypeCount > 0) this.countWrongTypes(rows);
    const { at, slab } = this;
    if (at.count === 0) return;
    const { features } = this.options.cells;
    for (const { feature, lane, vocabulary } of this.words)
      countWords(slab, at, rows.texts[lane]!, vocabulary, feature, features[feature]!.start);
    for (const [lane, counter] of this.lanes.entries()) counter?.count(rows.floats[lane]!, at, this.onOutside);
    this.score.set(scores.score.subarray(0, rows.count));
    this.scores.count(this.score, at, this.onOutside);
    this.countSources(rows, at);
    this.skew?.count(rows, at);
  }

  /** There are no records up to a position. */
  advance(position: Position, source: Pick<Source, 'originOf'>): void {
    const segment = this.segmentOf(position, source);
    if (!segment) return;
    segment.toOffset = Math.max(segment.toOffset, position.nextOffset);
    // All that was fetched is settled: it has waited for more.
    segment.atEnd = true;
  }

  /** Hands over every segment that moved and forgets its counts; panes must be read from the slab inside `read`. */
  take(read: (segment: Readonly<Segment>) => void): void {
    for (const segment of this.segments) {
      if (segment.toOffset === segment.fromOffset) continue;
      read(segment);
      this.release(segment);
      segment.fromOffset = segment.toOffset;
      segment.deadLetters = 0;
      segment.skipped = 0;
      segment.untimed = 0;
    }
    // Of what a partition went on from, nothing more comes.
    for (let index = this.segments.length - 1; index >= 0; index--) if (this.segments[index]!.isOver) this.segments.splice(index, 1);
  }

  /** True when some records were counted and not yet taken. */
  get hasCounts(): boolean {
    return this.segments.some(({ fromOffset, toOffset }) => fromOffset !== toOffset);
  }

  /** Forgets partitions with all that was not taken. */
  revoke(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      for (let index = this.segments.length - 1; index >= 0; index--) {
        const segment = this.segments[index]!;
        if (segment.topic === topic && segment.partition === partition) this.drop(segment);
      }
    }
  }

  private drop(segment: Segment): void {
    this.release(segment);
    this.segments.splice(this.segments.indexOf(segment), 1);
  }

  private release(segment: Segment): void {
    for (const slot of segment.panes.values()) this.slab.release(slot);
    segment.panes.clear();
  }

  /** Finds the slot of every row that counts. */
  private place(rows: Rows, source: Pick<Source, 'originOf'>): void {
    const { at } = this;
    at.count = 0;
    this.rejected.count = 0;
    if (at.rows.length < rows.count) {
      at.rows = new Int32Array(rows.capacity);
      at.slots = new Int32Array(rows.capacity);
      this.score = new Float32Array(rows.capacity);
    }
    const latest = this.options.latestUsableMs();
    for (const slice of rows.slices) {
      // Withdrawn rows are the next owner's, and must not open the segment again that `revoke` closed.
      if (rows.status[slice.fromRow] === STATUS_WITHDRAWN) continue;
      const segment = this.segmentOf(slice.records, source);
      if (segment) this.placeSlice(rows, slice, segment, latest);
    }
  }

  private placeSlice(rows: Rows, slice: RecordSlice, segment: Segment, latest: number): void {
    const { at, slab } = this;
    const { panes } = this.options;
    const { status, eventTimeMs } = rows;
    const endRow = slice.fromRow + slice.to - slice.from;
    let paneStart = Number.NaN;
    let paneEnd = Number.NaN;
    let slot = -1;
    let maxTime = segment.maxEventTimeMs;
    for (let row = slice.fromRow; row < endRow; row++) {
      if (status[row] !== STATUS_OK) {
        if (status[row] === STATUS_SKIPPED) segment.skipped++;
        else {
          segment.deadLetters++;
          if (rows.hasWrongType(row)) maxTime = Math.max(maxTime, this.reject(row, eventTimeMs[row]!, segment, latest));
        }
        continue;
      }
      const time = eventTimeMs[row]!;
      if (!(time >= 0 && time <= latest)) {
        segment.untimed++;
        continue;
      }
      if (!(time >= paneStart && time < paneEnd)) {
        paneStart = panes.startOf(time);
        paneEnd = panes.endOf(paneStart);
        slot = this.slotOf(segment, paneStart);
      }
      if (time > maxTime) maxTime = time;
      slab.events[slot]!++;
      at.rows[at.count] = row;
      at.slots[at.count++] = slot;
    }
    segment.maxEventTimeMs = maxTime;
    segment.toOffset = positionAfter(slice).nextOffset;
    segment.atEnd = segment.toOffset >= slice.records.endOffset;
  }

  /** The slot of a pane of a segment. */
  private slotOf(segment: Segment, paneStart: number): number {
    let slot = segment.panes.get(paneStart);
    if (slot === undefined) segment.panes.set(paneStart, (slot = this.slab.acquire()));
    return slot;
  }

  /** Puts a dead letter with a value of a wrong type into the pane of its event time. @returns that time, or −1 when it is not usable */
  private reject(row: number, time: number, segment: Segment, latest: number): number {
    if (!(time >= 0 && time <= latest)) return -1;
    const { rejected } = this;
    if (rejected.rows.length < this.at.rows.length) {
      rejected.rows = new Int32Array(this.at.rows.length);
      rejected.slots = new Int32Array(this.at.rows.length);
    }
    const slot = this.slotOf(segment, this.options.panes.startOf(time));
    this.slab.rejected[slot]!++;
    rejected.rows[rejected.count] = row;
    rejected.slots[rejected.count++] = slot;
    return time;
  }

  /** The segment that records of an assignment continue or open; none when the assignment is over. */
  private segmentOf(
    { topic, partition, epoch }: TopicPartition & { readonly epoch: number },
    source: Pick<Source, 'originOf'>,
  ): Segment | undefined {
    const known = this.segments.find((s) => s.topic === topic && s.partition === partition && !s.isOver);
    const origin = source.originOf({ topic, partition });
    if (origin?.epoch !== epoch) return undefined;
    if (known && isSame(known.origin, origin)) return known;
    // Of another assignment: its counts are the next owner's. Of this one: it has gone on from elsewhere, and what it counted stands.
    if (known && known.origin.epoch !== epoch) this.drop(known);
    else if (known) known.isOver = true;
    const segment: Segment = {
      topic,
      partition,
      origin,
      isOver: false,
      fromOffset: origin.startOffset,
      toOffset: origin.startOffset,
      atEnd: false,
      maxEventTimeMs: known?.origin.epoch === epoch ? known.maxEventTimeMs : -1,
      deadLetters: 0,
      skipped: 0,
      untimed: 0,
      panes: new Map(),
    };
    this.segments.push(segment);
    return segment;
  }

  /** Only for batches with values of a wrong type. */
  private countWrongTypes({ wrongTypes, layout }: Rows): void {
    for (const at of [this.at, this.rejected])
      countFlags(this.slab, at, wrongTypes, layout.degradedWords, TYPE_MISMATCHES, this.featuresOf);
  }

  /** Which values are stand-ins, and what the online stores said. */
  private countSources(rows: Rows, at: RowSlots): void {
    const { layout } = this.options;
    countFlags(this.slab, at, rows.degraded, layout.degradedWords, STAND_INS, this.featuresOf);
    for (const group of layout.groups) {
      countGroup(this.slab, at, rows.groupState[group.index]!, GROUP_HIT, STORE_MISS - 1, this.members[group.index]!);
    }
  }
}

function isSame(a: AssignmentOrigin, b: AssignmentOrigin): boolean {
  return a.epoch === b.epoch && a.beganAtMs === b.beganAtMs && a.startOffset === b.startOffset;
}
