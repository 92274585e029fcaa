import type { Clock } from '../core/clock.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Logger, Model } from '../core/ports.ts';
import { openModel } from './onnx-model.ts';
import type { ModelPackage } from './package.ts';
import { type RunFit, runWarning } from './run-curve.ts';
import type { SessionOptions } from './session.ts';
import { loadThreadedModel, RUN_TIMEOUT_MS } from './threads/threaded-model.ts';
import type { ThreadStats } from './threads/thread-pool.ts';

/** Where a model runs: on the event loop, or in threads of its own. */
export type Runtime = 'inline' | { readonly threads: number };

/** What loading a model needs besides the package. */
export interface LoadOptions extends SessionOptions {
  /** Default `inline`. */
  readonly runtime?: Runtime;
  /** In threads: how long a run may take before its thread is given up. */
  readonly runTimeoutMs?: number;
  /** Rows of the largest micro-batch, for the warning about long runs. */
  readonly maxRows?: number;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** A model that is ready, and what was found out about it. */
export interface LoadedModel extends Model {
  /** The best number of rows of a run, and what a row takes in it; undefined when it could not be measured. */
  readonly fit: RunFit | undefined;
  /** Its threads as they are now; undefined when it runs on the event loop. */
  readonly threads?: ThreadStats;
}

/**
 * Loads a model so that its first batch is as good as its millionth: verified and warmed up (`openModel`), and measured, so
 * that larger micro-batches are scored in runs of the best number of rows.
 * @param layout made by `createRowLayout(pkg.inputs, …)`
 * @throws WeirError `model_invalid` saying what to correct
 */
export async function loadModel(pkg: ModelPackage, layout: RowLayout, options: LoadOptions): Promise<LoadedModel> {
  const { logger, runtime = 'inline', maxRows = Number.POSITIVE_INFINITY, runTimeoutMs = RUN_TIMEOUT_MS } = options;
  const model =
    runtime === 'inline' ? await loadInline(pkg, layout, options) : await loadThreadedModel(pkg, layout, { ...options, runtime });
  const { fit } = model;
  logger.info(
    {
      model: pkg.name,
      modelVersion: pkg.version,
      sha256: pkg.sha256,
      goldenRows: pkg.golden ? 'verified' : 'none',
      runtime,
      runRows: fit?.rows,
      microsPerRow: fit && rounded(fit.microsPerRow),
      curve: fit && Object.fromEntries(fit.curve.map(({ rows, microsPerRow }) => [rows, rounded(microsPerRow)])),
    },
    'model loaded',
  );
  const warning = runWarning(fit, { runtime, maxRows, runTimeoutMs });
  if (warning !== undefined) logger.warn({ model: pkg.name }, warning);
  return model;
}

async function loadInline(pkg: ModelPackage, layout: RowLayout, options: LoadOptions): Promise<LoadedModel> {
  const model = await openModel(pkg, layout, options);
  try {
    return Object.assign(model, { fit: await model.fitRuns(pkg, layout) });
  } catch (thrown) {
    await model.close();
    throw thrown;
  }
}

function rounded(micros: number): number {
  return Number(micros.toPrecision(2));
}
