import { driftReport } from '../app/drift-report.ts';
import { performanceNotes } from '../app/performance-history.ts';
import type { DriftWindowOptions } from './drift.ts';
import { driftQuery } from './drift-query.ts';
import { EXIT_CODES } from './failure.ts';
import { writeOutputFile } from './output-file.ts';
import type { Terminal } from './terminal.ts';
import { numberText, safeText } from './text.ts';

/** Options of `weir drift report`. */
export interface DriftReportCommandOptions extends DriftWindowOptions {
  readonly html: string;
  readonly open?: boolean;
}

/** `weir drift report`: writes a page for people, and says what it says in a line. @throws WeirError */
export async function driftReportCommand(options: DriftReportCommandOptions, terminal: Terminal): Promise<number> {
  const report = await driftReport({ ...driftQuery(options, terminal), isWithOpen: options.open === true });
  await writeOutputFile(options.html, report.html);
  terminal.out(options.html);
  terminal.err(`A report of ${numberText(report.windows)} window${report.windows === 1 ? '' : 's'} of ${report.topic}.`);
  for (const conclusion of report.conclusions) terminal.err(safeText(conclusion));
  if (report.withoutCounts > 0) {
    terminal.err(
      `${numberText(report.withoutCounts)} windows of ${report.topic} have no counts any more, or none of their reference profile: there are no bars of them.`,
    );
  }
  if (report.unreadable > 0)
    terminal.err(`${numberText(report.unreadable)} records cannot be read: another format, or a schema that cannot be had.`);
  for (const note of performanceNotes(report.performance)) terminal.err(safeText(note));
  return EXIT_CODES.ok;
}
