import { ABOVE_DOMAIN, BELOW_DOMAIN, isNumeric, MARKS, MISSING, SKEW_COMPARED, SKEW_MISMATCHED, TYPE_MISMATCHES } from './cells.ts';
import { type FeatureMeasures, hasEnoughValues, samplesNeeded } from './feature-statistics.ts';
import { CALM_SHARE, type Verdict } from './hysteresis.ts';
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
}

/** Measures and verdict of one feature. */
export interface FeatureStatistics extends FeatureMeasures {
  readonly status: DriftStatus;
  readonly reason: string;
  readonly qBenjaminiHochberg: number | null;
  readonly qualityAlarm: boolean;
}

/** Measures and verdicts of one window. */
export interface WindowDecision {
  readonly features: readonly FeatureStatistics[];
  readonly prediction: FeatureStatistics;
  readonly status: DriftStatus;
  readonly overallDrift: boolean;
  /** Names of the features (without the score) in drift. */
  readonly drifted: readonly string[];
}

/**
 * Judges all features and the score of a window.
 * @param measures of all of them, in the order of the layout (`measureFeature`)
 */
export function decideWindow(window: Window, measures: readonly FeatureMeasures[], options: DecisionOptions): WindowDecision {
  const q = benjaminiHochberg(measures.map(({ p }) => p));
  const judged = measures.map((m, index) => judgeFeature(m, q[index]!, qualityFindings(window, index, m.overDispersion, options), options));
  const prediction = judged.at(-1)!;
  const features = judged.slice(0, -1);
  const drifted = features.filter(({ status }) => status === 'DRIFT').map(({ name }) => name);
  return {
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

/**
 * DRIFT needs an effect that matters and a p-value below α: p alone is meaningless at stream sizes (n = 10⁶ finds a
 * shift of 0.005 standard deviations), and the effect alone is meaningless for few rows. One without the other warns.
 * PSI does not decide on DRIFT: a bin that the reference never saw moves it by an amount that grows with the reference.
 */
function judgeFeature(m: FeatureMeasures, q: number | null, quality: readonly string[], options: DecisionOptions): FeatureStatistics {
  const { thresholds, alpha, minSamples } = options;
  const needed = samplesNeeded(m.bins, minSamples);
  const verdict = (status: DriftStatus, why: readonly string[]): FeatureStatistics => ({
    ...m,
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

/** Rates that rose: significantly, and by at least max(0.01, 3 × the reference rate). */
function qualityFindings(window: Window, index: number, overDispersion: number, { alpha, minSamples }: DecisionOptions): string[] {
  const { reference, start, count } = window.layout.features[index]!;
  if (window.events + window.rejected < minSamples / 2) return [];
  const numeric = isNumeric(reference);
  const m = reference.counts.reduce((a, b) => a + b, 0);
  const rows = m + reference.missing + (numeric ? reference.infinite : 0);
  const mark = (which: number): number => window.marks[index * MARKS.length + which]!;
  let n = 0;
  for (let cell = start; cell < start + count; cell++) n += window.counts[cell]!;
  const findings: string[] = [];
  const check = (label: string, x: number, of: number, y: number, ofReference: number): void => {
    if (of === 0 || ofReference === 0) return;
    const rise = x / of - y / ofReference;
    if (rise < Math.max(0.01, (3 * y) / ofReference) || rateIncreaseP(x, of, y, ofReference, overDispersion) >= alpha) return;
    findings.push(`${label} ${short(x / of)} (reference ${short(y / ofReference)})`);
  };
  check('missing rate', mark(MISSING), window.events, reference.missing, rows);
  if (numeric) check('out-of-domain rate', mark(BELOW_DOMAIN) + mark(ABOVE_DOMAIN), n, 0, m);
  else check('new category rate', window.counts[start + count - 1]!, n, reference.counts.at(-1)!, m);
  // The reference has neither: a type that fits was one of its conditions, and it knows one place of a value.
  check('type mismatch rate', mark(TYPE_MISMATCHES), window.events + window.rejected, 0, rows);
  if (mark(SKEW_COMPARED) >= minSamples / 2) check('skew rate', mark(SKEW_MISMATCHED), mark(SKEW_COMPARED), 0, rows);
  return findings;
}

/** What a window says to the alerts: one letter a feature, the score last. */
export function verdictsOf({ features, prediction }: WindowDecision, thresholds: DriftThresholds): string {
  const verdict = ({ status, tvd }: FeatureStatistics): Verdict => {
    if (status === 'DRIFT') return 'D';
    if (status === 'INSUFFICIENT_DATA' || tvd === null) return 'I';
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
