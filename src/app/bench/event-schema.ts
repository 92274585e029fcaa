/** Which events are made, and how they are framed. */
import { type InputFormat } from '../../avro/framing.ts';
import { type AvroSchema, fingerprint64, parseAvroSchema } from '../../avro/plan/index.ts';
import type { RegistryClient } from '../../avro/registry-client.ts';
import { readSchemaFile } from '../../avro/schema-sources.ts';
import type { PipelineConfig } from '../../config/index.ts';
import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/ports.ts';
import { latestRegistered } from '../registry-checks.ts';
import { AvroWriter } from './avro-writer.ts';

/** The writer schema of made-up events. */
export interface EventSchema {
  /** As in a file. */
  readonly json: unknown;
  readonly references: ReadonlyMap<string, unknown>;
  readonly parsed: AvroSchema;
  /** Where it comes from, for people. */
  readonly origin: string;
}

/**
 * The schema that events are made of: the file given, else the writer schema of the pipeline, else its reader schema, else the
 * latest one of the input topic in the registry.
 * @throws WeirError `schema_invalid`, `schema_unknown`, `bench_without_events` when there is none, or what the registry client throws
 */
export async function findEventSchema(config: PipelineConfig, file: string | undefined, logger: Logger): Promise<EventSchema> {
  const path = file ?? config.input.writerSchemas[0] ?? config.input.schema;
  if (path !== undefined) {
    const json = await readSchemaFile(path);
    return { json, references: new Map(), parsed: parseAvroSchema(json), origin: path };
  }
  if (!config.registry)
    throw new WeirError(
      'bench_without_events',
      'No schema to make events of: give --schema, input.schema or a registry, or use --from-topic.',
    );
  const { schema, references } = await latestRegistered(config, config.registry, logger);
  const origin = `subject ${config.input.topic}-value`;
  return { json: schema, references, parsed: parseAvroSchema(schema, references), origin };
}

/** What stands around the Avro body of an event. */
export interface EventFrame {
  /** Before the body. */
  readonly prefix: Buffer;
  /** Headers as in a Kafka record; empty for none. */
  readonly headers: Buffer;
}

/** The id that made-up events carry, and the only one that `localRegistry` knows. */
const SCHEMA_ID = 1;

/** The frame of made-up events in a wire format. */
export function createEventFrame(format: InputFormat, schema: AvroSchema): EventFrame {
  const none = Buffer.alloc(0);
  const id = (bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    buffer[bytes - 1] = SCHEMA_ID;
    return buffer;
  };
  switch (format) {
    case 'plain':
      return { prefix: none, headers: none };
    case 'single-object':
      return { prefix: Buffer.concat([Buffer.of(0xc3, 0x01), fingerprint64(schema)]), headers: none };
    case 'confluent':
      return { prefix: id(5), headers: none };
    case 'apicurio':
      return { prefix: id(9), headers: none };
    case 'confluent-header':
      return { prefix: none, headers: oneHeader('__value_schema_id', Buffer.concat([Buffer.of(1), id(16)])) };
    case 'apicurio-header':
      return { prefix: none, headers: oneHeader('apicurio.value.globalId', id(8)) };
  }
}

/**
 * A registry in memory: every id is that of the schema given, and registering does nothing. So neither reading made-up events nor
 * framing predictions touches the real one.
 */
export function localRegistry(schema?: EventSchema): RegistryClient {
  return {
    async schemaById(id, kind = 'id') {
      if (!schema) throw new WeirError('schema_unknown', `Schema ${kind} ${id} is not known here.`);
      return { kind, id, schema: schema.json, references: schema.references };
    },
    register: async () => ({ id: SCHEMA_ID }),
  };
}

/** Headers of a Kafka record have Avro's zigzag varints. */
function oneHeader(key: string, value: Buffer): Buffer {
  const writer = new AvroWriter();
  writer.long(1);
  writer.string(key);
  writer.long(value.length);
  writer.raw(value);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}
