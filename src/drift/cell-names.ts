import { nextUpFloat32 } from './bins.ts';
import type { ReferenceFeature } from './reference-profile.ts';

/** What each cell of a feature holds, for people: `0.5 ≤ x < 0.75`, `x = 0.25`, a word, or `(all others)`. */
export function cellNames(feature: ReferenceFeature): string[] {
  if (feature.type === 'CATEGORICAL') return [...feature.vocabulary, '(all others)'];
  const { edges, counts } = feature;
  return counts.map((_, cell) => {
    const [from, to] = [edges[cell - 1], edges[cell]];
    if (from === undefined) return to === undefined ? 'any x' : `x < ${float32Text(to)}`;
    if (to === undefined) return `x ≥ ${float32Text(from)}`;
    // A value that many rows share has a bin of its own, up to the next number that a float32 can be.
    return to === nextUpFloat32(from) ? `x = ${float32Text(from)}` : `${float32Text(from)} ≤ x < ${float32Text(to)}`;
  });
}

/** The shortest decimal that is this float32: 0.06 for 0.05999999865889549. */
function float32Text(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}
