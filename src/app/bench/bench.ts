/** `weir bench`: the pipeline of a user without Kafka: how much it takes, how long it takes, and which batch settings suit a latency target. */
import type { PipelineConfig } from '../../config/index.ts';
import type { Surroundings } from '../waiting.ts';
import { type EventsOptions, type EventsReport, prepareBench } from './prepare.ts';
import { runOnce, type RunOptions, type RunResult } from './run-once.ts';
import { type IsBetter, isFaster, isPrompter, ladder, meets, recommended, type SettingResult } from './settings.ts';

/** Warm-up: code is compiled and connections are used. */
const WARM_UP_SECONDS = 2;
/** Load under which settings are compared. */
const LOAD = 0.7;
/** Each setting is tried so often, and the better figure counts. */
const ROUNDS = 2;

/** What to measure. */
export interface BenchOptions {
  readonly events: EventsOptions;
  /** Length of each measurement; settings are tried for half of it each. */
  readonly seconds: number;
  /** Events a second to measure the latency at. */
  readonly rates: readonly number[];
  /** Also try values of `batch.maxRows`. */
  readonly settings: boolean;
  /** Latency target for the settings: p99 at 70 % of their throughput. */
  readonly targetMs: number;
  /** Called some times a second with what is going on. */
  readonly onProgress: (progress: Progress) => void;
}

/** What is going on. */
export interface Progress {
  readonly phase: string;
  /** Absent while something of unknown length goes on. */
  readonly elapsedSeconds?: number;
  readonly seconds?: number;
  readonly events?: number;
}

/** What was found; printed as JSON by `weir bench --json`. */
export interface BenchReport {
  readonly pipeline: string;
  readonly model: { readonly name: string; readonly version: string };
  /** What is not in the figures, and what was really used. */
  readonly scope: { readonly kafka: false; readonly stores: readonly string[]; readonly drift: boolean };
  readonly events: EventsReport;
  /** Absent when it was stopped before. */
  maximum?: RunResult;
  readonly latency: RunResult[];
  /** Rates at which no event was finished in the time given. */
  readonly unmeasured: number[];
  readonly settings: SettingResult[];
  readonly targetMs: number;
  /** The setting to take; absent when none meets the target, or none was tried. */
  recommended?: SettingResult;
  /** True when it was told to stop: the rest is what there was by then. */
  interrupted: boolean;
}

/**
 * Measures. Nothing is written to Kafka and no offset is committed; the online stores are really read.
 * @throws WeirError what the pipeline throws; `start_aborted` when it was told to stop before it had begun
 */
export async function runBench(config: PipelineConfig, options: BenchOptions, outer: Omit<Surroundings, 'metrics'>): Promise<BenchReport> {
  const { onProgress, seconds, targetMs } = options;
  onProgress({ phase: 'loading the model and making events' });
  const prepared = await prepareBench(config, options.events, outer);
  const { scoring, createObserver, events } = prepared;
  const report: BenchReport = {
    pipeline: config.name,
    model: { name: scoring.model.name, version: scoring.model.version },
    scope: { kafka: false, stores: [...scoring.stores.keys()], drift: createObserver !== undefined },
    events,
    latency: [],
    unmeasured: [],
    settings: [],
    targetMs,
    interrupted: false,
  };
  const run = (phase: string, run: Omit<RunOptions, 'onProgress'>): Promise<RunResult | undefined> =>
    runOnce(prepared, { ...run, onProgress: throttled(phase, run.seconds, onProgress) }, outer);
  try {
    await run('warming up', { seconds: Math.min(WARM_UP_SECONDS, seconds) });
    const maximum = await run('maximum throughput', { seconds });
    if (maximum) report.maximum = maximum;
    for (const rate of options.rates) {
      if (outer.signal.aborted) break;
      const found = await run(`latency at ${rate.toLocaleString('en')} events/s`, { seconds, rate });
      if (found) report.latency.push(found);
      else if (!outer.signal.aborted) report.unmeasured.push(rate);
    }
    if (options.settings)
      report.settings.push(...(await trySettings(run, ladder(config.batch.maxRows, config.flow.maxQueuedRows), options, outer.signal)));
    const best = recommended(report.settings);
    if (best && !outer.signal.aborted) report.recommended = best;
    report.interrupted = outer.signal.aborted;
    return report;
  } finally {
    await scoring.close();
  }
}

type Run = (phase: string, options: Omit<RunOptions, 'onProgress'>) => Promise<RunResult | undefined>;

/** All settings in rounds, so that other work on the machine, which comes and goes, does not meet one of them alone. */
async function trySettings(run: Run, values: readonly number[], options: BenchOptions, signal: AbortSignal): Promise<SettingResult[]> {
  const { targetMs } = options;
  const seconds = options.seconds / 2 / ROUNDS;
  const maxima = new Map<number, RunResult>();
  const loads = new Map<number, RunResult>();
  const rounds = async (
    what: string,
    into: Map<number, RunResult>,
    isBetter: IsBetter,
    rateOf: (maxRows: number) => number | undefined,
  ) => {
    for (let round = 1; round <= ROUNDS; round++) {
      for (const maxRows of values) {
        if (signal.aborted) return;
        const rate = rateOf(maxRows);
        const phase = `settings, ${what}, round ${round} of ${ROUNDS}: batch.maxRows ${maxRows.toLocaleString('en')}`;
        const found = await run(phase, { seconds, batch: { maxRows, targetMs }, ...(rate === undefined ? {} : { rate }) });
        const before = into.get(maxRows);
        if (found && (!before || isBetter(found, before))) into.set(maxRows, found);
      }
    }
  };
  await rounds('throughput', maxima, isFaster, () => undefined);
  await rounds('latency', loads, isPrompter, (maxRows) => Math.max(1, Math.floor((maxima.get(maxRows)?.eventsPerSecond ?? 1) * LOAD)));
  return [...maxima].map(([maxRows, { eventsPerSecond, cpuSecondsPerMillionEvents, rowsPerBatch }]) => {
    const loaded = loads.get(maxRows);
    const latency = loaded && { loaded, meetsTarget: meets(loaded, targetMs) };
    return { maxRows, eventsPerSecond, cpuSecondsPerMillionEvents, rowsPerBatch, ...latency };
  });
}

const PROGRESS_EVERY_MS = 200;

function throttled(phase: string, seconds: number, onProgress: BenchOptions['onProgress']): RunOptions['onProgress'] {
  onProgress({ phase, elapsedSeconds: 0, seconds });
  let shownMs = 0;
  return (events, elapsedMs) => {
    if (elapsedMs - shownMs < PROGRESS_EVERY_MS) return;
    shownMs = elapsedMs;
    onProgress({ phase, elapsedSeconds: elapsedMs / 1_000, seconds, events });
  };
}
