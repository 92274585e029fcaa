import type { RunResult } from './run-once.ts';

/** Values of `batch.maxRows` that are tried, besides that of the pipeline file. */
const LADDER = [64, 256, 512, 1_024, 2_048, 4_096] as const;

/** Two throughputs that differ by less are the same: runs of some seconds scatter as much. */
const SAME_SHARE = 0.03;

/** What one value of `batch.maxRows` gives. */
export interface SettingResult {
  readonly maxRows: number;
  /** Without a schedule. */
  readonly eventsPerSecond: number;
  readonly cpuSecondsPerMillionEvents: number;
  readonly rowsPerBatch: number;
  /** At 70 % of `eventsPerSecond`; absent when nothing was finished. */
  readonly loaded?: RunResult;
  readonly meetsTarget?: boolean;
}

/** Which values to try, ascending. @param most rows that the pipeline takes in at a time (`flow.maxQueuedRows`) */
export function ladder(configured: number, most: number): number[] {
  return [...new Set([...LADDER, configured])].filter((rows) => rows <= most || rows === configured).sort((a, b) => a - b);
}

/** Tells whether one run of a setting is to be believed rather than another: what other work on the machine does to a run only makes it worse. */
export type IsBetter = (run: RunResult, than: RunResult) => boolean;

/** The higher throughput. */
export const isFaster: IsBetter = (run, than) => run.eventsPerSecond > than.eventsPerSecond;

/** A rate that was kept, then the lower p99. */
export const isPrompter: IsBetter = (run, than) =>
  run.keepsRate === than.keepsRate
    ? (run.latency?.p99Ms ?? Number.POSITIVE_INFINITY) < (than.latency?.p99Ms ?? Number.POSITIVE_INFINITY)
    : run.keepsRate;

/** True when the rate was kept and 99 of 100 events took no longer. */
export function meets(loaded: RunResult | undefined, targetMs: number): boolean {
  return loaded?.keepsRate === true && loaded.latency !== undefined && loaded.latency.p99Ms <= targetMs;
}

/**
 * Of the settings that meet the target the one with the highest throughput; of those as good as it the one with the lowest
 * latency. Undefined when none meets it.
 */
export function recommended(settings: readonly SettingResult[]): SettingResult | undefined {
  const good = settings.filter(({ meetsTarget }) => meetsTarget);
  const best = Math.max(...good.map(({ eventsPerSecond }) => eventsPerSecond));
  const p99 = ({ loaded }: SettingResult): number => loaded!.latency!.p99Ms;
  return good.filter(({ eventsPerSecond }) => eventsPerSecond >= best * (1 - SAME_SHARE)).sort((a, b) => p99(a) - p99(b))[0];
}
