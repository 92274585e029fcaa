import { total } from './divergence.ts';
import { chiSquareTail } from './gamma.ts';

/** Outcome of a chi-square test of homogeneity. */
export interface ChiSquareResult {
  readonly statistic: number;
  readonly dof: number;
  readonly p: number;
  /** Cramér's V of the same table, 0 to 1: √(χ²/N), for a table of two rows. The size of the effect, which p does not tell. */
  readonly cramersV: number;
}

/** Columns with a smaller expected count are pooled. */
const MIN_EXPECTED = 5;
/** A table of two columns needs this. */
const MIN_EXPECTED_OF_TWO = 10;

/**
 * Chi-square test of the 2 × K contingency table of reference and current counts: the reference is a sample too, so a
 * goodness-of-fit test against its shares would be wrong (false-positive rate .31 instead of .05 in simulation).
 * Columns empty on both sides are dropped, columns with an expected count below 5 are pooled into one; no Yates
 * correction. Null when fewer than two columns remain, or two with an expected count below 10.
 * @param overDispersion by how much the variance of counts is above that of independent rows. p is that of statistic / overDispersion
 *   (Rao and Scott 1981, first order), and as many times more are expected before a column stands alone.
 */
export function chiSquareTest(reference: ArrayLike<number>, current: ArrayLike<number>, overDispersion = 1): ChiSquareResult | null {
  const m = total(reference);
  const n = total(current);
  if (m === 0 || n === 0) return null;
  const smaller = Math.min(m, n) / (m + n) / overDispersion;
  const columns: { r: number; c: number }[] = [];
  const pooled = { r: 0, c: 0 };
  for (let k = 0; k < reference.length; k++) {
    const r = reference[k]!;
    const c = current[k]!;
    if (r + c === 0) continue;
    if ((r + c) * smaller >= MIN_EXPECTED) columns.push({ r, c });
    else {
      pooled.r += r;
      pooled.c += c;
    }
  }
  columns.sort((a, b) => b.r + b.c - (a.r + a.c));
  if (pooled.r + pooled.c > 0) {
    // A pool that is itself too small joins the smallest column.
    const smallest = columns.at(-1);
    if ((pooled.r + pooled.c) * smaller < MIN_EXPECTED && smallest) {
      smallest.r += pooled.r;
      smallest.c += pooled.c;
    } else columns.push(pooled);
  }
  if (columns.length < 2) return null;
  if (columns.length === 2 && columns.some(({ r, c }) => (r + c) * smaller < MIN_EXPECTED_OF_TWO)) return null;
  let statistic = 0;
  for (const { r, c } of columns) {
    const expectedR = ((r + c) * m) / (m + n);
    const expectedC = ((r + c) * n) / (m + n);
    statistic += (r - expectedR) ** 2 / expectedR + (c - expectedC) ** 2 / expectedC;
  }
  const dof = columns.length - 1;
  const p = chiSquareTail(statistic / overDispersion, dof);
  return { statistic, dof, p, cramersV: Math.min(1, Math.sqrt(statistic / (m + n))) };
}
