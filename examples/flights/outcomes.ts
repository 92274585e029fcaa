/** Predictions and what became of their flights, joined once more, without weir: what its sums must agree with. */
import { aucOf } from '../../src/drift/performance/binary.ts';
import type { PerformanceStatistics } from './performance-windows.ts';

/** Late is who arrives more minutes after the schedule: `labels.positive` of weir.yaml. */
const LATE_MINUTES = 15;
/** Both sides are quotients of whole numbers below 2^53. */
const TOLERANCE = 1e-12;

/** What a run says of its labels, and what the topics say. */
export interface LabelCheck {
  /** Scored flights whose arrival says how late they were. */
  readonly expected: number;
  /** Labelled predictions of all windows. */
  readonly labelled: number;
  /** Newest record of each window, oldest first. */
  readonly windows: readonly PerformanceStatistics[];
  /** AUC of all of them from the scores themselves, and between what it must lie by the sums of all windows; null without labels of both kinds. */
  readonly auc: { readonly raw: number; readonly lower: number; readonly upper: number } | null;
  /** Windows that count other labels or other late flights, or whose AUC from the scores is not between `aucLower` and `aucUpper`. */
  readonly apart: number;
}

/** True when each label has found its prediction, and the AUC of the sums is that of the scores. */
export function areLabelsExact({ expected, labelled, auc, apart }: LabelCheck): boolean {
  return expected === labelled && apart === 0 && (auc === null || isWithin(auc.raw, auc.lower, auc.upper));
}

/** Takes predictions and arrivals in any order. */
export class Outcomes {
  private readonly rows = new Map<string, number>();
  private readonly scores: number[] = [];
  private readonly timesMs: number[] = [];
  /** 1: late, 0: not, NaN: not known. */
  private readonly truths: number[] = [];

  /** A prediction; `timeMs` is that of its event. */
  prediction(flightId: string, score: number, timeMs: number): void {
    const row = this.row(flightId);
    this.scores[row] = score;
    this.timesMs[row] = timeMs;
  }

  /** An arrival; null: diverted. */
  arrival(flightId: string, arrDelayMinutes: number | null): void {
    this.truths[this.row(flightId)] = arrDelayMinutes === null ? Number.NaN : Number(arrDelayMinutes > LATE_MINUTES);
  }

  /** Holds windows against them. */
  check(windows: readonly PerformanceStatistics[]): LabelCheck {
    const [all, ...ofWindows] = [undefined, ...windows].map((window) => this.joined(window?.windowStart, window?.windowEnd));
    const raw = rankAuc(all!.scores, all!.truths);
    const { aucLower: lower, aucUpper: upper } = sumAuc(windows);
    return {
      expected: all!.scores.length,
      labelled: windows.reduce((sum, { labelled }) => sum + labelled, 0),
      windows,
      auc: raw === null || lower === null || upper === null ? null : { raw, lower, upper },
      apart: windows.filter(({ realised, labelled, byScore }, i) => {
        const { scores, truths } = ofWindows[i]!;
        if (labelled !== truths.length || total(byScore.map(({ positives }) => positives ?? 0)) !== total(truths)) return true;
        const auc = rankAuc(scores, truths);
        if (auc === null || realised?.aucLower == null || realised.aucUpper === null) return auc !== (realised?.auc ?? null);
        return !isWithin(auc, realised.aucLower, realised.aucUpper);
      }).length,
    };
  }

  private row(flightId: string): number {
    let row = this.rows.get(flightId);
    if (row === undefined) {
      this.rows.set(flightId, (row = this.rows.size));
      this.scores.push(Number.NaN);
      this.timesMs.push(Number.NaN);
      this.truths.push(Number.NaN);
    }
    return row;
  }

  /** Scores and truths of those that have both, of events in [`fromMs`, `toMs`). */
  private joined(fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY): { scores: number[]; truths: number[] } {
    const rows = [...this.scores.keys()].filter((row) => {
      const timeMs = this.timesMs[row]!;
      return timeMs >= fromMs && timeMs < toMs && !Number.isNaN(this.truths[row]!);
    });
    return { scores: rows.map((row) => this.scores[row]!), truths: rows.map((row) => this.truths[row]!) };
  }
}

/**
 * Area under the ROC curve from the ranks of the scores, equal ones at their mean rank (Mann and Whitney 1947). Null where one class has no rows.
 * @param truths 1 or 0 for each score
 */
export function rankAuc(scores: readonly number[], truths: readonly number[]): number | null {
  const order = Float64Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  const positives = total(truths);
  const negatives = truths.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let late = 0;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) late += truths[order[to++]!]!;
    ranks += (late * (from + to + 1)) / 2;
    from = to;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** AUC of all windows together, from their sums by bin of the score: the bins are those of the reference, the same in each. */
function sumAuc(windows: readonly PerformanceStatistics[]): ReturnType<typeof aucOf> {
  const bins = windows[0]?.byScore.length ?? 0;
  const negatives = new Float64Array(bins);
  const positives = new Float64Array(bins);
  for (const { byScore } of windows) {
    for (const [bin, { labelled, positives: late }] of byScore.entries()) {
      positives[bin]! += late ?? 0;
      negatives[bin]! += (labelled ?? 0) - (late ?? 0);
    }
  }
  return aucOf(negatives, positives);
}

function isWithin(value: number, lower: number, upper: number): boolean {
  return value >= lower - TOLERANCE && value <= upper + TOLERANCE;
}
