import { KernelMemory } from '../core/kernel-memory.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Rows } from '../core/rows.ts';
import { ARE_WITHIN } from './are-within.wasm.ts';

/** Largest float32; what lies beyond in a float32 matrix is infinite. */
export const FLOAT32_MAX = 3.4028234663852886e38;

/** The kernel's exports (assembly/are-within.ts says what the parameters are). */
interface Kernel {
  areWithin(values: number, count: number, low: number, high: number, period: number): number;
}

/** Of the kernel's vectors, in values. Bounds of so many rows are a whole number of vectors, whatever the width. */
const LANES = 4;

/** The good values of each float matrix of a layout, and whether all of some rows are among them. */
export class Bounds {
  private readonly memory = new KernelMemory();
  private readonly kernel = this.memory.instantiate<Kernel>(ARE_WITHIN);
  private readonly lanes: readonly { readonly width: number; readonly low: number; readonly high: number }[];
  private readonly values: Float32Array;
  private readonly address: number;

  /** @param mostRows of one look */
  constructor(layout: RowLayout, mostRows: number) {
    const widest = Math.max(0, ...layout.floatWidths);
    this.address = this.memory.allocate(4 * widest * mostRows);
    // What is only compared may be anything.
    this.lanes = layout.floatWidths.slice(0, layout.modelFloats).map((width, lane) => ({
      width,
      low: this.write(rowOf(layout, lane, -FLOAT32_MAX, 'min')),
      high: this.write(rowOf(layout, lane, FLOAT32_MAX, 'max')),
    }));
    this.values = new Float32Array(this.memory.memory.buffer, this.address, widest * mostRows);
  }

  /** True when all values of the rows are there and within their bounds, those of rows that have failed included. */
  hold(rows: Rows, fromRow: number, toRow: number): boolean {
    for (const [lane, { width, low, high }] of this.lanes.entries()) {
      this.values.set(rows.floats[lane]!.subarray(fromRow * width, toRow * width));
      if (this.kernel.areWithin(this.address, (toRow - fromRow) * width, low, high, LANES * width) === 0) return false;
    }
    return true;
  }

  private write(row: Float32Array): number {
    const address = this.memory.allocate(4 * LANES * row.length);
    const copies = new Float32Array(this.memory.memory.buffer, address, LANES * row.length);
    for (let copy = 0; copy < LANES; copy++) copies.set(row, copy * row.length);
    return address;
  }
}

/** One bound for each place of a row. */
function rowOf({ columns, floatWidths }: RowLayout, ofLane: number, none: number, which: 'min' | 'max'): Float32Array {
  const row = new Float32Array(floatWidths[ofLane]!).fill(none);
  for (const { kind, lane, slot, size = 1, [which]: bound } of columns)
    if (kind === 'float' && lane === ofLane && bound !== undefined) row.fill(bound, slot, slot + size);
  return row;
}
