import { type CellLayout, MARKS } from './cells.ts';
import { KernelMemory } from '../core/kernel-memory.ts';

/**
 * Storage of all panes of an accumulator: a few typed arrays with room for every slot, grown by doubling. A slot is
 * what one pane of one partition counts into. Counts and sums lie in memory that the kernel sees, side by side for each slot.
 */
export class PaneSlab {
  readonly layout: CellLayout;
  /** Where counts and sums are, and whatever kernels need beside them: allocated before the first slot, which are the last in it. */
  readonly memory = new KernelMemory();
  /** The sums of a slot start this many bytes behind its address. */
  readonly sumsBehind: number;
  /** Marks a slot: `MARKS.length` for each feature. */
  readonly marksPerSlot: number;
  /** Slots in use. */
  used = 0;
  /** `marks[slot * marksPerSlot + feature * MARKS.length + mark]`. */
  marks: Uint32Array;
  /** `lowest[slot * features + feature]`: smallest value below the domain, +∞ when none. */
  lowest: Float64Array;
  /** Largest value above the domain, −∞ when none. */
  highest: Float64Array;
  /** Scored rows of each slot. */
  events: Uint32Array;
  /** Dead letters of each slot that had a value of a wrong type. */
  rejected: Uint32Array;
  private readonly free: number[] = [];
  private readonly features: number;
  private readonly slotBytes: number;
  /** Address of the first slot, −1 before there is one. */
  private start = -1;
  private allWords = new Uint32Array(0);
  private allDoubles = new Float64Array(0);

  constructor(layout: CellLayout, slots = 4) {
    this.layout = layout;
    this.sumsBehind = 8 * Math.ceil(layout.cells / 2);
    this.slotBytes = 16 * Math.ceil((this.sumsBehind + 8 * layout.cells) / 16);
    this.features = layout.features.length;
    this.marksPerSlot = this.features * MARKS.length;
    this.marks = new Uint32Array(slots * this.marksPerSlot);
    this.lowest = new Float64Array(slots * this.features).fill(Number.POSITIVE_INFINITY);
    this.highest = new Float64Array(slots * this.features).fill(Number.NEGATIVE_INFINITY);
    this.events = new Uint32Array(slots);
    this.rejected = new Uint32Array(slots);
    for (let slot = slots - 1; slot >= 0; slot--) this.free.push(slot);
  }

  /** A slot with nothing counted. */
  acquire(): number {
    if (this.free.length === 0) this.grow();
    if (this.start < 0) this.start = this.memory.allocate(this.slotBytes * this.events.length);
    this.used++;
    return this.free.pop()!;
  }

  /** Address in the kernel's memory of the counts (u32 each) of a slot. */
  addressOf(slot: number): number {
    return this.start + slot * this.slotBytes;
  }

  /** Counts of a slot, by cell. Gone with the next `acquire`. */
  countsOf(slot: number): Uint32Array {
    const first = this.addressOf(slot) >>> 2;
    return this.words.subarray(first, first + this.layout.cells);
  }

  /** Sums of a slot, by cell: integers. Gone with the next `acquire`. */
  sumsOf(slot: number): Float64Array {
    const first = (this.addressOf(slot) + this.sumsBehind) >>> 3;
    return this.doubles.subarray(first, first + this.layout.cells);
  }

  /** All of the memory as u32: the count of cell c is number `addressOf(slot) / 4 + c`. Gone with the next `acquire`. */
  get words(): Uint32Array {
    const { buffer } = this.memory.memory;
    if (this.allWords.buffer !== buffer) this.allWords = new Uint32Array(buffer);
    return this.allWords;
  }

  /** All of it as f64: the sum of cell c is number `(addressOf(slot) + sumsBehind) / 8 + c`. Gone with the next `acquire`. */
  get doubles(): Float64Array {
    const { buffer } = this.memory.memory;
    if (this.allDoubles.buffer !== buffer) this.allDoubles = new Float64Array(buffer);
    return this.allDoubles;
  }

  /** Gives a slot back, emptied. */
  release(slot: number): void {
    const { marksPerSlot, features } = this;
    new Uint8Array(this.memory.memory.buffer, this.addressOf(slot), this.slotBytes).fill(0);
    this.marks.fill(0, slot * marksPerSlot, (slot + 1) * marksPerSlot);
    this.lowest.fill(Number.POSITIVE_INFINITY, slot * features, (slot + 1) * features);
    this.highest.fill(Number.NEGATIVE_INFINITY, slot * features, (slot + 1) * features);
    this.events[slot] = 0;
    this.rejected[slot] = 0;
    this.used--;
    this.free.push(slot);
  }

  private grow(): void {
    const slots = this.events.length;
    const copy = <T extends Uint32Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    // Just behind the others: nothing is allocated after the first slot.
    if (this.start >= 0) this.memory.allocate(this.slotBytes * slots);
    this.marks = copy(new Uint32Array(this.marks.length * 2), this.marks);
    this.lowest = copy(new Float64Array(this.lowest.length * 2).fill(Number.POSITIVE_INFINITY), this.lowest);
    this.highest = copy(new Float64Array(this.highest.length * 2).fill(Number.NEGATIVE_INFINITY), this.highest);
    this.events = copy(new Uint32Array(slots * 2), this.events);
    this.rejected = copy(new Uint32Array(slots * 2), this.rejected);
    for (let slot = slots * 2 - 1; slot >= slots; slot--) this.free.push(slot);
  }
}
