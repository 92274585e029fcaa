import type { RecordBatch } from '../core/records.ts';

interface PartitionEnd {
  /** After what was fetched. */
  nextOffset: number;
  highWatermark: number;
  /** The position committed; before the first commit, the first offset fetched. */
  committed: number;
}

/** How far each assigned partition is from its end, as of its last fetch. */
export class PartitionEnds {
  private readonly ends = new Map<number, PartitionEnd>();

  fetched({ partition, nextOffset, highWatermark, offsets }: RecordBatch): void {
    const committed = this.ends.get(partition)?.committed ?? offsets[0]!;
    this.ends.set(partition, { nextOffset, highWatermark, committed });
  }

  committed(partition: number, nextOffset: number): void {
    const end = this.ends.get(partition);
    if (end) end.committed = nextOffset;
  }

  clear(): void {
    this.ends.clear();
  }

  /** Records in the log and not committed, by partition. */
  lag(): Map<number, number> {
    return this.distances(({ highWatermark, committed }) => highWatermark - committed);
  }

  /** Records in the log and not fetched, by partition. */
  unread(): Map<number, number> {
    return this.distances(({ highWatermark, nextOffset }) => highWatermark - nextOffset);
  }

  private distances(distance: (end: PartitionEnd) => number): Map<number, number> {
    return new Map([...this.ends].map(([partition, end]) => [partition, Math.max(0, distance(end))]));
  }
}
