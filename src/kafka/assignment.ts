import type { Clock } from '../core/clock.ts';
import { type AssignmentOrigin, type Position, positionAfter, type RecordSlice, type TopicPartition } from '../core/records.ts';
import type { PartitionFetch } from './protocol/columnar-fetch.ts';

/** One partition of ours and how far it is. */
interface HeldPartition {
  /** Which assignment of the partition this is; a new one for every assignment that did not continue the last. */
  readonly epoch: number;
  origin: AssignmentOrigin;
  /** Next offset to fetch. */
  position: number;
  /** Position after the last records that the pipeline has let go of; where the group stands once that is committed. */
  released: number;
  /** Records fetched and not released. */
  unreleased: number;
  /** Bytes to ask for; grows while a record batch does not fit, or large ones are cut off. */
  maxBytes: number;
}

/** What a fetch brought of one partition, as far as positions go. */
export interface FetchedRange {
  readonly partition: number;
  readonly fetchedOffset: number;
  readonly nextOffset: number;
  /** Whole size of the batch of which only the beginning came; 0 when none was cut off. */
  readonly partialBytes: number;
}

/**
 * Where large batches are cut off, so many of them are asked for: the part that came of the last one is thrown away and fetched again, half
 * a batch in the mean.
 */
const WHOLE_BATCHES = 8;
/** But no more for their sake than so many times what is set. */
const MOST_TIMES = 4;

/**
 * The partitions of a topic that are ours, their epochs and their fetch positions. kafkajs keeps positions of its own,
 * where a seek made just before a rebalance is applied after it; nothing of that is used.
 */
export class Assignment {
  private readonly topic: string;
  private readonly maxBytes: number;
  private readonly held = new Map<number, HeldPartition>();
  private readonly clock: Clock;
  private nextEpoch = 1;
  private beganAtMs = 0;

  /** @param maxBytes bytes fetched per partition and request */
  constructor(topic: string, maxBytes: number, clock: Clock) {
    this.clock = clock;
    this.topic = topic;
    this.maxBytes = maxBytes;
  }

  get partitions(): number[] {
    return [...this.held.keys()];
  }

  get isEmpty(): boolean {
    return this.held.size === 0;
  }

  epochOf(partition: number): number | undefined {
    return this.held.get(partition)?.epoch;
  }

  owns({ topic, partition, epoch }: TopicPartition & { readonly epoch: number }): boolean {
    return topic === this.topic && this.held.get(partition)?.epoch === epoch;
  }

  /** How the assignment of a partition began; undefined when it is not ours. */
  originOf(partition: number): AssignmentOrigin | undefined {
    return this.held.get(partition)?.origin;
  }

  /** Begins a new epoch of a partition at an offset. */
  begin(partition: number, offset: number, generation: number): void {
    const epoch = this.nextEpoch++;
    const origin = { epoch, startOffset: offset, generation, beganAtMs: this.began(), isElsewhere: false };
    this.held.set(partition, { epoch, origin, position: offset, released: offset, unreleased: 0, maxBytes: this.maxBytes });
  }

  /** A rebalance has left a partition with us: it goes on where the pipeline let go, under the new generation. */
  continue(partition: number, generation: number): void {
    const held = this.held.get(partition);
    if (held) held.origin = { epoch: held.epoch, startOffset: held.released, generation, beganAtMs: this.began(), isElsewhere: false };
  }

  /** Gives partitions up and returns those that were ours. */
  drop(partitions: readonly number[] = this.partitions): number[] {
    return partitions.filter((partition) => this.held.delete(partition));
  }

  /**
   * True when a partition that was ours may go on after a rebalance without reading again what is queued: the group stands
   * exactly where the pipeline let go, so nobody has processed what is queued, and nothing is repeated.
   * @param committed the group's position; undefined: none
   */
  continuesFrom(partition: number, committed: number | undefined): boolean {
    const held = this.held.get(partition);
    return held !== undefined && committed !== undefined && held.released === committed;
  }

  /** What to ask the brokers for. */
  wanted(): PartitionFetch[] {
    return [...this.held].map(([partition, { position, maxBytes }]) => ({ topic: this.topic, partition, offset: position, maxBytes }));
  }

  /** True when a fetch brought what comes next; another answer is one to a question asked before a rewind or a rebalance. */
  expects({ partition, fetchedOffset }: FetchedRange): boolean {
    return this.held.get(partition)?.position === fetchedOffset;
  }

  /** Moves a partition past what a fetch brought. */
  advance({ partition, nextOffset, partialBytes }: FetchedRange, records: number): void {
    const held = this.held.get(partition);
    if (!held) return;
    held.position = nextOffset;
    held.unreleased += records;
    held.maxBytes = Math.max(this.maxBytes, Math.min(WHOLE_BATCHES * partialBytes, MOST_TIMES * this.maxBytes));
  }

  /** Goes on elsewhere, when a position has turned out not to be in the log. */
  seek(partition: number, offset: number): void {
    const held = this.held.get(partition);
    if (!held) return;
    held.position = offset;
    held.origin = { ...held.origin, startOffset: offset, beganAtMs: this.began(), isElsewhere: true };
  }

  /** Now, but later than ever before: clocks are set back. */
  private began(): number {
    this.beganAtMs = Math.max(this.beganAtMs + 1, this.clock.wallMs());
    return this.beganAtMs;
  }

  /** A record batch of so many bytes did not fit into what was asked for. */
  askForMore(partition: number, bytes: number): void {
    const held = this.held.get(partition);
    if (held) held.maxBytes = Math.max(bytes, 2 * held.maxBytes);
  }

  release(slice: RecordSlice): void {
    if (!this.owns(slice.records)) return;
    const held = this.held.get(slice.records.partition)!;
    held.unreleased -= slice.to - slice.from;
    held.released = positionAfter(slice).nextOffset;
  }

  /** Positions past offsets that nobody will see, of partitions with nothing unreleased; each is told once. */
  takeIdle(): Position[] {
    const idle: Position[] = [];
    for (const [partition, held] of this.held) {
      if (held.unreleased > 0 || held.position <= held.released) continue;
      held.released = held.position;
      idle.push({ topic: this.topic, partition, epoch: held.epoch, nextOffset: held.position });
    }
    return idle;
  }

  /** Those of the positions whose epoch is still ours. */
  ownedOf(positions: readonly Position[]): Position[] {
    return positions.filter((position) => this.owns(position));
  }
}
