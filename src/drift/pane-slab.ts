import { type CellLayout, MARKS } from './cells.ts';

/**
 * Storage of all panes of an accumulator: a few typed arrays with room for every slot, grown by doubling. A slot is
 * what one pane of one partition counts into.
 */
export class PaneSlab {
  readonly layout: CellLayout;
  /** Cells a slot. */
  readonly cells: number;
  /** Marks a slot: `MARKS.length` for each feature. */
  readonly marksPerSlot: number;
  /** Slots in use. */
  used = 0;
  /** `counts[slot * cells + cell]`. */
  counts: Uint32Array;
  /** `sums[slot * cells + cell]`: integers. */
  sums: Float64Array;
  /** `marks[slot * marksPerSlot + feature * MARKS.length + mark]`. */
  marks: Uint32Array;
  /** `lowest[slot * features + feature]`: smallest value below the domain, +∞ when none. */
  lowest: Float64Array;
  /** Largest value above the domain, −∞ when none. */
  highest: Float64Array;
  /** Scored rows of each slot. */
  events: Uint32Array;
  private readonly free: number[] = [];
  private readonly features: number;

  constructor(layout: CellLayout, slots = 4) {
    this.layout = layout;
    this.cells = layout.cells;
    this.features = layout.features.length;
    this.marksPerSlot = this.features * MARKS.length;
    this.counts = new Uint32Array(slots * this.cells);
    this.sums = new Float64Array(slots * this.cells);
    this.marks = new Uint32Array(slots * this.marksPerSlot);
    this.lowest = new Float64Array(slots * this.features).fill(Number.POSITIVE_INFINITY);
    this.highest = new Float64Array(slots * this.features).fill(Number.NEGATIVE_INFINITY);
    this.events = new Uint32Array(slots);
    for (let slot = slots - 1; slot >= 0; slot--) this.free.push(slot);
  }

  /** A slot with nothing counted. */
  acquire(): number {
    if (this.free.length === 0) this.grow();
    this.used++;
    return this.free.pop()!;
  }

  /** Gives a slot back, emptied. */
  release(slot: number): void {
    const { cells, marksPerSlot, features } = this;
    this.counts.fill(0, slot * cells, (slot + 1) * cells);
    this.sums.fill(0, slot * cells, (slot + 1) * cells);
    this.marks.fill(0, slot * marksPerSlot, (slot + 1) * marksPerSlot);
    this.lowest.fill(Number.POSITIVE_INFINITY, slot * features, (slot + 1) * features);
    this.highest.fill(Number.NEGATIVE_INFINITY, slot * features, (slot + 1) * features);
    this.events[slot] = 0;
    this.used--;
    this.free.push(slot);
  }

  private grow(): void {
    const slots = this.events.length;
    const copy = <T extends Uint32Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.counts = copy(new Uint32Array(this.counts.length * 2), this.counts);
    this.sums = copy(new Float64Array(this.sums.length * 2), this.sums);
    this.marks = copy(new Uint32Array(this.marks.length * 2), this.marks);
    this.lowest = copy(new Float64Array(this.lowest.length * 2).fill(Number.POSITIVE_INFINITY), this.lowest);
    this.highest = copy(new Float64Array(this.highest.length * 2).fill(Number.NEGATIVE_INFINITY), this.highest);
    this.events = copy(new Uint32Array(slots * 2), this.events);
    for (let slot = slots * 2 - 1; slot >= slots; slot--) this.free.push(slot);
  }
}
