/** The run itself: departures are published while workers score them and the panel shows how it goes. */
import type { PipelineConfig } from '../../src/config/index.ts';
import type { DemoOptions } from './demo-options.ts';
import type { Monitor } from './monitor.ts';
import { type Progress, renderLine, renderPanel } from './panel.ts';
import { type ReplayResult, replay } from './replay.ts';
import { grouped, type Screen } from './screen.ts';
import type { Steps } from './steps.ts';
import { type Worker, whenWorkerEnds } from './workers.ts';

/** Flights in the files. */
const FLIGHTS_OF_THE_YEAR = 328_521;
/** The replay waits while so many events are published but not settled: as fast as the workers take them, and no faster. */
const MAX_WAITING = 40_000;
const REDRAW_MS = 100;
const LINE_MS = 2_000;
/** Drift statistics of the last rows follow the last prediction by a flush and a merge. */
const DRIFT_WAIT_MS = 5_000;
/** A month of performance is published every 10 s while labels come: when there is nothing new for longer, nothing more comes. */
const LABELS_QUIET_MS = 45_000;

/** What a run needs. */
export interface ScoreOptions {
  readonly options: DemoOptions;
  readonly config: PipelineConfig;
  readonly workers: readonly Worker[];
  readonly monitor: Monitor;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/**
 * Publishes the flights and waits until each is settled and, as far as they come while workers run, counted in the drift
 * statistics.
 * @returns what was published
 * @throws whatever ended the replay, the monitor or a worker
 */
export async function scoreFlights({ options, config, workers, monitor, screen, signal }: ScoreOptions): Promise<ReplayResult> {
  signal.throwIfAborted();
  const startedMs = performance.now();
  const total = Math.min(options.limit ?? FLIGHTS_OF_THE_YEAR, FLIGHTS_OF_THE_YEAR);
  let published = { published: 0, eventTimeMs: 0 };
  const progress = (): Progress => ({
    model: options.model,
    workers: workers.length,
    partitions: options.partitions,
    total,
    ...published,
    elapsedMs: performance.now() - startedMs,
    observed: monitor.now(),
    windows: monitor.windows.latest(),
  });
  const timer = screen.isLive
    ? setInterval(() => screen.draw(signal.aborted ? [] : renderPanel(progress(), screen.paint, screen.width)), REDRAW_MS)
    : setInterval(() => screen.print(renderLine(progress())), LINE_MS);
  const ended = whenWorkerEnds(workers);
  ended.catch(() => undefined);
  try {
    const sent = await Promise.race([
      ended,
      replay({
        brokers: config.kafka.brokers,
        topic: config.input.topic,
        ...(config.labels ? { labelsTopic: config.labels.topic } : {}),
        registryUrl: config.registry?.url ?? '',
        ...(options.limit === undefined ? {} : { limit: options.limit }),
        ...(options.rate === undefined ? {} : { eventsPerSecond: options.rate }),
        signal,
        awaitRoom: async (count) => {
          if (count - monitor.now().settled > MAX_WAITING) await monitor.until(({ settled }) => count - settled <= MAX_WAITING);
        },
        onProgress: (now) => {
          published = now;
        },
      }),
    ]);
    signal.throwIfAborted();
    await Promise.race([ended, monitor.until(({ settled }) => settled >= sent.published)]);
    await Promise.race([ended, driftCatchesUp(monitor, sent.published)]);
    // What was on the screen last stays above the summary.
    if (screen.isLive) screen.print(...renderPanel(progress(), screen.paint, screen.width), '');
    else screen.print(renderLine(progress()));
    return sent;
  } finally {
    clearInterval(timer);
    screen.draw([]);
  }
}

/**
 * Waits until the performance of all months has all labels that there are, or has had nothing new for long.
 * @param labels arrivals that say how late the flight was
 * @throws whatever ended the monitor or a worker
 */
export async function labelsCatchUp(
  steps: Steps,
  { monitor, workers }: Pick<ScoreOptions, 'monitor' | 'workers'>,
  labels: number,
): Promise<void> {
  await steps.run('labels', async (note) => {
    let joined = -1;
    let deadline = 0;
    const areIn = monitor.until(() => {
      const now = monitor.performance.labelled();
      if (now !== joined) deadline = performance.now() + LABELS_QUIET_MS;
      joined = now;
      note(`${grouped(joined)} of ${grouped(labels)} arrivals have found their prediction`);
      return joined >= labels || performance.now() > deadline;
    });
    await Promise.race([whenWorkerEnds(workers), areIn]);
    return { result: undefined, done: `${grouped(joined)} of ${grouped(labels)} arrivals have found their prediction` };
  });
}

/** The windows still open are published when the workers stop, so this waits only a little. */
async function driftCatchesUp(monitor: Monitor, events: number): Promise<void> {
  const deadline = performance.now() + DRIFT_WAIT_MS;
  await monitor.until(({ deadLetters }) => monitor.windows.covered() >= events - deadLetters || performance.now() > deadline);
}
