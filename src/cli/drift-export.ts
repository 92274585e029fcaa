import { exportDrift } from '../app/drift-export.ts';
import { performanceNotes } from '../app/performance-history.ts';
import type { DriftWindowOptions } from './drift.ts';
import { driftQuery } from './drift-query.ts';
import { EXIT_CODES } from './failure.ts';
import { writeOutputFile } from './output-file.ts';
import type { Terminal } from './terminal.ts';
import { numberText, safeText } from './text.ts';

/** Options of `weir drift export`. */
export interface DriftExportOptions extends DriftWindowOptions {
  readonly out?: string;
  readonly open?: boolean;
}

/** `weir drift export`: one JSON object a line for each window. @throws WeirError */
export async function driftExportCommand(options: DriftExportOptions, terminal: Terminal): Promise<number> {
  const found = await exportDrift(driftQuery(options, terminal));
  const windows = found.windows.filter(({ final }) => final || options.open === true);
  const lines = windows.map((window) => JSON.stringify(window));
  if (options.out === undefined) for (const line of lines) terminal.out(line);
  else {
    await writeOutputFile(options.out, lines.map((line) => `${line}\n`).join(''));
    terminal.err(`${numberText(windows.length)} windows written to ${options.out}.`);
  }
  if (found.withoutCounts > 0) {
    terminal.err(
      `${numberText(found.withoutCounts)} windows of ${found.topic} have no counts any more, or none of their reference profile.`,
    );
  }
  if (found.unreadable > 0)
    terminal.err(`${numberText(found.unreadable)} records cannot be read: another format, or a schema that cannot be had.`);
  for (const note of performanceNotes(found.performance)) terminal.err(safeText(note));
  return EXIT_CODES.ok;
}
