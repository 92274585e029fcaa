import type { InferenceSession } from 'onnxruntime-node';
import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Model } from '../core/ports.ts';
import { Rows, type Scores } from '../core/rows.ts';
import { formatFindings } from '../yaml/document.ts';
import { createFeedsMaker, type FeedsMaker } from './feeds.ts';
import { goldenRows as layOutGolden, readGolden, verifyGolden } from './golden.ts';
import { createOutputReader, type OutputReader, type Results, wantedOutputs } from './outputs.ts';
import type { ModelPackage } from './package.ts';
import { bestRun, measureRuns, MOST_TRIED_ROWS, type RunFit } from './run-curve.ts';
import { openSession, type SessionOptions } from './session.ts';
import { signatureFindings } from './signature.ts';

/** Rows of the first warm-up run. More than one, since runtimes take another path for one row. */
const WARM_UP_ROWS = 4;

/**
 * Opens a model in this thread so that its first batch is as good as its millionth: opens the session, holds the graph against
 * the manifest, warms it up, and verifies the golden rows alone and together.
 * @param layout made by `createRowLayout(pkg.inputs, …)`
 * @throws WeirError `model_invalid` saying what to correct
 */
export async function openModel(pkg: ModelPackage, layout: RowLayout, options: SessionOptions): Promise<OnnxModel> {
  const session = await openSession(pkg, options);
  try {
    const findings = signatureFindings(pkg, session);
    if (findings.length > 0) throw new WeirError('model_invalid', formatFindings(findings));
    const model = await OnnxModel.warmUp(pkg, layout, session);
    if (pkg.golden) {
      const golden = await readGolden(pkg.golden.file);
      await verifyGolden(model, layout, golden, pkg.golden.tolerance, pkg.golden.file);
    }
    return model;
  } catch (thrown) {
    await session.release();
    throw thrown;
  }
}

/** Rows to measure runs with: the golden ones, over and over, else zeros and empty strings. */
async function sampleRows(pkg: ModelPackage, layout: RowLayout): Promise<Rows> {
  const count = Math.min(MOST_TRIED_ROWS, pkg.maxBatchRows ?? MOST_TRIED_ROWS);
  if (pkg.golden) return layOutGolden(layout, await readGolden(pkg.golden.file), count, pkg.golden.file);
  const rows = new Rows(layout, count);
  rows.count = count;
  return rows;
}

/** A model in a session of ONNX Runtime, in this thread. */
export class OnnxModel implements Model {
  readonly name: string;
  readonly version: string;
  private readonly session: InferenceSession;
  private readonly feeds: FeedsMaker;
  private readonly outputs: OutputReader;
  private readonly fetches: readonly string[];
  /** Most rows of one run; larger micro-batches take several. */
  runRows: number;
  /** One row of zeros and empty strings, which every model can score: the pipeline puts it in place of bad rows. */
  private readonly neutral: Rows;
  private isClosed = false;

  private constructor(
    pkg: ModelPackage,
    session: InferenceSession,
    feeds: FeedsMaker,
    fetches: readonly string[],
    outputs: OutputReader,
    neutral: Rows,
  ) {
    this.name = pkg.name;
    this.version = pkg.version;
    this.runRows = pkg.maxBatchRows ?? Number.POSITIVE_INFINITY;
    this.session = session;
    this.feeds = feeds;
    this.fetches = fetches;
    this.outputs = outputs;
    this.neutral = neutral;
  }

  static async warmUp(pkg: ModelPackage, layout: RowLayout, session: InferenceSession): Promise<OnnxModel> {
    const feeds = createFeedsMaker(layout, session);
    const fetches = wantedOutputs(pkg.outputs);
    const count = Math.min(WARM_UP_ROWS, pkg.maxBatchRows ?? WARM_UP_ROWS);
    const neutral = new Rows(layout, count);
    neutral.count = count;
    let sample: Results;
    try {
      sample = await session.run(feeds(neutral, 0, count), fetches);
    } catch (thrown) {
      throw new WeirError(
        'model_invalid',
        `The model fails on ${count} rows of zeros and empty strings, which weir puts in place of bad rows so that they cannot ` +
          `harm their batch: ${(thrown as Error).message}. Export a model that can score them.`,
        { cause: thrown },
      );
    }
    const model = new OnnxModel(pkg, session, feeds, fetches, createOutputReader(pkg.outputs, sample, count), neutral);
    await model.run(neutral, 0, 1, model.createScores(1));
    return model;
  }

  async run(rows: Rows, fromRow: number, toRow: number, scores: Scores): Promise<void> {
    for (let from = fromRow; from < toRow; from += this.runRows) {
      const to = Math.min(toRow, from + this.runRows);
      let results: Results;
      try {
        results = await this.session.run(this.feeds(rows, from, to), this.fetches);
      } catch (thrown) {
        await this.probe(thrown as Error);
        throw thrown;
      }
      this.outputs.read(results, from, to - from, scores);
    }
  }

  /**
   * Measures runs of a sample and has larger micro-batches scored in runs of the best number of rows from now on.
   * @returns that number, and what a row then takes; undefined when the model could not be measured
   */
  async fitRuns(pkg: ModelPackage, layout: RowLayout): Promise<RunFit | undefined> {
    const sample = await sampleRows(pkg, layout);
    const most = this.runRows;
    const scores = this.createScores(sample.count);
    const curve = await measureRuns((rows) => this.run(sample, 0, rows, scores), Math.min(most, sample.count));
    const best = bestRun(curve);
    // The longest tried: still longer ones may be as good, and cost fewer calls.
    if (best && best.rows < MOST_TRIED_ROWS) this.runRows = Math.min(most, best.rows);
    return best && { ...best, curve };
  }

  createScores(capacity: number): Scores {
    return this.outputs.createScores(capacity);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.session.release();
  }

  /**
   * After a failed run: is it the rows, or the session? A session that no longer scores its warm-up row is broken, and
   * blaming rows would turn a whole topic into dead letters.
   * @throws WeirError `model_invalid` when it is the session
   */
  private async probe(cause: Error): Promise<void> {
    try {
      await this.session.run(this.feeds(this.neutral, 0, 1), this.fetches);
    } catch {
      throw new WeirError('model_invalid', `Model ${this.name} ${this.version} no longer runs, whatever the row: ${cause.message}.`, {
        cause,
      });
    }
  }
}
