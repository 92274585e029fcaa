import { WeirError } from '../core/errors.ts';
import type { Model } from '../core/ports.ts';
import { RunAbandoned } from '../core/run-abandoned.ts';
import { type Rows, type Scores, STATUS_OK } from '../core/rows.ts';

/**
 * Makes the scorer: one run of the model for a whole batch. When that run fails, the batch is halved until the rows that
 * fail on their own are found (`inference_failed`); all others are scored. With k guilty rows among n that takes at most
 * about 2·k·log2(n) + 1 runs. A score that is not finite is `output_invalid`.
 *
 * A run that was abandoned is not halved, for each half that holds the guilty row may cost the whole deadline and a thread again:
 * its rows are tried one by one, each once, and those that are abandoned again are `inference_abandoned`. With k guilty rows
 * that takes k further deadlines.
 *
 * A `WeirError` of the model is about the model, not about a row, and is passed on.
 * Rows that are not ok end with score NaN and no label.
 */
export function createScorer(model: Model): (rows: Rows, scores: Scores) => Promise<void> {
  return async (rows, scores) => {
    if (rows.failed < rows.count) {
      await scoreRange(model, rows, 0, rows.count, scores);
      for (let row = 0; row < rows.count; row++) {
        // x − x is 0 for every finite x, NaN for the others.
        if (scores.score[row]! - scores.score[row]! !== 0 && rows.status[row] === STATUS_OK) {
          rows.fail(row, 'output_invalid', `Model ${model.name} ${model.version} gave a score that is not finite.`);
        }
      }
    }
    if (rows.failed > 0) clearFailed(rows, scores);
  };
}

async function scoreRange(model: Model, rows: Rows, from: number, to: number, scores: Scores): Promise<void> {
  if (!hasOk(rows, from, to)) return;
  try {
    await model.run(rows, from, to, scores);
    return;
  } catch (thrown) {
    if (thrown instanceof WeirError) throw thrown;
    if (thrown instanceof RunAbandoned) return scoreAround(model, rows, from, to, scores, thrown);
    if (to - from === 1) return failRow(model, rows, from, thrown);
  }
  const middle = (from + to) >>> 1;
  await scoreRange(model, rows, from, middle, scores);
  await scoreRange(model, rows, middle, to, scores);
}

/** Tries the rows of an abandoned run one by one, and those of its other parts together. */
async function scoreAround(model: Model, rows: Rows, from: number, to: number, scores: Scores, { ranges }: RunAbandoned): Promise<void> {
  let at = from;
  for (const { fromRow, toRow } of ranges) {
    await scoreRange(model, rows, at, fromRow, scores);
    for (let row = fromRow; row < toRow; row++) if (rows.status[row] === STATUS_OK) await scoreAlone(model, rows, row, scores);
    at = toRow;
  }
  await scoreRange(model, rows, at, to, scores);
}

async function scoreAlone(model: Model, rows: Rows, row: number, scores: Scores): Promise<void> {
  try {
    await model.run(rows, row, row + 1, scores);
  } catch (thrown) {
    if (thrown instanceof WeirError) throw thrown;
    failRow(model, rows, row, thrown);
  }
}

function failRow({ name, version }: Model, rows: Rows, row: number, thrown: unknown): void {
  const code = thrown instanceof RunAbandoned ? 'inference_abandoned' : 'inference_failed';
  rows.fail(row, code, `Model ${name} ${version}: ${reasonOf(thrown)}`);
}

function hasOk(rows: Rows, from: number, to: number): boolean {
  for (let row = from; row < to; row++) if (rows.status[row] === STATUS_OK) return true;
  return false;
}

/** First line of what the runtime says, shortened: it goes into a header of the dead letter. */
function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return (message.split('\n')[0] ?? '').slice(0, 300);
}

function clearFailed(rows: Rows, scores: Scores): void {
  for (let row = 0; row < rows.count; row++) {
    if (rows.status[row] === STATUS_OK) continue;
    scores.score[row] = Number.NaN;
    if (scores.label) scores.label[row] = undefined;
    for (const { width, values } of scores.extras) values.fill(Number.NaN, row * width, (row + 1) * width);
  }
}
