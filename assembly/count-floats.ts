/**
 * The kernel of drift in WebAssembly: counts a block of rows into the cells of their slots, column by column, four rows at a time.
 * AssemblyScript; scripts/generate.ts compiles it into src/drift/count-floats.wasm.ts. It checks nothing: addresses and sizes are
 * those of src/drift/float-counter.ts, its only caller. Why not JavaScript: docs/adr/0013-kernels-in-webassembly.md.
 *
 * A feature, 64 bytes of the table (float-counter.ts writes them):
 *   0 u32 offset of its column in a row · 4 f32 low · 8 f32 high · 12 i32 keyLow · 16 f64 origin · 24 f64 perQuantum ·
 *   32 u32 edges, less 4 × first cell · 36 u32 grid · 40 i32 shift · 44 i32 isByBits · 48 i32 walks
 * A cell of a grid, 8 bytes: 0 f32 the next edge · 4 u32 4 × (first cell of the feature + bin).
 */

/** Bytes of a feature in the table. */
const FEATURE: usize = 64;

/**
 * @param values the rows, row-major float32
 * @param places byte offset of each row that counts, from `values`
 * @param bases address of the counts (u32) of each row's slot; its sums (f64) lie `sums` bytes behind
 * @param n rows that count
 * @param outside where to write what is not inside the domain, as pairs (i32 row of the block, i32 feature of the table)
 * @returns number of those pairs
 */
export function countFloats(
  values: usize,
  places: usize,
  bases: usize,
  n: i32,
  table: usize,
  features: i32,
  sums: usize,
  outside: usize,
): i32 {
  let out = outside;
  const whole = n & ~3;
  for (let f = 0; f < features; f++, table += FEATURE) {
    const column = values + load<u32>(table, 0);
    const low = load<f32>(table, 4);
    const high = load<f32>(table, 8);
    const keyLow = load<i32>(table, 12);
    const origin = load<f64>(table, 16);
    const perQuantum = load<f64>(table, 24);
    const edges = load<usize>(table, 32);
    const grid = load<usize>(table, 36);
    const shift = load<i32>(table, 40);
    const isByBits = load<i32>(table, 44);
    const walks = load<i32>(table, 48);
    let row = 0;
    for (; row < whole; row += 4) {
      const place = places + (<usize>row << 2);
      const a = load<f32>(column + load<u32>(place, 0));
      const b = load<f32>(column + load<u32>(place, 4));
      const c = load<f32>(column + load<u32>(place, 8));
      const d = load<f32>(column + load<u32>(place, 12));
      let x = f32x4.splat(a);
      x = f32x4.replace_lane(x, 1, b);
      x = f32x4.replace_lane(x, 2, c);
      x = f32x4.replace_lane(x, 3, d);
      const isInside = v128.and(f32x4.ge(x, f32x4.splat(low)), f32x4.le(x, f32x4.splat(high)));
      if (!i32x4.all_true(isInside)) {
        for (let i = row; i < row + 4; i++) {
          out = countOne(column, places, bases, i, f, low, high, keyLow, origin, perQuantum, edges, grid, shift, isByBits, walks, sums, out);
        }
        continue;
      }
      // In double precision, as the reference's own sums are.
      const quantaAB = quanta2(f64x2.promote_low_f32x4(x), origin, perQuantum);
      const quantaCD = quanta2(f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3)), origin, perQuantum);
      let cells: v128;
      if (isByBits) cells = i32x4.sub(v128.xor(x, v128.and(i32x4.shr_s(x, 31), i32x4.splat(0x7fffffff))), i32x4.splat(keyLow));
      else {
        const whole2 = i32x4.trunc_sat_f64x2_s_zero(quantaCD);
        cells = i32x4.shuffle(i32x4.trunc_sat_f64x2_s_zero(quantaAB), whole2, 0, 1, 4, 5);
      }
      cells = i32x4.shr_u(cells, shift);
      const base = bases + (<usize>row << 2);
      put(a, i32x4.extract_lane(cells, 0), f64x2.extract_lane(quantaAB, 0), grid, edges, walks, load<usize>(base, 0), sums);
      put(b, i32x4.extract_lane(cells, 1), f64x2.extract_lane(quantaAB, 1), grid, edges, walks, load<usize>(base, 4), sums);
      put(c, i32x4.extract_lane(cells, 2), f64x2.extract_lane(quantaCD, 0), grid, edges, walks, load<usize>(base, 8), sums);
      put(d, i32x4.extract_lane(cells, 3), f64x2.extract_lane(quantaCD, 1), grid, edges, walks, load<usize>(base, 12), sums);
    }
    for (; row < n; row++) {
      out = countOne(column, places, bases, row, f, low, high, keyLow, origin, perQuantum, edges, grid, shift, isByBits, walks, sums, out);
    }
  }
  return <i32>((out - outside) >> 3);
}

/** round((x − origin) / quantum), of two values. */
// @ts-ignore: decorator
@inline
function quanta2(x: v128, origin: f64, perQuantum: f64): v128 {
  return f64x2.floor(f64x2.add(f64x2.mul(f64x2.sub(x, f64x2.splat(origin)), f64x2.splat(perQuantum)), f64x2.splat(0.5)));
}

/** Counts a value that is inside the domain, from the cell of the grid that it lies in. */
// @ts-ignore: decorator
@inline
function put(x: f32, cell: i32, quanta: f64, grid: usize, edges: usize, walks: i32, base: usize, sums: usize): void {
  const entry = grid + (<usize>cell << 3);
  let bin = load<usize>(entry, 4) + (<usize>i32(x >= load<f32>(entry, 0)) << 2);
  if (walks) while (x >= load<f32>(edges + bin)) bin += 4;
  const count = base + bin;
  store<u32>(count, load<u32>(count) + 1);
  const sum = base + sums + (bin << 1);
  store<f64>(sum, load<f64>(sum) + quanta);
}

/** One row, inside the domain or not. @returns where the next one outside goes */
function countOne(
  column: usize,
  places: usize,
  bases: usize,
  row: i32,
  feature: i32,
  low: f32,
  high: f32,
  keyLow: i32,
  origin: f64,
  perQuantum: f64,
  edges: usize,
  grid: usize,
  shift: i32,
  isByBits: i32,
  walks: i32,
  sums: usize,
  out: usize,
): usize {
  const x = load<f32>(column + load<u32>(places + (<usize>row << 2)));
  if (!(i32(x >= low) & i32(x <= high))) {
    store<i32>(out, row, 0);
    store<i32>(out, feature, 4);
    return out + 8;
  }
  const quanta = Math.floor((<f64>x - origin) * perQuantum + 0.5);
  const bits = reinterpret<i32>(x);
  const key = isByBits ? (bits ^ ((bits >> 31) & 0x7fffffff)) - keyLow : <i32>quanta;
  put(x, <i32>(<u32>key >>> shift), quanta, grid, edges, walks, load<usize>(bases + (<usize>row << 2)), sums);
  return out;
}
