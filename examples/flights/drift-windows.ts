/** Drift statistics as they lie on their topic: one record a window and revision, the newest revision counts. */
import avsc from 'avsc';
import { readOwnSchema } from '../../src/core/own-schemas.ts';

/** Status of a feature, a window or all of them. */
export type DriftStatus = 'OK' | 'WARN' | 'DRIFT' | 'INSUFFICIENT_DATA';

/** The part of a feature's statistics that the demo shows; `schemas/drift-statistics.avsc` has all. */
export interface FeatureDrift {
  readonly name: string;
  readonly status: DriftStatus;
  readonly n: number;
  /** Share of the distribution that moved, 0 to 1; null when there is too little data. */
  readonly tvd: number | null;
  readonly psi: number | null;
  readonly mean: number | null;
  readonly meanReference: number | null;
}

/** The part of a window's statistics that the demo shows. Instants are milliseconds since the epoch. */
export interface DriftWindow {
  readonly model: string;
  readonly modelVersion: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  /** Scored rows of the window. */
  readonly events: number;
  readonly status: DriftStatus;
  readonly driftedFeatureNames: readonly string[];
  readonly recommendation: string;
  readonly features: readonly FeatureDrift[];
  /** The same for the score. */
  readonly prediction: FeatureDrift;
}

/** A feature over all windows. */
export interface FeatureTrend {
  readonly name: string;
  /** Windows in which it was in drift, and windows that could be judged. */
  readonly driftedWindows: number;
  readonly judgedWindows: number;
  /** The window in which most of its distribution had moved; undefined when none could be judged. */
  readonly worst: { readonly window: DriftWindow; readonly drift: FeatureDrift } | undefined;
}

const CONFLUENT_HEADER_BYTES = 5;

/** Takes records of the statistics topic and keeps the newest of each window. */
export class DriftWindows {
  private readonly type = avsc.Type.forSchema(readOwnSchema('drift-statistics') as avsc.Schema);
  private readonly byKey = new Map<string, DriftWindow>();

  /** @param value Confluent-framed DriftStatistics; null is a tombstone and removes the window */
  apply(record: { readonly key: Buffer | null; readonly value: Buffer | null }): void {
    const key = record.key?.toString() ?? '';
    if (record.value) this.byKey.set(key, this.type.fromBuffer(record.value.subarray(CONFLUENT_HEADER_BYTES)) as DriftWindow);
    else this.byKey.delete(key);
  }

  /** Newest revision of each window, oldest window first. */
  latest(): DriftWindow[] {
    return [...this.byKey.values()].sort((a, b) => a.windowStart - b.windowStart);
  }

  /** Scored rows that the statistics account for. */
  covered(): number {
    let rows = 0;
    for (const window of this.byKey.values()) rows += window.events;
    return rows;
  }
}

/** Features (the score as `score` among them) over all windows, the most moved first. */
export function featureTrends(windows: readonly DriftWindow[]): FeatureTrend[] {
  const trends = new Map<string, { driftedWindows: number; judgedWindows: number; worst: FeatureTrend['worst'] }>();
  for (const window of windows) {
    for (const drift of [...window.features, window.prediction]) {
      let trend = trends.get(drift.name);
      if (!trend) trends.set(drift.name, (trend = { driftedWindows: 0, judgedWindows: 0, worst: undefined }));
      if (drift.status === 'INSUFFICIENT_DATA' || drift.tvd === null) continue;
      trend.judgedWindows++;
      if (drift.status === 'DRIFT') trend.driftedWindows++;
      if ((trend.worst?.drift.tvd ?? -1) < drift.tvd) trend.worst = { window, drift };
    }
  }
  return [...trends]
    .map(([name, trend]) => ({ name, ...trend }))
    .sort((a, b) => b.driftedWindows - a.driftedWindows || (b.worst?.drift.tvd ?? 0) - (a.worst?.drift.tvd ?? 0));
}
