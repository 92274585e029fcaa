import { isNumeric } from './cells.ts';
import {
  comparedNEff,
  type ComparedSide,
  type Comparison,
  type Irregularities,
  irregularitiesOf,
  irregularitiesOfReference,
} from './comparison.ts';
import { type FeatureMeasures, hasEnoughValues, samplesNeeded } from './feature-statistics.ts';
import { CALM_SHARE, type Verdict } from './hysteresis.ts';
import type { OtherKind, ReferenceKind } from '../core/reference-kinds.ts';
import { benjaminiHochberg, rateIncreaseP } from './tests/multiple.ts';
import type { Window } from './window.ts';

/** Verdict on one feature, or on a window as a whole. */
export type DriftStatus = 'OK' | 'WARN' | 'DRIFT' | 'INSUFFICIENT_DATA';

/** Effect sizes from which a change matters. */
export interface DriftThresholds {
  /** Total variation distance, the share of the distribution that moved: from here on a significant change is DRIFT. */
  readonly tvd: number;
  /** Population stability index: from a quarter of it on a significant change is at least WARN. */
  readonly psi: number;
}

/** What a decision depends on beside the counts. */
export interface DecisionOptions {
  readonly thresholds: DriftThresholds;
  /** Level of each single test. */
  readonly alpha: number;
  readonly minSamples: number;
  /** Which comparison decides. Default: that with the reference profile. */
  readonly decidedBy?: ReferenceKind;
}

/** Measures against other counts than those of the reference profile, and the verdict they would give. */
export interface JudgedComparison extends Comparison {
  readonly status: DriftStatus;
  readonly reason: string;
}

/** Measures against the reference profile, and the verdict of the comparison that decides. */
export interface FeatureStatistics extends FeatureMeasures {
  readonly status: DriftStatus;
  readonly reason: string;
  readonly qBenjaminiHochberg: number | null;
  readonly qualityAlarm: boolean;
  /** null: windows are not compared with it. */
  readonly againstPrevious: JudgedComparison | null;
  readonly againstPinned: JudgedComparison | null;
}

/** Measures and verdicts of one window. */
export interface WindowDecision {
  /** Which comparison has decided. */
  readonly referenceKind: ReferenceKind;
  readonly features: readonly FeatureStatistics[];
  readonly prediction: FeatureStatistics;
  readonly status: DriftStatus;
  readonly overallDrift: boolean;
  /** Names of the features (without the score) in drift. */
  readonly drifted: readonly string[];
}

/** What a verdict rests on. */
type Grounds = Pick<FeatureMeasures, 'n' | 'nEff' | 'nReference' | 'bins' | 'tvd' | 'psi' | 'p'>;

type Judgement = Pick<FeatureStatistics, 'status' | 'reason' | 'qBenjaminiHochberg' | 'qualityAlarm'>;

const FIELDS = { previous: 'againstPrevious', pinned: 'againstPinned' } as const;

/**
 * Judges all features and the score of a window.
 * @param measures against the reference profile, of all of them, in the order of the layout (`measureFeature`)
 * @param sides the other comparisons, measured likewise
 */
export function decideWindow(
  window: Window,
  measures: readonly FeatureMeasures[],
  options: DecisionOptions,
  sides: readonly ComparedSide[] = [],
): WindowDecision {
  const referenceKind = options.decidedBy ?? 'training';
  const byTraining = judgeAll(measures, (index) => qualityFindings(window, index, measures, irregularitiesOfReference, options), options);
  const compared = sides.map((side) => ({ side, judgements: judgeSide(window, measures, side, options) }));
  const deciding = compared.find(({ side }) => side.kind === referenceKind);
  const judged = measures.map((m, index): FeatureStatistics => {
    const against: Record<(typeof FIELDS)[OtherKind], JudgedComparison | null> = { againstPrevious: null, againstPinned: null };
    for (const { side, judgements } of compared) {
      const { status, reason } = judgements[index]!;
      against[FIELDS[side.kind]] = { ...side.measures[index]!, status, reason };
    }
    const decided = deciding?.judgements[index] ?? byTraining[index]!;
    const reason = deciding && decided.reason !== '' ? `against ${referenceKind}: ${decided.reason}` : decided.reason;
    return { ...m, ...decided, reason, ...against };
  });
  const prediction = judged.at(-1)!;
  const features = judged.slice(0, -1);
  const drifted = features.filter(({ status }) => status === 'DRIFT').map(({ name }) => name);
  return {
    referenceKind,
    features,
    prediction,
    status: worstOf(
      judged.map(({ status }) => status),
      window.events >= options.minSamples,
    ),
    overallDrift: drifted.length > 0 || prediction.status === 'DRIFT',
    drifted,
  };
}

function judgeSide(window: Window, measures: readonly FeatureMeasures[], side: ComparedSide, options: DecisionOptions): Judgement[] {
  const { with: other, absence } = side;
  if (!other) return measures.map(() => ({ status: 'INSUFFICIENT_DATA', reason: absence, qBenjaminiHochberg: null, qualityAlarm: false }));
  const grounds = measures.map((m, index): Grounds => {
    const { nReference, tvd, psi, p } = side.measures[index]!;
    return { n: m.n, bins: m.bins, nReference, nEff: comparedNEff(m, nReference), tvd, psi, p };
  });
  const usual = (of: Window, index: number): Irregularities => irregularitiesOf(other, of, index);
  return judgeAll(grounds, (index) => qualityFindings(window, index, measures, usual, options), options);
}

