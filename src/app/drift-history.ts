/** The history of drift: what the statistics topic says of each window, for `weir drift`. */
import { createInputFraming, type InputFraming } from '../avro/framing.ts';
import { createRegistryClient, type RegistryClient } from '../avro/registry-client.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch } from '../core/records.ts';
import { windowSizeFrom } from '../core/window-size.ts';
import { type DriftStatistics, readDriftStatistics, statisticsResolver } from '../drift/statistics-record.ts';
import { createKafka } from '../kafka/client.ts';
import { partitionRanges, readRanges } from '../kafka/topic-reader.ts';

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
}

/**
 * Reads the whole statistics topic and keeps the newest record of each window. Nothing is written or committed.
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function readDriftHistory(options: DriftHistoryOptions): Promise<DriftHistory> {
  const { config, logger, onProgress } = options;
  const kafka = createKafka(config.kafka, logger, { retries: 2 });
  const topic = options.topic ?? config.drift.statisticsTopic;
  const reader = new StatisticsReader(config, logger);
  const byKey = new Map<string, DriftStatistics>();
  let read = 0;
  for await (const batch of readRanges(kafka, topic, await partitionRanges(kafka, topic), { openTransactions: 'stop' })) {
    for (let i = 0; i < batch.count; i++) {
      const key = batch.keyLength[i]! < 0 ? '' : batch.buffer.toString('utf8', batch.keyStart[i], batch.keyStart[i]! + batch.keyLength[i]!);
      if (batch.valueLength[i]! < 0) {
        byKey.delete(key);
        continue;
      }
      const statistics = await reader.read(batch, i);
      if (statistics) byKey.set(key, statistics);
    }
    read += batch.count;
    onProgress?.(read);
  }
  const windows = [...byKey.values()].filter((window) => isMeant(window, options)).sort(inOrder);
  return { topic, windows, unreadable: reader.unreadable };
}

function isMeant({ model, modelVersion, window, windowStart, windowEnd }: DriftStatistics, wanted: DriftHistoryOptions): boolean {
  if (wanted.window !== undefined && window !== wanted.window) return false;
  if (wanted.model !== undefined && model !== wanted.model) return false;
  if (wanted.version !== undefined && modelVersion !== wanted.version) return false;
  return windowEnd > (wanted.fromMs ?? Number.NEGATIVE_INFINITY) && windowStart < (wanted.toMs ?? Number.POSITIVE_INFINITY);
}

function inOrder(a: DriftStatistics, b: DriftStatistics): number {
  const byModel = a.model.localeCompare(b.model) || a.modelVersion.localeCompare(b.modelVersion, 'en', { numeric: true });
  return byModel || lengthOf(a) - lengthOf(b) || a.windowStart - b.windowStart;
}

function lengthOf({ window }: DriftStatistics): number {
  return windowSizeFrom(window)?.longestMs ?? Number.POSITIVE_INFINITY;
}

/** Reads statistics written with this schema, or with another version of it that the registry has. */
class StatisticsReader {
  unreadable = 0;
  private readonly framing: InputFraming;
  private readonly registry: RegistryClient | undefined;
  /** Reads the body of a value, by the name of its writer schema. */
  private readonly readers = new Map<string, ((body: Buffer) => DriftStatistics | undefined) | undefined>();

  constructor(config: PipelineConfig, logger: Logger) {
    this.framing = createInputFraming(config.output.predictions.format);
    this.registry = config.registry && createRegistryClient({ ...config.registry, clock: systemClock, logger });
  }

  async read(batch: RecordBatch, i: number): Promise<DriftStatistics | undefined> {
    const { frame } = this.framing;
    if (this.framing.read(batch, i)) {
      const id = batch.buffer.toString('hex', frame.idStart, frame.idStart + frame.idLength);
      if (!this.readers.has(id)) this.readers.set(id, await this.readerOf(frame.kind === 'id' ? Number.parseInt(id, 16) : undefined));
      const start = frame.bodyStart;
      const end = batch.valueStart[i]! + batch.valueLength[i]!;
      const statistics = this.readers.get(id)?.(batch.buffer.subarray(start, end));
      if (statistics) return statistics;
    }
    this.unreadable++;
    return undefined;
  }

  /** Undefined when the registry does not know the schema, or it is not one of statistics. */
  private async readerOf(id: number | undefined): Promise<((body: Buffer) => DriftStatistics | undefined) | undefined> {
    if (id === undefined || !this.registry) return (body) => readDriftStatistics(body);
    try {
      const { schema } = await this.registry.schemaById(String(id));
      const resolver = statisticsResolver(schema);
      return resolver && ((body) => readDriftStatistics(body, resolver));
    } catch (thrown) {
      if (thrown instanceof WeirError && thrown.kind === 'record') return undefined;
      throw thrown;
    }
  }
}
