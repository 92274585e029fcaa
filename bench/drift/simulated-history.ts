/** One history of windows of random rows, judged with over-dispersion and as if rows were independent, by the code that judges those of the merger. */
import type { Random } from '../../src/core/random.ts';
import type { WindowSize } from '../../src/core/window-size.ts';
import { type CellLayout, cellLayoutOf } from '../../src/drift/cells.ts';
import { type DecisionOptions, decideWindow, verdictsOf } from '../../src/drift/decision.ts';
import { measureFeature } from '../../src/drift/feature-statistics.ts';
import { Hysteresis } from '../../src/drift/hysteresis.ts';
import type { ReferenceFeature } from '../../src/drift/reference-profile.ts';
import { Windows } from '../../src/drift/windows.ts';
import { profileOf, type Shares, samplerOf } from './simulated.ts';

/** What was said of a window. */
export interface Verdict {
  /** By feature. */
  readonly statuses: readonly string[];
  readonly alerts: readonly boolean[];
  readonly isSignificant: boolean;
}

/** One history of windows against one reference. */
export class History {
  private readonly cells: CellLayout;
  private readonly options: DecisionOptions & { readonly size: WindowSize };
  private readonly windows: Windows;
  /** Of those that take rows for independent. */
  private readonly hysteresis = new Hysteresis();
  private readonly random: Random;
  private startMs = 0;

  /**
   * @param features with `rows` rows each
   * @param random for the rows of windows
   */
  constructor(
    features: readonly ReferenceFeature[],
    rows: number,
    random: Random,
    options: DecisionOptions & { readonly size: WindowSize },
  ) {
    this.random = random;
    this.options = options;
    this.cells = cellLayoutOf(profileOf(features, rows));
    this.windows = new Windows({ cells: this.cells, ...options, overDispersion: 1, pending: () => [] });
  }

  /** Fills the next window with `rows` rows of which `shared` have the same values, and judges it with φ̂ and without. */
  next(shares: readonly Shares[], rows: number, shared: number): { with: Verdict; without: Verdict; overDispersion: number } {
    const { windows, cells, options } = this;
    const { alpha, thresholds, minSamples } = options;
    const open = windows.at((this.startMs += options.size.longestMs))!;
    open.window.events = rows;
    for (const [index, { start }] of cells.features.entries()) {
      const draw = samplerOf(shares[index]!, this.random);
      for (let row = 0; row < rows; row += shared) open.window.counts[start + draw()]! += shared;
    }
    const decided = windows.decide(open);
    windows.conclude(open);
    open.finals++;
    const known: Verdict = {
      statuses: [...decided.features, decided.prediction].map(({ status }) => status),
      alerts: windows.alerts(open),
      isSignificant: open.measures.some(({ p }) => p !== null && p < alpha),
    };
    const measures = cells.features.map((_, index) => measureFeature(open.window, index, minSamples));
    const plain = decideWindow(open.window, measures, options);
    const verdicts = verdictsOf(plain, thresholds);
    const alerts = this.hysteresis.after(this.startMs, verdicts);
    this.hysteresis.conclude(this.startMs, verdicts);
    this.hysteresis.forgetBefore(this.startMs);
    for (const old of windows.inOrder().slice(0, -2)) windows.forget(old);
    return {
      with: known,
      without: {
        statuses: [...plain.features, plain.prediction].map(({ status }) => status),
        alerts,
        isSignificant: measures.some(({ p }) => p !== null && p < alpha),
      },
      overDispersion: open.measures[0]!.overDispersion,
    };
  }
}
