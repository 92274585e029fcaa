import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import type { GroupPositions } from './group-positions.ts';

/** Ends older than this are asked for again at the next scrape. */
export const END_MAX_AGE_MS = 5_000;

/** What a fetch says of one partition. */
export interface FetchedEnd {
  readonly partition: number;
  readonly fetchedOffset: number;
  readonly nextOffset: number;
  readonly lastStableOffset: number;
  /** When, on the monotonic clock. */
  readonly seenAtMs: number;
}

interface PartitionEnd {
  /** After what was fetched. */
  nextOffset: number;
  /** The last stable offset: what is behind it belongs to transactions that are open, and nobody can read it yet. */
  endOffset: number;
  /** The position committed; before the first commit, the first offset fetched. */
  committed: number;
  /** When the end was seen. */
  seenAtMs: number;
}

/** What the ends of a topic need to keep themselves true. */
export interface PartitionEndsOptions {
  readonly positions: Pick<GroupPositions, 'committed' | 'logEnds'>;
  readonly startFrom: 'earliest' | 'latest';
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How far each assigned partition is from its end, as of its last fetch or refresh. */
export class PartitionEnds {
  private readonly options: PartitionEndsOptions;
  private ends = new Map<number, PartitionEnd>();
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private refreshing: Promise<void> | undefined;

  constructor(options: PartitionEndsOptions) {
    this.options = options;
  }

  fetched({ partition, fetchedOffset, nextOffset, lastStableOffset: endOffset, seenAtMs }: FetchedEnd): void {
    const committed = this.ends.get(partition)?.committed ?? fetchedOffset;
    this.ends.set(partition, { nextOffset, endOffset, committed, seenAtMs });
  }

  committed(partition: number, nextOffset: number): void {
    const end = this.ends.get(partition);
    if (end) end.committed = nextOffset;
  }

  /** Forgets partitions that are not ours any more. */
  drop(partitions: readonly number[]): void {
    // A new map: a refresh still under way belongs to the old one.
    this.ends = new Map([...this.ends].filter(([partition]) => !partitions.includes(partition)));
    this.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * Asks the brokers for the ends of what has not been fetched lately, such as paused partitions: else lag would stand
   * still just while it grows. In the background, at most every 5 s; the answer counts from the next call of `lag` on.
   */
  refresh(partitions: readonly number[]): void {
    const nowMs = this.options.clock.monotonicMs();
    const isStale = partitions.some((partition) => nowMs - (this.ends.get(partition)?.seenAtMs ?? -Infinity) >= END_MAX_AGE_MS);
    if (!isStale || this.refreshing || nowMs - this.askedAtMs < END_MAX_AGE_MS) return;
    this.askedAtMs = nowMs;
    this.refreshing = this.ask(partitions, this.ends)
      .catch((thrown: unknown) =>
        this.options.logger.warn({ reason: String(thrown) }, 'lag is not up to date: the ends of the partitions are not known'),
      )
      .finally(() => {
        this.refreshing = undefined;
      });
  }

  /** Records in the log and not committed, by partition. */
  lag(): Map<number, number> {
    return this.distances(({ endOffset, committed }) => endOffset - committed);
  }

  /** Records in the log and not fetched, by partition. */
  unread(): Map<number, number> {
    return this.distances(({ endOffset, nextOffset }) => endOffset - nextOffset);
  }

  private async ask(partitions: readonly number[], ends: Map<number, PartitionEnd>): Promise<void> {
    const { positions, startFrom, clock } = this.options;
    const logEnds = await positions.logEnds();
    const committed = partitions.every((partition) => ends.has(partition)) ? new Map<number, number>() : await positions.committed();
    for (const partition of partitions) {
      const log = logEnds.get(partition);
      if (!log) continue;
      const end = ends.get(partition);
      const position = committed.get(partition) ?? (startFrom === 'earliest' ? log.low : log.high);
      ends.set(partition, {
        nextOffset: end?.nextOffset ?? position,
        // A fetch may have come back since.
        endOffset: Math.max(end?.endOffset ?? 0, log.high),
        committed: end?.committed ?? position,
        seenAtMs: clock.monotonicMs(),
      });
    }
  }

  private distances(distance: (end: PartitionEnd) => number): Map<number, number> {
    return new Map([...this.ends].map(([partition, end]) => [partition, Math.max(0, distance(end))]));
  }
}
