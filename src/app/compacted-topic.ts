import type { Kafka } from 'kafkajs';
import { createInputFraming, type InputFraming } from '../avro/framing.ts';
import { createRegistryClient, type RegistryClient } from '../avro/registry-client.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import type { RecordBatch } from '../core/records.ts';
import type { RecordReader } from '../drift/record-reader.ts';
import { partitionRanges, readRanges } from '../kafka/topic-reader.ts';

/** What a compacted topic of ours says. */
export interface CompactedTopic<T> {
  /** The newest record of each key. */
  readonly values: ReadonlyMap<string, T>;
  /** Records that cannot be read, or were written with a schema that cannot be had. */
  readonly unreadable: number;
}

/**
 * Reads a whole topic of ours and keeps the newest record of each key. Nothing is written or committed.
 * @param onProgress called now and then with the number of records read
 * @throws WeirError `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function readCompacted<T>(
  kafka: Kafka,
  topic: string,
  {
    config,
    reader,
    logger,
    onProgress,
  }: {
    readonly config: PipelineConfig;
    readonly reader: RecordReader<T>;
    readonly logger: Logger;
    readonly onProgress?: (records: number) => void;
  },
): Promise<CompactedTopic<T>> {
  const bodies = new BodyReader(config, reader, logger);
  const values = new Map<string, T>();
  let read = 0;
  for await (const batch of readRanges(kafka, topic, await partitionRanges(kafka, topic), { openTransactions: 'stop' })) {
    for (let i = 0; i < batch.count; i++) {
      const key = batch.keyLength[i]! < 0 ? '' : batch.buffer.toString('utf8', batch.keyStart[i], batch.keyStart[i]! + batch.keyLength[i]!);
      if (batch.valueLength[i]! < 0) {
        values.delete(key);
        continue;
      }
      const value = await bodies.read(batch, i);
      if (value) values.set(key, value);
    }
    read += batch.count;
    onProgress?.(read);
  }
  return { values, unreadable: bodies.unreadable };
}

/** Reads values that were written with our schema, or with another version of it that the registry has. */
class BodyReader<T> {
  unreadable = 0;
  private readonly reader: RecordReader<T>;
  private readonly framing: InputFraming;
  private readonly registry: RegistryClient | undefined;
  /** Reads the body of a value, by the name of its writer schema. */
  private readonly readers = new Map<string, ((body: Buffer) => T | undefined) | undefined>();

  constructor(config: PipelineConfig, reader: RecordReader<T>, logger: Logger) {
    this.reader = reader;
    this.framing = createInputFraming(config.output.predictions.format);
    this.registry = config.registry && createRegistryClient({ ...config.registry, clock: systemClock, logger });
  }

  async read(batch: RecordBatch, i: number): Promise<T | undefined> {
    const { frame } = this.framing;
    if (this.framing.read(batch, i)) {
      const id = batch.buffer.toString('hex', frame.idStart, frame.idStart + frame.idLength);
      if (!this.readers.has(id)) this.readers.set(id, await this.readerOf(frame.kind === 'id' ? Number.parseInt(id, 16) : undefined));
      const end = batch.valueStart[i]! + batch.valueLength[i]!;
      const value = this.readers.get(id)?.(batch.buffer.subarray(frame.bodyStart, end));
      if (value) return value;
    }
    this.unreadable++;
    return undefined;
  }

  /** Undefined when the registry does not know the schema, or it is not one of these records. */
  private async readerOf(id: number | undefined): Promise<((body: Buffer) => T | undefined) | undefined> {
    const { reader } = this;
    if (id === undefined || !this.registry) return (body) => reader.read(body);
    try {
      const { schema } = await this.registry.schemaById(String(id));
      const resolver = reader.resolver(schema);
      return resolver && ((body) => reader.read(body, resolver));
    } catch (thrown) {
      if (thrown instanceof WeirError && thrown.kind === 'record') return undefined;
      throw thrown;
    }
  }
}
