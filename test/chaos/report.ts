/** The table at the end, and its last line for programs. */
import type { Delivery, Findings } from './scenario.ts';

/** A row of the table. */
export interface Row extends Findings {
  readonly name: string;
  readonly delivery: Delivery;
  /** The workers were broken on purpose: what is lost or duplicated is what the checker had to find. */
  readonly isTrial: boolean;
  readonly seconds: number;
}

const COLUMNS = ['scenario', 'delivery', 'inputs', 'faults', 'lost', 'duplicated', 'reordered', 'wrong', 'seconds', 'verdict'] as const;

/** The table as text, followed by what went wrong and what else was measured. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    deliveryOf(row),
    ...[row.inputs, row.faults, row.lost, row.duplicated, row.reordered, row.wrong, Math.round(row.seconds)].map(String),
    verdictOf(row),
  ]);
  const widths = COLUMNS.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]!.length)));
  const line = (texts: readonly string[]): string => `| ${texts.map((text, i) => pad(text, widths[i]!, i)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const details = rows.flatMap((row) => [
    ...row.notes.map((note) => `${row.name} (${row.delivery}): ${note}`),
    ...row.problems.map((problem) => `FAIL ${row.name} (${row.delivery}): ${problem}`),
  ]);
  return [line(COLUMNS), rule, ...cells.map(line), '', ...details].join('\n').trimEnd();
}

/**
 * One JSON object: `{"chaos": [{"name", "delivery", "inputs", "faults", "lost", "duplicated", "reordered", "wrong", "seconds"}, …]}`,
 * and `drift` (`{"predictions", "counted", "missing", "twice", "wrong"}`) where the workers counted for it.
 */
export function jsonOf(rows: readonly Row[]): string {
  return JSON.stringify({
    chaos: rows.map((row) => {
      const { name, inputs, faults, lost, duplicated, reordered, wrong } = row;
      const counts = { inputs, faults, lost, duplicated, reordered, wrong };
      const seconds = Math.round(row.seconds * 10) / 10;
      return {
        name,
        delivery: deliveryOf(row),
        ...counts,
        seconds,
        verdict: verdictOf(row),
        ...(row.drift ? { drift: driftOf(row.drift) } : {}),
      };
    }),
  });
}

function driftOf({ examples: _, ...counts }: NonNullable<Row['drift']>): object {
  return counts;
}

/** The delivery mode; of workers that are broken on purpose, what they claim. */
function deliveryOf({ delivery, isTrial }: Row): string {
  return isTrial ? `broken ${delivery}` : delivery;
}

function verdictOf({ problems, isTrial }: Row): string {
  if (problems.length > 0) return 'FAIL';
  return isTrial ? 'caught' : 'pass';
}

function pad(text: string, width: number, column: number): string {
  return column >= 2 && column <= 8 ? text.padStart(width) : text.padEnd(width);
}