function judgeAll(grounds: readonly Grounds[], quality: (index: number) => string[], options: DecisionOptions): Judgement[] {
  const q = benjaminiHochberg(grounds.map(({ p }) => p));
  return grounds.map((of, index) => judgeFeature(of, q[index]!, quality(index), options));
}

/**
 * DRIFT needs an effect that matters and a p-value below α: p alone is meaningless at stream sizes (n = 10⁶ finds a
 * shift of 0.005 standard deviations), and the effect alone is meaningless for few rows. One without the other warns.
 * PSI does not decide on DRIFT: a bin that the reference never saw moves it by an amount that grows with the reference.
 */
function judgeFeature(m: Grounds, q: number | null, quality: readonly string[], options: DecisionOptions): Judgement {
  const { thresholds, alpha, minSamples } = options;
  const needed = samplesNeeded(m.bins, minSamples);
  const verdict = (status: DriftStatus, why: readonly string[]): Judgement => ({
    status,
    reason: [...why, ...quality].join('; '),
    qBenjaminiHochberg: q,
    qualityAlarm: quality.length > 0,
  });
  if (m.tvd === null || m.psi === null || !hasEnoughValues(m, minSamples)) {
    const asIndependent = `${m.n} values as good as ${Math.floor(m.nEff)} independent ones`;
    const side = m.n < needed ? `${m.n} values` : m.nReference < needed ? `${m.nReference} reference values` : asIndependent;
    return verdict('INSUFFICIENT_DATA', [`${side}, ${needed} needed for ${m.bins} bins`]);
  }
  const isSignificant = m.p !== null && m.p < alpha;
  const significance = m.p === null ? 'no test possible' : `p ${short(m.p)} ${isSignificant ? '<' : '>='} ${short(alpha)}`;
  if (m.tvd >= thresholds.tvd) {
    return verdict(isSignificant ? 'DRIFT' : 'WARN', [`tvd ${short(m.tvd)} >= ${thresholds.tvd}`, significance]);
  }
  const psiToWarn = thresholds.psi / 4;
  if (isSignificant && m.psi >= psiToWarn) return verdict('WARN', [`psi ${short(m.psi)} >= ${short(psiToWarn)}`, significance]);
  return verdict(quality.length > 0 ? 'WARN' : 'OK', []);
}

/** Rates that rose: significantly, and by at least max(0.01, 3 × the rate of what the window is compared with). */
function qualityFindings(
  window: Window,
  index: number,
  measures: readonly Pick<FeatureMeasures, 'overDispersion'>[],
  usual: (window: Window, index: number) => Irregularities,
  { alpha, minSamples }: DecisionOptions,
): string[] {
  if (window.events + window.rejected < minSamples / 2) return [];
  const [now, before] = [irregularitiesOf(window, window, index), usual(window, index)];
  const { overDispersion } = measures[index]!;
  const findings: string[] = [];
  const check = (label: string, x: number, of: number, y: number, ofReference: number): void => {
    if (of === 0 || ofReference === 0) return;
    const rise = x / of - y / ofReference;
    if (rise < Math.max(0.01, (3 * y) / ofReference) || rateIncreaseP(x, of, y, ofReference, overDispersion) >= alpha) return;
    findings.push(`${label} ${short(x / of)} (reference ${short(y / ofReference)})`);
  };
  check('missing rate', now.missing, window.events, before.missing, before.rows);
  const label = isNumeric(window.layout.features[index]!.reference) ? 'out-of-domain rate' : 'new category rate';
  check(label, now.outside, now.values, before.outside, before.values);
  check('type mismatch rate', now.typeMismatches, window.events + window.rejected, before.typeMismatches, before.rows + before.rejected);
  if (now.skewCompared >= minSamples / 2) {
    // A row is its own reference: where the other side has compared none, none should differ.
    check('skew rate', now.skewMismatched, now.skewCompared, before.skewMismatched, before.skewCompared || before.rows);
  }
  return findings;
}

/** How far a feature has moved by the comparison that decides: total variation distance, 0 to 1; null: not known. */
export function decidingTvd(
  feature: Pick<FeatureStatistics, 'tvd' | 'againstPrevious' | 'againstPinned'>,
  referenceKind: ReferenceKind,
): number | null {
  return referenceKind === 'training' ? feature.tvd : (feature[FIELDS[referenceKind]]?.tvd ?? null);
}

/** What a window says to the alerts: one letter a feature, the score last. */
export function verdictsOf({ features, prediction, referenceKind }: WindowDecision, thresholds: DriftThresholds): string {
  const verdict = (feature: FeatureStatistics): Verdict => {
    const tvd = decidingTvd(feature, referenceKind);
    if (feature.status === 'DRIFT') return 'D';
    if (feature.status === 'INSUFFICIENT_DATA' || tvd === null) return 'I';
    return tvd < CALM_SHARE * thresholds.tvd ? 'C' : 'B';
  };
  return [...features, prediction].map(verdict).join('');
}

/** Few rows can tell of drift in a feature of few values, but not that all is well. */
function worstOf(statuses: readonly DriftStatus[], hasEnough: boolean): DriftStatus {
  for (const status of ['DRIFT', 'WARN'] as const) if (statuses.includes(status)) return status;
  return hasEnough && statuses.includes('OK') ? 'OK' : 'INSUFFICIENT_DATA';
}

function short(x: number): string {
  return String(Number(x.toPrecision(3)));
}
