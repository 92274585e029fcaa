import type { PaneGrid } from '../core/window-size.ts';
import type { PerformanceLayout } from '../drift/performance/layout.ts';
import type { PerformancePane } from '../drift/performance/performance-delta.ts';

/** Sums of one pane and arm on their way to the merger. */
export interface PaneSums {
  readonly startMs: number;
  readonly endMs: number;
  readonly arm: number;
  readonly cells: Float64Array;
  /** Input offsets that hold all events that were counted, by partition. */
  readonly inputs: Map<number, { from: number; to: number }>;
}

/** An event of a pane is at an offset of the input. */
export function cover({ inputs }: PaneSums, partition: number, offset: number): void {
  const range = inputs.get(partition);
  if (!range) inputs.set(partition, { from: offset, to: offset + 1 });
  else if (offset < range.from) range.from = offset;
  else if (offset >= range.to) range.to = offset + 1;
}

/** Records stay below about this many bytes. */
const MAX_RECORD_BYTES = 256_000;

/** A record holds no larger sum: beyond 2^53 a long cannot be written. */
const MAX_SUM = 2 ** 52;

/** What is not 0, in portions that can be written: more than one only where labels are far off, as in another unit than the scores. */
function* portionsOf(counted: Float64Array): Generator<{ readonly cells: number[]; readonly sums: number[] }> {
  const rest = counted.slice();
  for (;;) {
    const cells: number[] = [];
    for (let cell = 0; cell < rest.length; cell++) if (rest[cell] !== 0) cells.push(cell);
    if (cells.length === 0) return;
    const sums = cells.map((cell) => Math.max(-MAX_SUM, Math.min(MAX_SUM, rest[cell]!)));
    yield { cells, sums };
    for (const [i, cell] of cells.entries()) rest[cell]! -= sums[i]!;
  }
}

/** Panes of one seat since its last delta. */
export class PanesOfSeat {
  private readonly layout: PerformanceLayout;
  private readonly grid: PaneGrid;
  private readonly panes = new Map<string, PaneSums>();
  private last: PaneSums | undefined;

  constructor(layout: PerformanceLayout, grid: PaneGrid) {
    this.layout = layout;
    this.grid = grid;
  }

  /** Panes that something was counted in. */
  get count(): number {
    return this.panes.size;
  }

  /** The pane of a time and arm. */
  at(timeMs: number, arm: number): PaneSums {
    const { last } = this;
    if (last && timeMs >= last.startMs && timeMs < last.endMs && last.arm === arm) return last;
    const startMs = this.grid.startOf(timeMs);
    const key = `${startMs} ${arm}`;
    let pane = this.panes.get(key);
    if (!pane) {
      const cells = new Float64Array(this.layout.size);
      this.panes.set(key, (pane = { startMs, endMs: this.grid.endOf(startMs), arm, cells, inputs: new Map() }));
    }
    return (this.last = pane);
  }

  /**
   * What was counted, in records' worth of panes in order of time, and forgets it.
   * @param topic of the events
   */
  take(topic: string, arms: readonly string[]): PerformancePane[][] {
    const records: PerformancePane[][] = [[]];
    let bytes = 0;
    for (const pane of [...this.panes.values()].sort((a, b) => a.startMs - b.startMs || a.arm - b.arm)) {
      // A label that was corrected and then corrected back leaves nothing.
      for (const { cells, sums } of portionsOf(pane.cells)) {
        const size = 40 + 7 * cells.length;
        if (bytes + size > MAX_RECORD_BYTES && bytes > 0) {
          records.push([]);
          bytes = 0;
        }
        bytes += size;
        records.at(-1)!.push({
          start: pane.startMs,
          durationMs: pane.endMs - pane.startMs,
          arm: arms[pane.arm]!,
          ...{ cells, sums },
          inputs: [...pane.inputs].map(([partition, { from, to }]) => ({ topic, partition, fromOffset: from, toOffset: to })),
        });
      }
    }
    this.panes.clear();
    this.last = undefined;
    return records.filter((panes) => panes.length > 0);
  }
}
