import { blockRowsOf } from '../core/layout.ts';
import { type BinLookup, LINEAR_SHIFT } from './bin-lookup.ts';
import type { PaneSlab } from './pane-slab.ts';
import { COUNT_FLOATS } from './count-floats.wasm.ts';

/** Rows that count, and the slot of each. */
export interface RowSlots {
  /** Ascending. */
  readonly rows: Int32Array;
  readonly slots: Int32Array;
  readonly count: number;
}

/** A numeric feature in a row-major matrix of float32. */
export interface FloatFeature {
  /** Column of the matrix. */
  readonly column: number;
  /** Index of the feature in the profile, and its first cell. */
  readonly feature: number;
  readonly start: number;
  readonly lookup: BinLookup;
}

/** Called for each value that is not inside the domain of its feature. */
export type Outside = (slot: number, x: number, feature: FloatFeature) => void;

/** The kernel's exports (assembly/count-floats.ts says what the parameters are). */
interface Kernel {
  countFloats(
    values: number,
    places: number,
    bases: number,
    n: number,
    table: number,
    features: number,
    sums: number,
    outside: number,
  ): number;
}

/** As the kernel reads it. */
const FEATURE_BYTES = 64;
/** Rows of a block at most: a matrix may be one column wide. */
const MOST_ROWS = 512;

/** Counts the numeric features of a row-major matrix into a slab, in WebAssembly: a block of rows is copied over, then counted. */
export class FloatCounter {
  private readonly kernel: Kernel;
  private readonly slab: PaneSlab;
  private readonly width: number;
  private readonly features: readonly FloatFeature[];
  private readonly blockRows: number;
  private readonly table: number;
  private readonly addresses: { readonly values: number; readonly places: number; readonly bases: number; readonly outside: number };
  private values: Float32Array;
  private places: Uint32Array;
  private bases: Uint32Array;
  private outside: Int32Array;

  /** @param width columns of the matrix */
  constructor(slab: PaneSlab, width: number, features: readonly FloatFeature[]) {
    this.slab = slab;
    this.width = width;
    this.features = features;
    this.blockRows = Math.min(MOST_ROWS, blockRowsOf(width));
    const { memory } = slab;
    const rows = this.blockRows;
    this.table = writeTable(slab, features);
    this.addresses = {
      values: memory.allocate(4 * rows * width),
      places: memory.allocate(4 * rows),
      bases: memory.allocate(4 * rows),
      outside: memory.allocate(8 * rows * features.length),
    };
    this.kernel = memory.instantiate<Kernel>(COUNT_FLOATS);
    [this.values, this.places, this.bases, this.outside] = this.views();
  }

  /** Counts the rows of `matrix` that `at` names. */
  count(matrix: Float32Array, at: RowSlots, onOutside: Outside): void {
    const { kernel, slab, width, features, addresses, table } = this;
    const { rows, slots, count } = at;
    if (this.values.buffer !== slab.memory.memory.buffer) [this.values, this.places, this.bases, this.outside] = this.views();
    const { values, places, bases, outside } = this;
    const rowBytes = 4 * width;
    for (let from = 0; from < count; ) {
      const first = rows[from]!;
      const last = Math.min(first + this.blockRows - 1, rows[count - 1]!);
      let n = 0;
      for (let row = first; from + n < count && (row = rows[from + n]!) <= last; n++) {
        places[n] = (row - first) * rowBytes;
        bases[n] = slab.addressOf(slots[from + n]!);
      }
      values.set(matrix.subarray(first * width, (last + 1) * width));
      const { values: v, places: p, bases: b, outside: o } = addresses;
      const pairs = kernel.countFloats(v, p, b, n, table, features.length, slab.sumsBehind, o);
      for (let i = 0; i < pairs; i++) {
        const at = from + outside[2 * i]!;
        const feature = features[outside[2 * i + 1]!]!;
        onOutside(slots[at]!, matrix[rows[at]! * width + feature.column]!, feature);
      }
      from += n;
    }
  }

  private views(): [Float32Array, Uint32Array, Uint32Array, Int32Array] {
    const { blockRows, width, features, addresses } = this;
    const { buffer } = this.slab.memory.memory;
    return [
      new Float32Array(buffer, addresses.values, blockRows * width),
      new Uint32Array(buffer, addresses.places, blockRows),
      new Uint32Array(buffer, addresses.bases, blockRows),
      new Int32Array(buffer, addresses.outside, 2 * blockRows * features.length),
    ];
  }
}

/** @returns address of the table of features, which the head of assembly/count-floats.ts describes */
function writeTable({ memory }: PaneSlab, features: readonly FloatFeature[]): number {
  const table = memory.allocate(FEATURE_BYTES * features.length);
  for (const [index, { column, lookup, start }] of features.entries()) {
    const edges = memory.allocate(4 * lookup.edges.length);
    const grid = memory.allocate(8 * lookup.grid.length);
    const { buffer } = memory.memory;
    new Float32Array(buffer, edges, lookup.edges.length).set(lookup.edges);
    const cells = new DataView(buffer, grid, 8 * lookup.grid.length);
    for (const [cell, bin] of lookup.grid.entries()) {
      cells.setFloat32(8 * cell, lookup.edges[bin]!, true);
      cells.setUint32(8 * cell + 4, 4 * (start + bin), true);
    }
    const entry = new DataView(buffer, table + FEATURE_BYTES * index, FEATURE_BYTES);
    const isByBits = lookup.scale === 'bits';
    entry.setUint32(0, 4 * column, true);
    entry.setFloat32(4, lookup.low, true);
    entry.setFloat32(8, lookup.high, true);
    entry.setInt32(12, lookup.keyLow, true);
    entry.setFloat64(16, lookup.origin, true);
    entry.setFloat64(24, lookup.perQuantum, true);
    // Bins are counted from the first cell of the feature, and addresses wrap around.
    entry.setInt32(32, edges - 4 * start, true);
    entry.setUint32(36, grid, true);
    entry.setInt32(40, isByBits ? lookup.keyShift : LINEAR_SHIFT, true);
    entry.setInt32(44, isByBits ? 1 : 0, true);
    entry.setInt32(48, hasCrowdedCell(lookup) ? 1 : 0, true);
  }
  return table;
}

/** True when a cell of the grid holds more than one edge, so that one comparison does not find the bin. */
function hasCrowdedCell({ grid, edges, high }: BinLookup): boolean {
  let last = 0;
  while (last < edges.length - 1 && edges[last]! <= high) last++;
  return grid.some((bin, cell) => (grid[cell + 1] ?? last) - bin > 1);
}
