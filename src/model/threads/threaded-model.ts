import { Worker } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { WeirError } from '../../core/errors.ts';
import type { RowLayout } from '../../core/layout.ts';
import { RunAbandoned } from '../../core/run-abandoned.ts';
import { type Rows, Scores } from '../../core/rows.ts';
import type { LoadedModel, LoadOptions } from '../model.ts';
import type { ModelPackage } from '../package.ts';
import type { RunFit } from '../run-curve.ts';
import { ModelThread, type ThreadReady } from './model-thread.ts';
import { identityOf, type ThreadSetup } from './protocol.ts';
import { ThreadPool, type ThreadStats } from './thread-pool.ts';

/** A run may take so long when nothing else is said. */
export const RUN_TIMEOUT_MS = 30_000;
/** A micro-batch is not cut into smaller parts than this for the sake of idle threads: short runs cost more a row. */
const LEAST_PART_ROWS = 32;

/** The entry file of a thread: TypeScript where this is TypeScript, JavaScript where it was built. */
const ENTRY = new URL(`./thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** As `LoadOptions`, with what only tests and benchmarks change. */
export interface ThreadedOptions extends Omit<LoadOptions, 'runtime'> {
  readonly runtime: { readonly threads: number };
  /** Entry file of a thread. */
  readonly entry?: URL;
  /** Find the best number of rows of a run, and make no longer runs. Default true. */
  readonly measure?: boolean;
}

/** Loads a model into threads. As `loadModel`. @throws WeirError `model_invalid`, `model_stalled` */
export async function loadThreadedModel(pkg: ModelPackage, layout: RowLayout, options: ThreadedOptions): Promise<LoadedModel> {
  const { runtime, runTimeoutMs = RUN_TIMEOUT_MS, clock = systemClock, logger, entry = ENTRY, measure = true, intraOpNumThreads } = options;
  const setup: ThreadSetup = {
    folder: pkg.folder,
    identity: identityOf(pkg),
    layout,
    session: intraOpNumThreads === undefined ? {} : { intraOpNumThreads },
    measure: false,
  };
  const pool = new ThreadPool({
    model: `${pkg.name} ${pkg.version}`,
    threads: runtime.threads,
    runTimeoutMs,
    spawn: (isFirst, onDeath) =>
      new ModelThread(
        new Worker(entry, { workerData: { ...setup, measure: measure && isFirst } satisfies ThreadSetup, name: 'model' }),
        layout,
        onDeath,
      ),
    clock,
    logger,
  });
  try {
    return new ThreadedModel(pkg, pool, await pool.start());
  } catch (thrown) {
    await pool.close();
    throw thrown;
  }
}

/** A model in threads of its own. */
class ThreadedModel implements LoadedModel {
  readonly name: string;
  readonly version: string;
  /** Most rows of one run; larger micro-batches take several. */
  readonly runRows: number;
  readonly fit: RunFit | undefined;
  private readonly pool: ThreadPool;
  private readonly ready: ThreadReady;

  constructor({ name, version }: ModelPackage, pool: ThreadPool, ready: ThreadReady) {
    this.name = name;
    this.version = version;
    this.pool = pool;
    this.ready = ready;
    this.runRows = ready.runRows;
    this.fit = ready.fit;
  }

  get threads(): ThreadStats {
    return this.pool.stats;
  }

  async run(rows: Rows, fromRow: number, toRow: number, scores: Scores): Promise<void> {
    const size = this.partRows(toRow - fromRow);
    const runs: Promise<void>[] = [];
    for (let from = fromRow; from < toRow; from += size) {
      runs.push(this.pool.run({ rows, fromRow: from, toRow: Math.min(toRow, from + size), scores }));
    }
    // All of them are waited for: one that ended later would write into rows that are scored again by then.
    const failures = (await Promise.allSettled(runs)).flatMap((run) => (run.status === 'rejected' ? [run.reason as Error] : []));
    if (failures.length === 0) return;
    const abandoned = failures.filter((error) => error instanceof RunAbandoned);
    const first = failures.find((error) => error instanceof WeirError) ?? abandoned[0] ?? failures[0]!;
    throw first instanceof RunAbandoned
      ? new RunAbandoned(
          first.message,
          abandoned.flatMap(({ ranges }) => ranges),
        )
      : first;
  }

  createScores(capacity: number): Scores {
    return new Scores(capacity, this.ready.shape);
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /** Rows of each run of a micro-batch: as many as are best, or fewer when that gives idle threads something to do. */
  private partRows(rows: number): number {
    const shared = Math.ceil(rows / Math.max(1, this.pool.stats.idle));
    return Math.min(this.runRows, Math.max(LEAST_PART_ROWS, shared));
  }
}
