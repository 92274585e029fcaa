import type { ExportedWindow } from '../drift/exported-window.ts';
import type { PerformanceStatistics } from '../drift/performance/performance-record.ts';

/** The performance of one arm from window to window. */
export interface ArmSeries {
  readonly arm: string;
  /** The measure that the newest verdict is about. */
  readonly metric: PerformanceStatistics['metric'];
  /** One a window of the group; undefined where nothing was published of the arm. */
  readonly points: readonly (PerformanceStatistics | undefined)[];
}

/** A window and what is known of the performance of one arm in it. */
export interface PerformanceSight {
  readonly window: ExportedWindow;
  readonly of: PerformanceStatistics;
}

/** The arms of windows, by name; none where nothing was published of performance. */
export function armsOf(windows: readonly ExportedWindow[]): ArmSeries[] {
  const points = new Map<string, (PerformanceStatistics | undefined)[]>();
  for (const [i, { performance }] of windows.entries()) {
    for (const record of performance ?? []) {
      let of = points.get(record.arm);
      if (!of) points.set(record.arm, (of = windows.map(() => undefined)));
      of[i] = record;
    }
  }
  return [...points]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([arm, of]) => ({ arm, metric: of.findLast((point) => point !== undefined)!.metric, points: of }));
}

/** The windows of which something was published, oldest first. */
export function sightsOf(windows: readonly ExportedWindow[], { points }: Pick<ArmSeries, 'points'>): PerformanceSight[] {
  return windows.flatMap((window, i) => {
    const of = points[i];
    return of ? [{ window, of }] : [];
  });
}

/** Whether performance has fallen as labels say it; an estimate is not enough to act on. */
export function isFallen({ status, dropBasis }: Pick<PerformanceStatistics, 'status' | 'dropBasis'>): boolean {
  return status === 'FELL' && dropBasis === 'LABELS';
}
