/** The history of performance: what the performance topic says of each window, for `weir drift`. */
import type { Kafka } from 'kafkajs';
import type { PipelineConfig } from '../config/index.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import { countText } from '../core/text.ts';
import { windowSizeFrom } from '../core/window-size.ts';
import { performanceReader, type PerformanceStatistics } from '../drift/performance/performance-record.ts';
import { statisticsKey } from '../drift/statistics-record.ts';
import { readCompacted } from './compacted-topic.ts';

export type { PerformanceStatistics } from '../drift/performance/performance-record.ts';
export { dropText, judgedValue } from '../drift/performance/verdict-text.ts';

/** What the performance topic says. */
export interface PerformanceHistory {
  readonly topic: string;
  /** Whether there is no such topic: it is made by `weir topics apply`, or when a worker starts that has labels. */
  readonly isMissing: boolean;
  /** The newest record of each arm, by the key that the statistics of its window have (`statisticsKey`); arms in order. */
  readonly byWindow: ReadonlyMap<string, readonly PerformanceStatistics[]>;
  /** Records that cannot be read. */
  readonly unreadable: number;
}

/** Whose performance. */
export interface PerformanceHistoryOptions {
  readonly config: PipelineConfig;
  readonly logger: Logger;
  /** Default: from Kafka. */
  readonly read?: typeof readCompacted<PerformanceStatistics>;
}

/**
 * Reads the whole performance topic of the pipeline. Nothing is written or committed. A topic that is not there is told, and is no failure: drift can be
 * shown without.
 * @returns undefined when the pipeline has no labels
 * @throws WeirError `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function readPerformanceHistory(
  kafka: Kafka,
  { config, logger, read = readCompacted }: PerformanceHistoryOptions,
): Promise<PerformanceHistory | undefined> {
  if (!config.labels) return undefined;
  const topic = config.labels.performanceTopic;
  try {
    const { values, unreadable } = await read(kafka, topic, { config, logger, reader: performanceReader });
    return { topic, isMissing: false, byWindow: byWindowOf(values.values()), unreadable };
  } catch (thrown) {
    if (!(thrown instanceof WeirError) || thrown.code !== 'topic_missing') throw thrown;
    return { topic, isMissing: true, byWindow: new Map(), unreadable: 0 };
  }
}

/** Records by window, those of each window by arm. */
export function byWindowOf(records: Iterable<PerformanceStatistics>): Map<string, readonly PerformanceStatistics[]> {
  const groups = Map.groupBy(records, statisticsKey);
  return new Map([...groups].map(([key, of]) => [key, of.toSorted((a, b) => (a.arm < b.arm ? -1 : 1))]));
}

/** What is known of a window, by arm; null when the pipeline has no labels, and of windows by a number of rows, which have no performance. */
export function performanceOf(
  history: Pick<PerformanceHistory, 'byWindow'> | undefined,
  window: Parameters<typeof statisticsKey>[0],
): readonly PerformanceStatistics[] | null {
  if (!history || windowSizeFrom(window.window)?.rows !== undefined) return null;
  return history.byWindow.get(statisticsKey(window)) ?? [];
}

/** What is to be said of the performance topic beside the windows. Holds its name as it is. */
export function performanceNotes(history: Pick<PerformanceHistory, 'topic' | 'isMissing' | 'unreadable'> | undefined): string[] {
  if (!history) return [];
  const { topic, isMissing, unreadable } = history;
  return [
    ...(isMissing ? [`There is no topic ${topic}, so nothing is known of performance: weir topics apply makes it.`] : []),
    ...(unreadable > 0
      ? [`${countText(unreadable)} records of ${topic} cannot be read: another format, or a schema that cannot be had.`]
      : []),
  ];
}
