import type { CellLayout } from './cells.ts';
import { coarseCounts, samplesNeeded } from './feature-statistics.ts';
import { chiSquareTest } from './tests/chi-square.ts';
import { total } from './tests/divergence.ts';
import type { Window } from './window.ts';

/** Pairs of neighbouring windows from which over-dispersion is estimated: the last so many. */
export const MOST_PAIRS = 100;
/** With fewer pairs nothing is estimated. */
export const FEWEST_PAIRS = 30;

/** What is known of over-dispersion, as plain values. */
export interface OverDispersionState {
  /** By start of the later window of a pair: one number a feature, null where a side had too few values. */
  readonly ratios: readonly (readonly [number, readonly (number | null)[]])[];
  /** Coarse counts by feature of the youngest window that was let go, with its start. */
  readonly last: readonly [number, readonly (readonly number[])[]] | null;
}

/** Options of `OverDispersion`. */
export interface OverDispersionOptions {
  readonly cells: CellLayout;
  readonly minSamples: number;
  /** At least 1: what holds until there are enough pairs, and the least that is ever said. */
  readonly minimum: number;
}

/**
 * Estimates by how much rows that are not independent (one weather reading serves many flights) inflate the variance of counts, for
 * each feature: φ̂ = X²/dof of the contingency table, as for quasi-likelihood (McCullagh and Nelder 1989, §4.5) and for samples of clusters
 * (Rao and Scott 1981). With clusters of c rows that share a value, φ = c.
 *
 * The tables compare each final window with the one before it, not with the reference: what differs from the reference for good then
 * cancels out, as in von Neumann's mean square of successive differences (1941). So no window needs to be chosen as healthy: choosing by p or
 * by distance would leave out just those that show over-dispersion, and drift that lasts is not taken for it. What is left of a change is
 * the one pair that spans it; the median over the pairs, divided by the median of χ², is not moved by a few of those.
 *
 * What it cannot see is dependence that outlasts a window, as both windows of a pair share it.
 */
export class OverDispersion {
  private readonly options: OverDispersionOptions;
  private readonly ratios = new Map<number, readonly (number | null)[]>();
  private last: OverDispersionState['last'] = null;

  constructor(options: OverDispersionOptions) {
    this.options = options;
  }

  /**
   * φ̂ of a feature as known to the window that begins at `startMs`: from the pairs before it. One so old that those are forgotten uses
   * the oldest that are known.
   */
  at(startMs: number, feature: number): number {
    const known: number[] = [];
    let before = 0;
    for (const [start, values] of this.ratios) {
      const ratio = start === startMs ? null : values[feature]!;
      if (ratio === null) continue;
      known.push(ratio);
      if (start < startMs) before++;
    }
    const { minimum } = this.options;
    if (known.length < FEWEST_PAIRS) return minimum;
    const to = Math.max(before, FEWEST_PAIRS);
    return Math.max(minimum, medianOf(known.slice(Math.max(0, to - MOST_PAIRS), to)));
  }

  /**
   * Compares a final window with the one before it; a revision of the window takes the place of what it gave before.
   * @param before undefined: it is not in memory; the youngest that was let go is known nevertheless
   * @param startBeforeMs start of the window before
   */
  learn(window: Window, before: Window | undefined, startBeforeMs: number): void {
    const remembered = this.last?.[0] === startBeforeMs ? this.last[1] : undefined;
    if (!before && !remembered) return;
    const { cells, minSamples } = this.options;
    const ratios = cells.features.map((_, index) =>
      pairRatio(before ? coarseCounts(before, index) : remembered![index]!, coarseCounts(window, index), minSamples),
    );
    this.ratios.set(window.startMs, ratios);
    const inOrder = [...this.ratios].sort(([a], [b]) => a - b).slice(-MOST_PAIRS);
    this.ratios.clear();
    for (const [start, values] of inOrder) this.ratios.set(start, values);
  }

  /** A final window is let go: its counts are kept for the next one, which may still be open. */
  letGo(window: Window): void {
    if (this.last && window.startMs < this.last[0]) return;
    this.last = [window.startMs, this.options.cells.features.map((_, index) => coarseCounts(window, index))];
  }

  /** What it knows, as plain values. */
  save(): OverDispersionState {
    return { ratios: [...this.ratios], last: this.last };
  }

  /** Goes on from what `save` gave. */
  restore({ ratios, last }: OverDispersionState): void {
    for (const [start, values] of ratios) this.ratios.set(start, values);
    this.last = last;
  }
}

/** X² of two windows over the median of χ² with as many degrees of freedom: 1 in the median for independent rows. */
function pairRatio(before: readonly number[], now: readonly number[], minSamples: number): number | null {
  const needed = samplesNeeded(now.length, minSamples);
  if (total(before) < needed || total(now) < needed) return null;
  const chi = chiSquareTest(before, now);
  if (chi === null) return null;
  // Wilson and Hilferty 1931; within 1 % from two degrees of freedom on.
  const median = chi.dof * (1 - 2 / (9 * chi.dof)) ** 3;
  // Rounded, so that the saved state stays small.
  return Number((chi.statistic / median).toPrecision(5));
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
