/** The history of drift: what the statistics topic says of each window, for `weir drift`. */
import type { PipelineConfig } from '../config/index.ts';
import type { Logger } from '../core/ports.ts';
import { compareSizes, windowSizeFrom } from '../core/window-size.ts';
import { type DriftStatistics, statisticsReader } from '../drift/statistics-record.ts';
import { createKafka } from '../kafka/client.ts';
import { readCompacted } from './compacted-topic.ts';
import { type PerformanceHistory, readPerformanceHistory } from './performance-history.ts';

export { decidingTvd } from '../drift/decision.ts';
export type { DriftStatistics } from '../drift/statistics-record.ts';

/** Which windows. */
export interface DriftHistoryOptions {
  readonly config: PipelineConfig;
  /** Statistics topic; default: that of the pipeline. */
  readonly topic?: string;
  /** Only windows that end after this, in event time; milliseconds since the epoch. */
  readonly fromMs?: number;
  /** Only windows that begin before this. */
  readonly toMs?: number;
  /** Only this model, only this version of it. */
  readonly model?: string;
  readonly version?: string;
  /** Only windows of this size, by its name. */
  readonly window?: string;
  readonly logger: Logger;
  /** Called now and then with the number of records read. */
  readonly onProgress?: (records: number) => void;
}

/** What the topic says. */
export interface DriftHistory {
  readonly topic: string;
  /** The newest record of each window: by model, version, size and start. */
  readonly windows: readonly DriftStatistics[];
  /** Records that cannot be read, or were written with a schema that cannot be had. */
  readonly unreadable: number;
  /** What is said of performance, of whatever window; undefined when the pipeline has no labels. */
  readonly performance: PerformanceHistory | undefined;
}

/**
 * Reads the whole statistics topic, and that of performance where there are labels, and keeps the newest record of each window. Nothing is written or committed.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function readDriftHistory(options: DriftHistoryOptions): Promise<DriftHistory> {
  const { config, logger } = options;
  const kafka = createKafka(config.kafka, logger, { retries: 2 });
  const topic = options.topic ?? config.drift.statisticsTopic;
  const { values, unreadable } = await readCompacted(kafka, topic, { ...options, reader: statisticsReader });
  const windows = [...values.values()].filter((window) => isMeant(window, options)).sort(inOrder);
  return { topic, windows, unreadable, performance: await readPerformanceHistory(kafka, options) };
}

function isMeant({ model, modelVersion, window, windowStart, windowEnd }: DriftStatistics, wanted: DriftHistoryOptions): boolean {
  if (wanted.window !== undefined && window !== wanted.window) return false;
  if (wanted.model !== undefined && model !== wanted.model) return false;
  if (wanted.version !== undefined && modelVersion !== wanted.version) return false;
  return windowEnd > (wanted.fromMs ?? Number.NEGATIVE_INFINITY) && windowStart < (wanted.toMs ?? Number.POSITIVE_INFINITY);
}

function inOrder(a: DriftStatistics, b: DriftStatistics): number {
  const byModel = a.model.localeCompare(b.model) || a.modelVersion.localeCompare(b.modelVersion, 'en', { numeric: true });
  return byModel || bySize(a.window, b.window) || a.windowStart - b.windowStart;
}

/** Sizes that this version of weir does not know come last. */
function bySize(a: string, b: string): number {
  const [first, second] = [windowSizeFrom(a), windowSizeFrom(b)];
  return first && second ? compareSizes(first, second) : Number(second !== undefined) - Number(first !== undefined) || a.localeCompare(b);
}
