import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Codec, Logger } from '../core/ports.ts';
import type { RecordSlice } from '../core/records.ts';
import type { Rows } from '../core/rows.ts';
import { createInputFraming, type FramingOptions, type InputFormat } from './framing.ts';
import { type AvroSchema, compilePlan, type DecodePlan, parseAvroSchema } from './plan/index.ts';
import type { RegistryClient, SchemaIdKind } from './registry-client.ts';
import { indexByFingerprint } from './schema-sources.ts';
import { type Writer, WriterTable } from './writers.ts';

/** Options of `createAvroCodec`. */
export interface AvroCodecOptions extends FramingOptions {
  /** Wire format of the topic. */
  readonly format: InputFormat;
  /** Reader schema (parsed `.avsc`). Absent: columns bind to the writer's own fields. */
  readonly readerSchema?: unknown;
  /** Writer schemas from files: all that may occur for `single-object`, the one for `plain` (default: the reader schema). */
  readonly writerSchemas?: readonly unknown[];
  /** What messages call them; default: by the setting of the pipeline file. */
  readonly writerSchemasName?: string;
  /** The section of the pipeline file that messages name; default: input. */
  readonly section?: 'input' | 'labels';
  /** Needed by the formats that carry registry ids. */
  readonly registry?: RegistryClient;
  readonly layout: RowLayout;
  readonly tombstones: 'skip' | 'dead-letter';
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Unknown writer ids are fetched so many at a time: a topic full of made-up ids must not become a flood at the registry. */
const CONCURRENT_FETCHES = 8;

/** Rows that wait for writer schemas; parallel lists. */
interface Waiting {
  readonly slices: RecordSlice[];
  readonly indexes: number[];
  readonly rows: number[];
  readonly bodyStarts: number[];
  readonly writers: Writer[];
}

/**
 * Creates the Avro codec: frame → writer → plan compiled once per writer schema → columns.
 *
 * `decode` is synchronous as long as all writer schemas are known. Otherwise it decodes what it can, fetches the rest
 * and decodes their rows then. When it throws (the registry does not answer), the rows hold a part of the batch: the
 * caller must call `rows.reset` before it calls `decode` again.
 *
 * Besides the port's duties it leaves in `rows.schemaIds` the writer id at each row where the id changes: the id of
 * row r is the entry at the largest row ≤ r ('' where none could be read).
 * @throws WeirError `config_invalid` when options do not fit together or the reader schema lacks what the columns need,
 *   `schema_invalid` when a given schema is not Avro
 */
export function createAvroCodec(options: AvroCodecOptions): Codec {
  const { format, layout, registry, logger, clock, tombstones, section = 'input' } = options;
  const list = layout.eventColumns.find(({ size }) => size !== undefined);
  if (list)
    throw new WeirError('config_invalid', `Column ${list.name} is a list (size), and lists are read from JSON only (input.format json).`);
  const framing = createInputFraming(format, options);
  const { frame } = framing;
  const reader = options.readerSchema === undefined ? undefined : parseAvroSchema(options.readerSchema);
  if (reader) compileOrRefuse(reader, reader, layout, `The reader schema (${section}.schema)`);

  const compile = (json: unknown, references?: ReadonlyMap<string, unknown>): DecodePlan =>
    compilePlan(parseAvroSchema(json, references), reader, layout);
  const table = new WriterTable();
  const byFile = filesOf(options);
  const needsRegistry = format !== 'plain' && format !== 'single-object';
  if (needsRegistry && !registry)
    throw new WeirError('config_invalid', `${section}.format ${format} needs a schema registry (registry.url).`);

  const settle = (writer: Writer, subject: string | undefined, plan: () => DecodePlan): void => {
    const name = nameOf(writer, subject);
    const startedMs = clock.monotonicMs();
    try {
      writer.plan = plan();
    } catch (error) {
      // A writer schema that is no Avro at all is as bad for its records as one that does not resolve.
      if (!(error instanceof WeirError) || (error.code !== 'schema_incompatible' && error.code !== 'schema_invalid')) throw error;
      writer.failure = { code: 'schema_incompatible', message: `${name}: ${error.message}` };
      logger.error({ schemaIdKind: writer.kind, schemaId: writer.idText, subject, reason: error.message }, 'writer schema cannot be used');
      return;
    }
    const { warnings } = writer.plan;
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    logger.info({ schemaIdKind: writer.kind, schemaId: writer.idText, subject, durationMs }, 'compiled a writer schema');
    if (warnings.length > 0) logger.warn({ schemaId: writer.idText, subject, warnings }, 'writer schema resolves, but look at this');
  };

  const load = async (writer: Writer): Promise<void> => {
    try {
      const found = await registry!.schemaById(writer.idText, writer.kind as SchemaIdKind);
      settle(writer, found.subject, () => compile(found.schema, found.references));
    } catch (error) {
      if (!(error instanceof WeirError) || error.kind !== 'record') {
        writer.loading = undefined;
        throw error;
      }
      const code = error.code === 'schema_unknown' ? 'schema_unknown' : 'schema_incompatible';
      writer.failure = { code, message: error.message };
      // The registry client decides when an unknown id is asked for again.
      if (code === 'schema_unknown') table.forget(writer);
    }
  };

  /** The writer of the framed record. Writers of files are settled here, those of a registry later. */
  const find = (buffer: Buffer): Writer => {
    const writer = table.find(frame, buffer);
    if (writer.plan === undefined && writer.failure === undefined && !needsRegistry) {
      const json = byFile.get(writer.idText);
      if (json === undefined) {
        const message = `No schema under ${section}.writerSchemas has the fingerprint ${writer.idText}.`;
        writer.failure = { code: 'schema_unknown', message };
        table.forget(writer);
      } else {
        settle(writer, undefined, () => compile(json));
      }
    }
    return writer;
  };

  const decodeRow = (rows: Rows, writer: Writer, slice: RecordSlice, index: number, row: number, bodyStart: number): void => {
    const { plan, failure } = writer;
    if (plan === undefined) {
      rows.fail(row, failure!.code, failure!.message);
      return;
    }
    const { records } = slice;
    const end = records.valueStart[index]! + records.valueLength[index]!;
    const reached = plan.decode(records.buffer, bodyStart, end, rows, row);
    if (reached !== end && reached >= 0) rows.fail(row, 'decode_failed', `${end - reached} bytes are left over after the value.`);
  };

  const decodeWaiting = async (rows: Rows, waiting: Waiting): Promise<void> => {
    const distinct = [...new Set(waiting.writers)];
    for (let from = 0; from < distinct.length; from += CONCURRENT_FETCHES) {
      await Promise.all(distinct.slice(from, from + CONCURRENT_FETCHES).map((writer) => (writer.loading ??= load(writer))));
    }
    for (let i = 0; i < waiting.rows.length; i++) {
      decodeRow(rows, waiting.writers[i]!, waiting.slices[i]!, waiting.indexes[i]!, waiting.rows[i]!, waiting.bodyStarts[i]!);
    }
  };

  return {
    decode(rows) {
      let waiting: Waiting | undefined;
      let current: Writer | undefined;
      for (const slice of rows.slices) {
        const { records, from, to } = slice;
        for (let index = from, row = slice.fromRow; index < to; index++, row++) {
          const isTombstone = records.valueLength[index]! < 0;
          if (isTombstone || !framing.read(records, index)) {
            if (!isTombstone) rows.fail(row, 'frame_invalid', frame.problem);
            else if (tombstones === 'skip') rows.skip(row);
            else rows.fail(row, 'tombstone', 'The record has no value (tombstone).');
            if (current !== undefined) rows.schemaIds.set(row, '');
            current = undefined;
            continue;
          }
          const writer = find(records.buffer);
          if (writer !== current) {
            rows.schemaIds.set(row, writer.idText);
            current = writer;
          }
          if (writer.plan !== undefined || writer.failure !== undefined) {
            decodeRow(rows, writer, slice, index, row, frame.bodyStart);
            continue;
          }
          waiting ??= { slices: [], indexes: [], rows: [], bodyStarts: [], writers: [] };
          waiting.slices.push(slice);
          waiting.indexes.push(index);
          waiting.rows.push(row);
          waiting.bodyStarts.push(frame.bodyStart);
          waiting.writers.push(writer);
        }
      }
      return waiting === undefined ? undefined : decodeWaiting(rows, waiting);
    },
  };

  /** Schemas from files by writer id: fingerprint, or '' for the one of `plain`. Compiled now, so that misfits show at start. */
  function filesOf({
    readerSchema,
    writerSchemas = [],
    writerSchemasName = `A writer schema (${section}.writerSchemas)`,
  }: AvroCodecOptions): ReadonlyMap<string, unknown> {
    const given = readerSchema === undefined ? writerSchemas : [...writerSchemas, readerSchema];
    if (format !== 'plain' && format !== 'single-object') return new Map();
    if (given.length === 0) {
      throw new WeirError('config_invalid', `${section}.format ${format} needs ${section}.writerSchemas or ${section}.schema.`);
    }
    const index = format === 'plain' ? new Map([['', given[0]]]) : indexByFingerprint(given);
    for (const json of index.values()) compileOrRefuse(parseAvroSchema(json), reader, layout, writerSchemasName);
    return index;
  }
}

function compileOrRefuse(writer: AvroSchema, reader: AvroSchema | undefined, layout: RowLayout, what: string): void {
  try {
    compilePlan(writer, reader, layout);
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'schema_incompatible') throw error;
    throw new WeirError('config_invalid', `${what} does not give the columns of the model: ${error.message}`, { cause: error });
  }
}

function nameOf(writer: Writer, subject: string | undefined): string {
  if (writer.kind === 'none') return 'The writer schema';
  return `Writer schema ${writer.kind} ${writer.idText}${subject === undefined ? '' : ` of subject ${subject}`}`;
}
