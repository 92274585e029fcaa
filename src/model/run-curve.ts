/** How many rows a run of a model had best have: found by running it, since it differs by model, runtime and machine. */

/** What a run of so many rows took. */
export interface RunTiming {
  readonly rows: number;
  /** Wall time of the fastest of several runs, microseconds a row. */
  readonly microsPerRow: number;
}

/** The best number of rows of a run, and what it was found among. */
export interface RunFit extends RunTiming {
  /** In ascending order of rows. */
  readonly curve: readonly RunTiming[];
}

/** Runs of these numbers of rows are tried, in ascending order. */
const TRIED_ROWS = [32, 64, 128, 256, 512, 1024, 2048] as const;
/** Turns that each number gets: what else the machine does must not fall on one of them alone. */
const TURNS = 4;
/** A turn of a number takes at least so long, so that short runs are not lost in the clock. */
const TURN_MS = 2;
/** All of it takes about so long at most; a slow model gets fewer turns, and its longest runs are left out. */
const BUDGET_MS = 600;
/** A shorter run is as good when it costs no more than this: what it saves in latency is certain. */
const TOLERANCE = 1.05;

/** Most rows that `measureRuns` asks for. */
export const MOST_TRIED_ROWS: number = TRIED_ROWS.at(-1)!;

/**
 * Times runs of a model.
 * @param run scores rows 0 … `rows` − 1 of a sample
 * @param maxRows no run has more; when that is less than the shortest that is tried, runs of just so many are timed
 * @returns in ascending order of rows; empty when not even the shortest run was within the limits
 */
export async function measureRuns(run: (rows: number) => Promise<void>, maxRows: number): Promise<RunTiming[]> {
  const fitting = TRIED_ROWS.filter((rows) => rows <= maxRows);
  const tried: number[] = fitting.length > 0 ? fitting : [maxRows];
  const best = new Map<number, number>();
  const beganMs = performance.now();
  const isLate = (): boolean => performance.now() - beganMs > BUDGET_MS;
  for (let turn = 0; turn < TURNS && !isLate(); turn++) {
    for (const rows of tried) {
      // What was not tried in the first turn was too dear.
      if (isLate() || (turn > 0 && !best.has(rows))) break;
      const turnMs = performance.now();
      do {
        const startedMs = performance.now();
        try {
          await run(rows);
        } catch {
          // It cannot take so many at once. Whatever else is wrong with it shows in the pipeline, with its rows.
          tried.splice(tried.indexOf(rows));
          best.delete(rows);
          break;
        }
        const micros = ((performance.now() - startedMs) * 1_000) / rows;
        best.set(rows, Math.min(micros, best.get(rows) ?? Number.POSITIVE_INFINITY));
      } while (performance.now() - turnMs < TURN_MS);
    }
  }
  return Array.from(best, ([rows, microsPerRow]) => ({ rows, microsPerRow }));
}

/** The fewest rows of a run that costs about as little a row as any; undefined when nothing was measured. */
export function bestRun(timings: readonly RunTiming[]): RunTiming | undefined {
  const least = Math.min(...timings.map(({ microsPerRow }) => microsPerRow));
  return timings.find(({ microsPerRow }) => microsPerRow <= least * TOLERANCE);
}

/** A run that keeps the event loop for longer than this makes everything else late: fetches, heartbeats, commits. */
const LONG_RUN_MS = 20;

/** Where and how runs are made, as far as a warning about their length depends on it. */
export interface RunConditions {
  readonly runtime: 'inline' | { readonly threads: number };
  /** Rows of the largest micro-batch. */
  readonly maxRows: number;
  readonly runTimeoutMs: number;
}

/** How long the best run takes when a micro-batch has `maxRows` rows at most, milliseconds. */
export function runMs({ rows, microsPerRow }: RunTiming, maxRows: number): number {
  return (Math.min(rows, maxRows) * microsPerRow) / 1_000;
}

/** What to say about a model whose runs are too long for the place where they are made; undefined: nothing. */
export function runWarning(fit: RunTiming | undefined, { runtime, maxRows, runTimeoutMs }: RunConditions): string | undefined {
  if (!fit) return undefined;
  const ms = runMs(fit, maxRows);
  const run = `a run of ${Math.min(fit.rows, maxRows)} rows takes about ${Math.round(ms)} ms`;
  if (runtime === 'inline') {
    if (ms <= LONG_RUN_MS) return undefined;
    return `${run}, and nothing else happens in the worker meanwhile; set model.runtime to {threads: 1}, or lower batch.maxRows`;
  }
  if (ms * 3 <= runTimeoutMs) return undefined;
  return `${run}, and model.runTimeoutMs is ${runTimeoutMs}: runs of a busy machine would be given up; raise it, or lower batch.maxRows`;
}
