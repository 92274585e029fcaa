import type { DriftStatus } from '../drift/decision.ts';
import type { ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';
import { type ArmSeries, armsOf } from './performance-series.ts';

/** The windows of one size and one version of a model, oldest first: a section of the report. */
export interface WindowGroup {
  readonly model: string;
  readonly modelVersion: string;
  readonly window: string;
  /** At least one. */
  readonly windows: readonly ExportedWindow[];
  /** All features and the score, those that need attention first. */
  readonly series: readonly FeatureSeries[];
  /** How good predictions were, by arm; none when nothing was published of that. */
  readonly arms: readonly ArmSeries[];
}

/** A feature, or the score, from window to window. */
export interface FeatureSeries {
  /** Name for people. */
  readonly label: string;
  readonly isScore: boolean;
  /** One a window of the group; undefined where the window does not have the feature. */
  readonly points: readonly (ExportedFeature | undefined)[];
  /** Worst status in any window. */
  readonly worst: DriftStatus;
  /** Windows in which it is in drift. */
  readonly drifted: number;
}

/** How bad a status is; that nothing can be said is less than that all is well. */
const RANK: Readonly<Record<DriftStatus, number>> = { DRIFT: 3, WARN: 2, OK: 1, INSUFFICIENT_DATA: 0 };

/** What the score is called in the report. Features have names of their own, which may be the same. */
const SCORE_LABEL = 'score of the model';

/** Divides windows by model, version and size, in the order in which these come. */
export function groupsOf(windows: readonly ExportedWindow[]): WindowGroup[] {
  const groups = Map.groupBy(windows, ({ model, modelVersion, window }) => JSON.stringify([model, modelVersion, window]));
  return [...groups.values()].map((of) => {
    const ordered = of.toSorted((a, b) => a.windowStart - b.windowStart);
    const { model, modelVersion, window } = ordered[0]!;
    return { model, modelVersion, window, windows: ordered, series: seriesOf(ordered), arms: armsOf(ordered) };
  });
}

/** Whether a feature was in drift, or close to it, in some window. */
export function isNoticed({ worst }: FeatureSeries): boolean {
  return RANK[worst] > RANK.OK;
}

/** Index of the window in which a feature was worst: by status, then by how far it moved, then the newest. */
export function worstIndexOf({ points }: FeatureSeries): number {
  let worst = points.findLastIndex((point) => point !== undefined);
  for (let i = worst - 1; i >= 0; i--) {
    const point = points[i];
    if (point && isWorse(point, points[worst]!)) worst = i;
  }
  return worst;
}

function isWorse(a: ExportedFeature, b: ExportedFeature): boolean {
  return a.status === b.status ? (a.tvd ?? -1) > (b.tvd ?? -1) : RANK[a.status] > RANK[b.status];
}

function seriesOf(windows: readonly ExportedWindow[]): FeatureSeries[] {
  const points = new Map<string, (ExportedFeature | undefined)[]>();
  for (const [i, { features }] of windows.entries()) {
    for (const feature of features) {
      let of = points.get(feature.name);
      if (!of) points.set(feature.name, (of = windows.map(() => undefined)));
      of[i] = feature;
    }
  }
  const score = seriesFrom(
    SCORE_LABEL,
    true,
    windows.map(({ prediction }) => prediction),
  );
  const features = [...points].map(([name, of]) => seriesFrom(name, false, of));
  // The sort is stable: features that are equally well stay in the order of the model.
  return [score, ...features].sort((a, b) => RANK[b.worst] - RANK[a.worst] || b.drifted - a.drifted);
}

function seriesFrom(label: string, isScore: boolean, points: FeatureSeries['points']): FeatureSeries {
  let worst: DriftStatus = 'INSUFFICIENT_DATA';
  for (const point of points) if (point && RANK[point.status] > RANK[worst]) worst = point.status;
  return { label, isScore, points, worst, drifted: points.filter((point) => point?.status === 'DRIFT').length };
}
