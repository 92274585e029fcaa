import { type CheckReport, type CheckStep, checkPipeline, type SchemaColumns } from '../app/check.ts';
import { createLogger } from '../ops/logger.ts';
import { EXIT_CODES } from './failure.ts';
import { type Style, type Terminal, table } from './terminal.ts';

/** Options of `weir check`. */
export interface CheckCommandOptions {
  readonly config: string;
  readonly schema?: readonly string[];
  readonly registry?: boolean;
  readonly json?: boolean;
}

/** `weir check`: prints what was found; the exit code says whether the pipeline can run. @throws WeirError `config_invalid` */
export async function checkCommand(
  { config, schema = [], registry = false, json = false }: CheckCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const level = terminal.env['LOG_LEVEL'] === 'debug' ? 'debug' : 'error';
  const report = await checkPipeline({
    config,
    env: terminal.env,
    schemas: schema,
    registry,
    logger: createLogger({ level, name: 'check' }),
  });
  if (json) terminal.out(JSON.stringify(report));
  else for (const line of reportLines(report, terminal.style)) terminal.out(line);
  return report.ok ? EXIT_CODES.ok : EXIT_CODES.fatal;
}

/** The report as lines of text. */
export function reportLines(report: CheckReport, style: Style): string[] {
  const width = Math.max(...report.steps.map(({ title }) => title.length));
  const errors = count(report, 'error');
  const warnings = count(report, 'warning');
  const verdict = report.ok
    ? style.good('✓ The pipeline can run.')
    : style.bad(`✗ ${errors} error${errors === 1 ? '' : 's'}: the pipeline cannot run.`);
  return [
    ...report.steps.flatMap((step) => stepLines(step, width, style)),
    ...report.columns.flatMap((columns) => columnLines(columns, style)),
    '',
    `${verdict}${warnings > 0 ? ` ${warnings} warning${warnings === 1 ? '' : 's'}.` : ''}`,
  ];
}

function count({ steps }: CheckReport, severity: 'error' | 'warning'): number {
  return steps.reduce((sum, { findings }) => sum + findings.filter((finding) => finding.severity === severity).length, 0);
}

function stepLines({ title, detail, findings }: CheckStep, width: number, style: Style): string[] {
  const hasError = findings.some(({ severity }) => severity === 'error');
  const mark = hasError ? style.bad('✗') : findings.length > 0 ? style.warn('!') : style.good('✓');
  return [
    `${mark} ${title.padEnd(width)}  ${detail}`.trimEnd(),
    ...findings.map(({ severity, message, file, line, column }) => {
      const place = [file, line, column].filter((part) => part !== undefined).join(':');
      return `    ${severity === 'error' ? style.bad('✗') : style.warn('!')} ${place === '' ? '' : `${place}: `}${message}`;
    }),
  ];
}

function columnLines({ schema, columns }: SchemaColumns, style: Style): string[] {
  const [heading, ...rows] = table([
    ['COLUMN', 'BOUND TO', 'VALUE'],
    ...columns.map(({ column, binding, source }) => [column, binding, source]),
  ]);
  return [
    '',
    `Where values come from, for events written with ${schema}:`,
    `  ${style.bold(heading ?? '')}`,
    ...rows.map((row, i) => `  ${columns[i]!.kind === 'none' ? style.warn(row) : row}`),
  ];
}
