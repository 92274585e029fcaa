/** A report of drift for people, for `weir drift report`. */
import { conclusionOf } from '../drift-report/conclusion.ts';
import { reportPage } from '../drift-report/page.ts';
import { groupsOf } from '../drift-report/series.ts';
import { type DriftExport, exportDrift } from './drift-export.ts';
import type { DriftHistoryOptions } from './drift-history.ts';

/** Which windows a report is of. */
export interface DriftReportOptions extends DriftHistoryOptions {
  /** Also windows that are not final yet. */
  readonly isWithOpen: boolean;
}

/** A report, and what to say of it. */
export interface DriftReport extends Omit<DriftExport, 'windows'> {
  /** The page. */
  readonly html: string;
  /** Windows that it is of. */
  readonly windows: number;
  /** A sentence for each model version and size of windows, with the name of both. Not escaped in any way. */
  readonly conclusions: readonly string[];
}

/**
 * Reads the windows and makes a page of them. Nothing is written or committed.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function driftReport(options: DriftReportOptions): Promise<DriftReport> {
  return reportOf(await exportDrift(options), { isWithOpen: options.isWithOpen, madeAtMs: Date.now() });
}

/** Makes a page of windows that were read. */
export function reportOf(
  { windows: all, ...found }: DriftExport,
  { isWithOpen, madeAtMs }: { readonly isWithOpen: boolean; readonly madeAtMs: number },
): DriftReport {
  const windows = all.filter(({ final }) => final || isWithOpen);
  return {
    ...found,
    windows: windows.length,
    html: reportPage({ windows, topic: found.topic, madeAtMs }),
    conclusions: groupsOf(windows).map((group) => `${group.model} ${group.modelVersion}, ${group.window}: ${conclusionOf(group)}`),
  };
}
