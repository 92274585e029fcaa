import { MAX_QUANTA, type NumericFeature } from './reference-profile.ts';

/** A linear grid cell is this many bits of quanta. 2^20 quanta make 1,024 cells. */
export const LINEAR_SHIFT = 10;
/** Cells of a grid over float bits, at most. */
const MAX_BIT_CELLS = 2048;

/**
 * A feature's edges prepared so that most values find their bin in one step: a grid over the domain says how many
 * edges lie in earlier cells, and the rest is a walk. The grid is linear, or over the bits of the float (which is
 * logarithmic) where most of the mass would sit in one linear cell, as with amounts that span decades. A binary search
 * costs two to four times as much, for its branches cannot be predicted (bench/drift/observe.ts).
 *
 * For values inside the domain only: those below it are in the first bin and those above it in the last, as no edge
 * lies outside the domain.
 */
export interface BinLookup {
  /** Smallest and largest reference value; +∞ and −∞ when there is none. */
  readonly low: number;
  readonly high: number;
  readonly origin: number;
  /** 1 / quantum, a power of two, so that multiplying is exact. */
  readonly perQuantum: number;
  /** Edges, then +∞, where the walk ends. */
  readonly edges: Float32Array;
  /** For each cell the number of edges in earlier cells: a lower bound of the bin. */
  readonly grid: Uint16Array;
  readonly scale: 'linear' | 'bits';
  /** Of a grid over bits: cell = (key − keyLow) >>> keyShift. */
  readonly keyLow: number;
  readonly keyShift: number;
  readonly lastBin: number;
}

/** Prepares the look-up with the grid that makes the shorter walks over the reference. */
export function createBinLookup(feature: NumericFeature, force?: BinLookup['scale']): BinLookup {
  const { edges, origin, quantum, min, max } = feature;
  const padded = new Float32Array(edges.length + 1).fill(Number.POSITIVE_INFINITY);
  padded.set(edges);
  const low = min ?? Number.POSITIVE_INFINITY;
  // + 0 turns −0 into 0: what compares as equal must lie in the grid.
  const high = (max ?? Number.NEGATIVE_INFINITY) + 0;
  const perQuantum = 1 / quantum;
  // −0 comes just before 0 among the keys but is the same value.
  const keyLow = low === 0 ? keyOf(-0) : keyOf(low);
  let keyShift = 0;
  while (((keyOf(high) - keyLow) | 0) >>> keyShift >= MAX_BIT_CELLS) keyShift++;
  const cellOf = {
    linear: (x: number): number => (((x - origin) * perQuantum + 0.5) | 0) >>> LINEAR_SHIFT,
    bits: (x: number): number => ((keyOf(x) - keyLow) | 0) >>> keyShift,
  };
  const base = { low, high, origin, perQuantum, edges: padded, keyLow, keyShift, lastBin: edges.length };
  if (min === null) return { ...base, scale: 'linear', grid: new Uint16Array(1) };
  const linear = gridOf(feature, high, cellOf.linear);
  const bits = gridOf(feature, high, cellOf.bits);
  const scale = force ?? (linear.steps <= bits.steps ? 'linear' : 'bits');
  return { ...base, scale, grid: scale === 'linear' ? linear.grid : bits.grid };
}

/** A grid, and the steps that all reference values together would walk. Cells never fall when x grows. */
function gridOf(feature: NumericFeature, high: number, cellOf: (x: number) => number): { grid: Uint16Array; steps: number } {
  const { edges, counts, origin } = feature;
  const grid = new Uint16Array(cellOf(high) + 1);
  for (const edge of edges) if (edge <= high) grid[cellOf(edge) + 1]!++;
  for (let cell = 1; cell < grid.length; cell++) grid[cell]! += grid[cell - 1]!;
  let steps = 0;
  for (const [bin, n] of counts.entries()) if (n > 0) steps += n * (bin - grid[cellOf(bin === 0 ? origin : edges[bin - 1]!)]!);
  return { grid, steps };
}

const floatBits = new Float32Array(1);
const intBits = new Int32Array(floatBits.buffer);

/** A 32-bit integer that orders as the float32 does. */
function keyOf(x: number): number {
  floatBits[0] = x;
  return orderedBits(intBits[0]!);
}

/** The bits of a float32 as an integer that orders as the float does. */
function orderedBits(bits: number): number {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/** round((x − origin) / quantum) for any finite x, held within ±MAX_QUANTA. */
export function boundedQuantaOf(x: number, origin: number, perQuantum: number): number {
  return Math.floor(Math.max(-MAX_QUANTA, Math.min(MAX_QUANTA, (x - origin) * perQuantum)) + 0.5);
}
