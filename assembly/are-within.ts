/**
 * Looks whether all values of a row-major matrix of float32 are within the bounds of their columns, in WebAssembly, four at a time.
 * AssemblyScript; scripts/generate.ts compiles it into src/pipeline/are-within.wasm.ts. Its only caller is src/pipeline/bounds.ts.
 */

/**
 * @param values `count` values
 * @param low smallest good value of each; after `period` values they start again. A multiple of 4.
 * @param high largest good value
 * @returns 1 when all are within; NaN is not
 */
export function areWithin(values: usize, count: i32, low: usize, high: usize, period: i32): i32 {
  const end = values + (<usize>count << 2);
  const whole = values + (<usize>(count & ~3) << 2);
  const periodBytes = <usize>period << 2;
  let place: usize = 0;
  let at = values;
  while (at < whole) {
    const stop = min(whole, at + periodBytes - place);
    let isWithin = i32x4.splat(-1);
    for (; at < stop; at += 16, place += 16) {
      const x = v128.load(at);
      isWithin = v128.and(isWithin, v128.and(f32x4.ge(x, v128.load(low + place)), f32x4.le(x, v128.load(high + place))));
    }
    if (!i32x4.all_true(isWithin)) return 0;
    if (place === periodBytes) place = 0;
  }
  for (; at < end; at += 4, place += 4) {
    const x = load<f32>(at);
    if (!(i32(x >= load<f32>(low + place)) & i32(x <= load<f32>(high + place)))) return 0;
  }
  return 1;
}
