import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { WeirError } from '../core/errors.ts';
import type { Column, RowLayout } from '../core/layout.ts';
import type { Model } from '../core/ports.ts';
import { Rows, type Scores } from '../core/rows.ts';

const goldenSchema = z.strictObject({
  rows: z.array(z.record(z.string(), z.union([z.number(), z.string(), z.null(), z.array(z.number().nullable())]))).min(1),
  scores: z.array(z.number()),
  labels: z.array(z.string()).optional(),
});

/** Rows whose scores are known: column values as the model gets them (after defaults), null where there is none; lists as arrays. */
export type Golden = z.output<typeof goldenSchema>;

/** Rows in the larger of the two runs; few golden rows are repeated up to this many. */
const MANY_ROWS = 32;

/**
 * Reads a golden file.
 * @throws WeirError `model_invalid` when it is missing, no JSON, not of the form, or its lists differ in length
 */
export async function readGolden(file: string): Promise<Golden> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (thrown) {
    throw new WeirError('model_invalid', `${file}: ${(thrown as Error).message}`, { cause: thrown });
  }
  const parsed = goldenSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'top level'}: ${issue.message}`);
    throw new WeirError('model_invalid', `${file}: ${problems.join('; ')}`);
  }
  const { rows, scores, labels } = parsed.data;
  if (scores.length !== rows.length || (labels && labels.length !== rows.length)) {
    const counts = `${rows.length} rows, ${scores.length} scores${labels ? `, ${labels.length} labels` : ''}`;
    throw new WeirError('model_invalid', `${file}: ${counts}; there must be as many of each`);
  }
  return parsed.data;
}

/**
 * Scores the golden rows one by one and all together and compares both with what is expected, and with each other:
 * a model whose answer depends on the batch it is scored in would not give the same prediction on replay.
 * @throws WeirError `model_invalid` naming the row, what was expected and what came
 */
export async function verifyGolden(model: Model, layout: RowLayout, golden: Golden, tolerance: number, file: string): Promise<void> {
  const count = golden.rows.length;
  const many = Math.max(count, MANY_ROWS);
  const rows = goldenRows(layout, golden, many, file);
  const together = model.createScores(many);
  await model.run(rows, 0, many, together);
  const alone = model.createScores(count);
  for (let row = 0; row < count; row++) await model.run(rows, row, row + 1, alone);

  for (let row = 0; row < many; row++) compare(golden, row % count, together, row, tolerance, file, `in a run of ${many} rows`);
  for (let row = 0; row < count; row++) compare(golden, row, alone, row, tolerance, file, 'in a run of its own');
  for (let row = 0; row < count; row++) {
    const difference = Math.abs(alone.score[row]! - together.score[row]!);
    if (difference <= tolerance && alone.label?.[row] === together.label?.[row]) continue;
    throw new WeirError(
      'model_invalid',
      `${file}: the score of row ${row} depends on the batch: ${alone.score[row]} alone, ${together.score[row]} among ${many} rows ` +
        `(tolerance ${tolerance}). Dynamic quantisation does this; export without it, or raise golden.tolerance if you can live with it.`,
    );
  }
}

/**
 * Golden rows as the pipeline would lay them out: the first `count`, or all of them over and over.
 * @throws WeirError `model_invalid` for columns that the manifest does not list, that are missing or of another kind
 */
export function goldenRows(layout: RowLayout, golden: Golden, count: number, file: string): Rows {
  const rows = new Rows(layout, count);
  rows.count = count;
  const byName = new Map(layout.columns.map((column) => [column.name, column]));
  for (const [i, values] of golden.rows.entries()) {
    const unknown = Object.keys(values).find((name) => !byName.has(name));
    if (unknown !== undefined)
      throw new WeirError('model_invalid', `${file}: row ${i} has column ${unknown}, which the manifest does not list`);
    for (const column of layout.columns) {
      const value = values[column.name];
      const isFloat = column.kind === 'float';
      const problem = goldenProblem(column, value);
      if (problem !== undefined) throw new WeirError('model_invalid', `${file}: row ${i}${problem}`);
      const numbers = isFloat ? goldenNumbers(column, value as number | (number | null)[] | null) : [];
      for (let row = i; row < count; row += golden.rows.length) {
        if (!isFloat && value !== null) rows.texts[column.lane]!.setText(row, value as string);
        if (isFloat) rows.floats[column.lane]!.set(numbers, row * layout.floatWidths[column.lane]! + column.slot);
      }
    }
  }
  return rows;
}

type GoldenValue = Golden['rows'][number][string];

/** Why a value cannot stand in a column; undefined when it can. */
function goldenProblem({ name, kind, size }: Column, value: GoldenValue | undefined): string | undefined {
  if (value === undefined) return ` lacks column ${name}; write null for no value`;
  if (value === null) return undefined;
  const given = Array.isArray(value) ? 'list' : typeof value;
  if (size !== undefined) {
    if (!Array.isArray(value)) return `, column ${name}: a list of ${size} numbers is wanted, not a ${given}`;
    return value.length === size ? undefined : `, column ${name}: it has ${value.length} numbers, not ${size}`;
  }
  return given === (kind === 'float' ? 'number' : 'string') ? undefined : `, column ${name}: a ${kind} column holds a ${given}`;
}

/** The values of a float column; NaN is no value. */
function goldenNumbers({ size = 1 }: Column, value: number | readonly (number | null)[] | null): number[] {
  if (value === null) return new Array<number>(size).fill(Number.NaN);
  return (typeof value === 'number' ? [value] : value).map((x) => x ?? Number.NaN);
}

function compare(golden: Golden, row: number, scores: Scores, at: number, tolerance: number, file: string, how: string): void {
  const expected = golden.scores[row]!;
  const got = scores.score[at]!;
  // Written so that NaN fails.
  if (!(Math.abs(got - expected) <= tolerance)) {
    throw new WeirError(
      'model_invalid',
      `${file}: row ${row} scores ${got} ${how}, expected ${expected} (difference ${Math.abs(got - expected).toExponential(1)}, tolerance ${tolerance}). ` +
        'Either the model file is not the one the golden rows were made with, or columns are bound in another order.',
    );
  }
  const label = golden.labels?.[row];
  if (label !== undefined && scores.label && scores.label[at] !== label) {
    throw new WeirError('model_invalid', `${file}: row ${row} has label ${scores.label[at]} ${how}, expected ${label}`);
  }
}
