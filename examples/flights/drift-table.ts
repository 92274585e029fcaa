/**
 * The table of examples/flights/README.md: drift of each column by month, and of the score of each model, from what `weir drift export` wrote.
 *
 *     node examples/flights/drift-table.ts flights-gbt=gbt.jsonl flights-lr=lr.jsonl
 *
 * Columns are taken from the first file: they are the same flights. A number is the share of the distribution that moved since training, in
 * percent; bold: DRIFT; –: too few rows.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { ExportedFeature, ExportedWindow } from '../../src/app/drift-export.ts';

const MONTH = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' });

/** One row: a column of the model, or a score. */
interface TrendRow {
  readonly name: string;
  readonly cells: readonly ExportedFeature[];
}

/**
 * @param models windows of each model, by its name
 * @returns lines of Markdown
 */
export function driftTable(models: ReadonlyMap<string, readonly ExportedWindow[]>): string[] {
  const judged = (windows: readonly ExportedWindow[]): ExportedWindow[] =>
    windows.filter(({ status }) => status !== 'INSUFFICIENT_DATA').toSorted((a, b) => a.windowStart - b.windowStart);
  const [first = []] = [...models.values()].map(judged);
  const names = first[0]?.features.map(({ name }) => name) ?? [];
  const rows = names
    .map(
      (name): TrendRow => ({ name: `\`${name}\``, cells: first.map(({ features }) => features.find((feature) => feature.name === name)!) }),
    )
    .sort((a, b) => driftedIn(b) - driftedIn(a) || most(b) - most(a));
  const scores = [...models].map(
    ([model, windows]): TrendRow => ({ name: `score of ${model}`, cells: judged(windows).map(({ prediction }) => prediction) }),
  );
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['', ...first.map(({ windowStart }) => MONTH.format(windowStart)), 'months in drift'];
  return [
    line(head),
    line(head.map(() => '---')),
    ...[...rows, ...scores].map((row) => line([row.name, ...row.cells.map(cellText), String(driftedIn(row))])),
  ];
}

function driftedIn({ cells }: TrendRow): number {
  return cells.filter(({ status }) => status === 'DRIFT').length;
}

function most({ cells }: TrendRow): number {
  return Math.max(...cells.map(({ tvd }) => tvd ?? 0));
}

function cellText({ status, tvd }: ExportedFeature): string {
  if (status === 'INSUFFICIENT_DATA' || tvd === null) return '–';
  const share = (100 * tvd).toFixed(0);
  return status === 'DRIFT' ? `**${share}**` : share;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const models = process.argv.slice(2).map((argument): [string, ExportedWindow[]] => {
    const [name = '', file = ''] = argument.split('=', 2);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return [name, lines.map((text) => JSON.parse(text) as ExportedWindow)];
  });
  for (const line of driftTable(new Map(models))) console.log(line);
}
