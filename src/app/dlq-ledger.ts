/** Offsets as text: ascending, runs as `first-last`, such as `3-7,12`. @param offsets ascending */
export function formatOffsets(offsets: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < offsets.length; ) {
    let last = i;
    while (last + 1 < offsets.length && offsets[last + 1] === offsets[last]! + 1) last++;
    parts.push(last === i ? `${offsets[i]}` : `${offsets[i]}-${offsets[last]}`);
    i = last + 1;
  }
  return parts.join(',');
}

/**
 * Which dead letters have been redriven, from the markers among them. A marker stands in the partition of its dead letters
 * and is written in one transaction with the redriven records, so it is there if and only if they are; and it is younger
 * than they are, so retention never removes it first.
 */
export class RedriveLedger {
  private readonly runs = new Map<number, { from: number; to: number }[]>();
  private isSorted = true;

  /** Takes the text of a marker in; text that is none counts for nothing. */
  add(partition: number, offsets: string): void {
    let runs = this.runs.get(partition);
    if (!runs) this.runs.set(partition, (runs = []));
    for (const part of offsets.split(',')) {
      const match = /^(\d{1,16})(?:-(\d{1,16}))?$/.exec(part);
      if (match) runs.push({ from: Number(match[1]), to: Number(match[2] ?? match[1]) });
    }
    this.isSorted = false;
  }

  /** True when the dead letter has been redriven. */
  has(partition: number, offset: number): boolean {
    if (!this.isSorted) this.sort();
    const runs = this.runs.get(partition) ?? [];
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[middle]!.to < offset) low = middle + 1;
      else high = middle;
    }
    return low < runs.length && runs[low]!.from <= offset;
  }

  /** Sorts and joins runs that overlap (records redriven again) or touch. */
  private sort(): void {
    for (const [partition, runs] of this.runs) {
      runs.sort((a, b) => a.from - b.from);
      const joined: typeof runs = [];
      for (const run of runs) {
        const last = joined.at(-1);
        if (last && run.from <= last.to + 1) last.to = Math.max(last.to, run.to);
        else joined.push({ ...run });
      }
      this.runs.set(partition, joined);
    }
    this.isSorted = true;
  }
}
