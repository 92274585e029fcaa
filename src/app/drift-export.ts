/** Windows of drift with everything that their statistics were computed from, for `weir drift export`. */
import { countsReader, type DriftCounts } from '../drift/counts-record.ts';
import type { ExportedCells, ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';
import { getState, referenceKey } from '../drift/merger-state.ts';
import type { ReferenceFeature, ReferenceProfile } from '../drift/reference-profile.ts';
import { type DriftStatistics, statisticsKey } from '../drift/statistics-record.ts';
import { createKafka } from '../kafka/client.ts';
import { readCompacted } from './compacted-topic.ts';
import { type DriftHistoryOptions, readDriftHistory } from './drift-history.ts';
import { readStateTopic } from './drift-state.ts';
import { type PerformanceHistory, performanceOf, type PerformanceStatistics } from './performance-history.ts';

export type { ExportedCells, ExportedFeature, ExportedWindow } from '../drift/exported-window.ts';

/** What the topics say. */
export interface DriftExport {
  readonly topic: string;
  readonly windows: readonly ExportedWindow[];
  /** Records of statistics or counts that cannot be read. */
  readonly unreadable: number;
  /** Windows without counts, or whose reference profile is not in the state topic any more. */
  readonly withoutCounts: number;
  /** Where performance comes from; undefined when the pipeline has no labels. */
  readonly performance: Omit<PerformanceHistory, 'byWindow'> | undefined;
}

/**
 * Reads statistics, counts, reference profiles, and performance where there are labels, and puts them together. Nothing is written or committed.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function exportDrift(options: DriftHistoryOptions): Promise<DriftExport> {
  const { config, logger } = options;
  const history = await readDriftHistory(options);
  const kafka = createKafka(config.kafka, logger, { retries: 2 });
  const counts = await readCompacted(kafka, config.drift.countsTopic, { config, logger, reader: countsReader });
  const state = await readStateTopic(kafka, config.drift.stateTopic);
  const references = new Map<string, ReferenceProfile | undefined>();
  let withoutCounts = 0;
  const windows = history.windows.map((statistics) => {
    const { referenceId } = statistics;
    if (!references.has(referenceId)) references.set(referenceId, getState<ReferenceProfile>(state, referenceKey(referenceId)));
    const key = statisticsKey(statistics);
    const performance = performanceOf(history.performance, statistics);
    const of = counts.values.get(key);
    const reference = references.get(referenceId);
    // They are written together; whoever reads between two revisions of a window has statistics of one and counts of the other.
    const fits = of?.referenceId === referenceId && of.revision === statistics.revision && of.events === statistics.events;
    if (fits && reference) return exportWindow(statistics, performance, of, reference);
    withoutCounts++;
    return exportWindow(statistics, performance);
  });
  const { topic, unreadable, performance } = history;
  return { topic, windows, unreadable: unreadable + counts.unreadable, withoutCounts, performance };
}

/**
 * A window with what its statistics were computed from.
 * @param performance of the window, by arm; null when the pipeline has no labels
 * @param reference in whose bins the counts are
 */
export function exportWindow(
  statistics: DriftStatistics,
  performance: readonly PerformanceStatistics[] | null,
  counts?: DriftCounts,
  reference?: ReferenceProfile,
): ExportedWindow {
  const profiles = reference && [...reference.features, reference.prediction];
  const feature = (of: DriftStatistics['prediction'], index: number): ExportedFeature => {
    if (!counts || !profiles) return { ...of, marks: null, cells: null };
    const { cells, counts: n, sums, lowest: _l, highest: _h, ...marks } = counts.features[index]!;
    return { ...of, marks, cells: cellsOf(profiles[index]!, { cells, counts: n, sums }) };
  };
  const { features, prediction, ...rest } = statistics;
  return { ...rest, features: features.map(feature), prediction: feature(prediction, features.length), performance };
}

function cellsOf(
  reference: ReferenceFeature,
  { cells, counts, sums }: { readonly cells: readonly number[]; readonly counts: readonly number[]; readonly sums: readonly number[] },
): ExportedCells {
  const dense = (values: readonly number[]): number[] => {
    const all = reference.counts.map(() => 0);
    for (const [i, cell] of cells.entries()) all[cell] = values[i]!;
    return all;
  };
  if (reference.type === 'CATEGORICAL') {
    const { vocabulary, counts: referenceCounts } = reference;
    return {
      ...{ edges: null, vocabulary, fold: null, origin: null, quantum: null },
      ...{ counts: dense(counts), sums: null, referenceCounts, referenceSums: null },
    };
  }
  const { edges, fold, origin, quantum, counts: referenceCounts, sums: referenceSums } = reference;
  return { edges, vocabulary: null, fold, origin, quantum, counts: dense(counts), sums: dense(sums), referenceCounts, referenceSums };
}
