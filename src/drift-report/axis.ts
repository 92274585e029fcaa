/** Where a value lies in a drawing. */
export type Scale = (value: number) => number;

/** Maps `from` to `at` and `to` to `end`, and all between in proportion; one decimal, which is finer than a pixel. */
export function scaleOf(from: number, to: number, at: number, end: number): Scale {
  const span = to - from || 1;
  return (value) => Number((at + ((value - from) / span) * (end - at)).toFixed(1));
}

/** Round numbers from at or below `from` to at or above `to`: 1, 2 or 5 times a power of ten apart, in five steps at most, and what rounding adds. */
export function ticksOf(from: number, to: number): number[] {
  const span = to > from ? to - from : Math.abs(from) / 10 || 1;
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const step = power * ([1, 2, 5].find((by) => by * power * 5 >= span) ?? 10);
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(to / step - 1e-9));
  // Multiples of a step are not exact: 3 · 0.1 is not 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
