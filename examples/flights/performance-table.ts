/**
 * The table of examples/flights/README.md: performance of each model by month, from the last lines of demos.
 *
 *     npm run --silent demo -- --json --model gbt > gbt.json
 *     node examples/flights/performance-table.ts gbt.json lr.json mlp.json
 *
 * Bold: performance fell. –: not known.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { MonthOfPerformance } from './performance-summary.ts';
import type { RunResult } from './summary.ts';

const MONTH = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' });
const HEAD = ['model', 'month', 'AUC', 'estimated', 'accuracy', 'estimated', 'Brier', 'late', 'drop', 'verdict'];

/** @returns lines of Markdown, months of a model together; those with too few flights are left out */
export function performanceTable(results: readonly Pick<RunResult, 'model' | 'performance'>[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = results.flatMap(({ model, performance }) => {
    const judged = performance.filter(({ status }) => status !== 'INSUFFICIENT_DATA');
    return judged.map((month, i) => rowOf(i === 0 ? model : '', month));
  });
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map(line)];
}

function rowOf(model: string, { month, status, ...of }: MonthOfPerformance): string[] {
  const { auc, aucEstimated, accuracy, accuracyEstimated, brier, positiveRate, drop } = of;
  return [
    ...[model, MONTH.format(Date.parse(`${month}-01`)), fixed(auc), fixed(aucEstimated), percent(accuracy), percent(accuracyEstimated)],
    ...[fixed(brier), percent(positiveRate), fixed(drop), status === 'FELL' ? '**fell**' : 'ok'],
  ];
}

function fixed(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const results = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '') as RunResult);
  for (const line of performanceTable(results)) console.log(line);
}
