/** Reads records of the labels topic with the decoders of the input: any format that events may have, labels may have. */
import { createAvroCodec } from '../../avro/codec.ts';
import type { RegistryClient } from '../../avro/registry-client.ts';
import { readSchemaFile } from '../../avro/schema-sources.ts';
import type { PipelineConfig } from '../../config/index.ts';
import type { Clock } from '../../core/clock.ts';
import { createRowLayout, type RowLayout, type TensorSpec } from '../../core/layout.ts';
import type { Codec, Logger } from '../../core/ports.ts';
import type { RecordBatch } from '../../core/records.ts';
import { Rows } from '../../core/rows.ts';
import { classIndex } from '../../drift/performance/counting.ts';
import type { PerformanceTask } from '../../drift/performance/layout.ts';
import { createJsonCodec } from '../../json/codec.ts';
import type { LabelColumns } from '../../labels/label-columns.ts';

/** The `labels` section of a pipeline file, with all defaults. */
export type LabelsConfig = NonNullable<PipelineConfig['labels']>;

/** What a label reader is made of. */
export interface LabelReaderOptions {
  readonly labels: LabelsConfig;
  readonly task: PerformanceTask;
  readonly registry: RegistryClient | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Labels, and the rows that they were decoded to: those that failed are dead letters. */
export interface LabelRows extends LabelColumns {
  readonly rows: Rows;
}

/** A reader of labels. What it gives is void once it reads again. */
export interface LabelReader {
  /**
   * @param from index of the first record
   * @param position in the partition at which the batch was asked for
   * Labels of the records `from` … of a batch, at most `MAX_LABEL_ROWS` of them. Rows that are no labels, and those without a value, have NaN as truth.
   * @throws WeirError `registry_unavailable` (retriable): to be called again
   */
  read(records: RecordBatch, from: number, position: number): Promise<LabelRows>;
}

/** Labels that are read at a time. */
export const MAX_LABEL_ROWS = 4_096;

const ID_GROUP = 'labels';

/**
 * Makes a reader of the labels topic.
 * @throws WeirError `config_invalid`, `schema_invalid`
 */
export async function createLabelReader(options: LabelReaderOptions): Promise<LabelReader> {
  const { labels, task } = options;
  const isText = areTexts(labels, task);
  const layout = labelLayout(labels, task);
  const rows = new Rows(layout, MAX_LABEL_ROWS);
  const codec = await codecOf(options, layout);
  const truth = new Float64Array(MAX_LABEL_ROWS);
  const truthOf = isText ? textTruth(labels, task, rows) : numberTruth(labels, task, rows);

  return {
    async read(records, from, position) {
      const to = Math.min(records.count, from + MAX_LABEL_ROWS);
      rows.reset([{ records, from, to, fromRow: 0 }]);
      await codec.decode(rows);
      for (let row = 0; row < rows.count; row++) truth[row] = rows.status[row] === 0 ? truthOf(row) : Number.NaN;
      const ids = rows.entities[0];
      return {
        records,
        from,
        count: rows.count,
        position: from === 0 ? position : records.offsets[from]!,
        rows,
        idBuffer: ids ? ids.arena : records.buffer,
        idStart: ids ? ids.start : records.keyStart.subarray(from, to),
        idLength: ids ? ids.length : records.keyLength.subarray(from, to),
        truth,
        timeMs: rows.eventTimeMs,
      };
    },
  };
}

/** The fields of a label that are read: its value, and its id and time where `labels` names them. */
export function labelLayout(labels: LabelsConfig, task: PerformanceTask): RowLayout {
  return createRowLayout(tensorsOf(labels, areTexts(labels, task) ? 'string' : 'float'), {
    entities: new Map(labels.id ? [[ID_GROUP, labels.id]] : []),
    ...(labels.time ? { eventTime: labels.time } : {}),
  });
}

function areTexts({ positive }: LabelsConfig, task: PerformanceTask): boolean {
  return task.kind === 'multiclass' || (positive !== undefined && 'equals' in positive && typeof positive.equals === 'string');
}

function tensorsOf({ value, id }: LabelsConfig, kind: 'float' | 'string'): TensorSpec[] {
  const column = { required: false, onInvalid: 'flag' } as const;
  const truth: TensorSpec = {
    name: 'labels',
    kind,
    columns: [{ ...column, name: 'labels.value', kind, binding: { from: 'event', path: value } }],
  };
  if (!id) return [truth];
  // A column of a group that nobody fetches: it has the id decoded as its entity.
  const binding = { from: 'group', group: ID_GROUP, feature: 'id' } as const;
  return [truth, { name: 'ids', kind: 'float', columns: [{ ...column, name: 'labels.id', kind: 'float', binding }] }];
}

async function codecOf({ labels, registry, clock, logger }: LabelReaderOptions, layout: RowLayout): Promise<Codec> {
  const { format, schema, writerSchemas } = labels;
  if (format === 'json') return createJsonCodec({ layout, tombstones: 'skip' });
  return createAvroCodec({
    format,
    ...(schema === undefined ? {} : { readerSchema: await readSchemaFile(schema) }),
    writerSchemas: await Promise.all(writerSchemas.map(readSchemaFile)),
    section: 'labels',
    ...(registry ? { registry } : {}),
    layout,
    tombstones: 'skip',
    clock,
    logger,
  });
}

type TruthOf = (row: number) => number;

/** Values are float32, as all numbers in rows: what they are held against is rounded likewise. */
function numberTruth({ positive }: LabelsConfig, task: PerformanceTask, rows: Rows): TruthOf {
  const values = rows.floats[0]!;
  if (task.kind !== 'binary') return (row) => values[row]!;
  const isPositive = (value: number): boolean => {
    if (!positive) return value > 0.5;
    if ('above' in positive) return value > Math.fround(positive.above);
    return value === Math.fround(Number(positive.equals));
  };
  return (row) => (Number.isNaN(values[row]!) ? Number.NaN : isPositive(values[row]!) ? 1 : 0);
}

function textTruth({ positive }: LabelsConfig, task: PerformanceTask, rows: Rows): TruthOf {
  const texts = rows.texts[0]!;
  return (row) => {
    const text = texts.text(row);
    if (text === undefined) return Number.NaN;
    if (task.kind === 'multiclass') return classIndex(task.classes, text);
    return positive && 'equals' in positive && text === positive.equals ? 1 : 0;
  };
}
