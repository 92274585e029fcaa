import { binOf, ceilFloat32 } from '../bins.ts';

/** Numbers of rows at a threshold; of an estimate they need not be whole. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** Area under a ROC curve of binned scores, and between what it lies whatever the order within the bins. */
export interface BinnedAuc {
  readonly auc: number | null;
  readonly aucLower: number | null;
  readonly aucUpper: number | null;
}

/**
 * The share of pairs of a negative and a positive in which the positive has the higher score (Mann and Whitney 1947). Pairs within a bin count half.
 * Null where one of the classes has no rows.
 * @param negatives by bin of the score, ascending
 * @param positives likewise
 */
export function aucOf(negatives: ArrayLike<number>, positives: ArrayLike<number>): BinnedAuc {
  let below = 0;
  let concordant = 0;
  let tied = 0;
  let positive = 0;
  for (let bin = 0; bin < positives.length; bin++) {
    concordant += positives[bin]! * below;
    tied += positives[bin]! * negatives[bin]!;
    below += negatives[bin]!;
    positive += positives[bin]!;
  }
  const pairs = positive * below;
  if (!(pairs > 0)) return { auc: null, aucLower: null, aucUpper: null };
  return { auc: (concordant + tied / 2) / pairs, aucLower: concordant / pairs, aucUpper: (concordant + tied) / pairs };
}

/**
 * First bin whose scores mean yes: those from `threshold` on. Undefined when it is no edge: then its bin holds both, and nobody can tell how many of each.
 * @param edges ascending float32 edges of the score
 */
export function thresholdBin(edges: readonly number[], threshold: number | undefined): number | undefined {
  if (threshold === undefined) return undefined;
  // Scores are float32, which are at or above a threshold exactly when they are at or above the next float32.
  const edge = ceilFloat32(threshold);
  const bin = binOf(edges, edge);
  return bin > 0 && edges[bin - 1] === edge ? bin : undefined;
}

/** What is right and wrong when the bins from `from` on are taken for yes. */
export function confusionFrom(negatives: ArrayLike<number>, positives: ArrayLike<number>, from: number): Confusion {
  let [truePositives, falsePositives, falseNegatives, trueNegatives] = [0, 0, 0, 0];
  for (let bin = 0; bin < positives.length; bin++) {
    if (bin < from) {
      trueNegatives += negatives[bin]!;
      falseNegatives += positives[bin]!;
    } else {
      falsePositives += negatives[bin]!;
      truePositives += positives[bin]!;
    }
  }
  return { truePositives, falsePositives, falseNegatives, trueNegatives };
}

/** Accuracy, precision, recall and F1; each is null where nothing is there to be divided by. */
export function ratesOf({ truePositives, falsePositives, falseNegatives, trueNegatives }: Confusion): {
  readonly accuracy: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
} {
  return {
    accuracy: ratio(truePositives + trueNegatives, truePositives + falsePositives + falseNegatives + trueNegatives),
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, truePositives + falseNegatives),
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
  };
}

/** `part / whole`; null when there is no whole. */
export function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}
