import { applyAliases } from '../avro/plan/aliases.ts';
import { type AvroSchema, describe, type RecordSchema } from '../avro/plan/schema.ts';
import type { PipelineConfig } from '../config/index.ts';
import { pathText } from '../core/bindings.ts';
import type { Column, RowLayout } from '../core/layout.ts';

/** Where the value of one column comes from when events are written with one schema. */
export interface ColumnSource {
  readonly column: string;
  /** Name of the model input. */
  readonly input: string;
  /** As in model.yaml: `event.a.b` or `group.feature`. */
  readonly binding: string;
  readonly required: boolean;
  /**
   * `event`: a field of the writer; `reader-default`: the reader schema fills it in; `store`: an online store;
   * `model-default`: the column's own default; `none`: no value at all.
   */
  readonly kind: 'event' | 'reader-default' | 'store' | 'model-default' | 'none';
  /** The same in words. */
  readonly source: string;
}

/** What columns are traced through. */
export interface TraceOptions {
  readonly writer: AvroSchema;
  readonly reader: AvroSchema | undefined;
  readonly layout: RowLayout;
  readonly config: Pick<PipelineConfig, 'features' | 'stores'>;
}

/** Traces every column of a layout to its source, in layout order. */
export function columnSources({ writer, reader, layout, config }: TraceOptions): ColumnSource[] {
  const renamed = reader ? applyAliases(writer, reader) : writer;
  return sourcesOf(layout, config, (path, column) => eventSource(path, column, renamed, reader));
}

/** The same for JSON events: no schema says which fields they have. */
export function jsonColumnSources(layout: RowLayout, config: TraceOptions['config']): ColumnSource[] {
  return sourcesOf(layout, config, (_path, column) => {
    const what = column.size === undefined ? 'field' : `list of ${column.size} numbers`;
    return { kind: 'event', source: `${what} of the JSON object; absent or null: ${standIn(column)}` };
  });
}

type Source = Pick<ColumnSource, 'kind' | 'source'>;

function sourcesOf(
  layout: RowLayout,
  config: TraceOptions['config'],
  eventSourceOf: (path: readonly string[], column: Column) => Source,
): ColumnSource[] {
  return layout.columns.map((column): ColumnSource => {
    const common = { column: column.name, input: layout.tensors[column.tensor]!.name, required: column.required };
    const { binding } = column;
    if (binding.from === 'group') {
      return { ...common, binding: `${binding.group}.${binding.feature}`, kind: 'store', source: storeText(binding.group, column, config) };
    }
    return { ...common, binding: pathText(binding.path), ...eventSourceOf(binding.path, column) };
  });
}

function eventSource(path: readonly string[], column: Column, writer: AvroSchema, reader: AvroSchema | undefined): Source {
  const written = walk(writer, path);
  const read = reader && walk(reader, path);
  if (written.schema) {
    const from = typeText(written.schema);
    const to = read?.schema ? typeText(read.schema) : from;
    return { kind: 'event', source: from === to ? `field of the event: ${from}` : `field of the event: ${from}, read as ${to}` };
  }
  // The reader fills in the outermost field that the writer lacks.
  const missing = reader && walk(reader, path.slice(0, written.depth + 1)).field;
  if (missing?.hasDefault && missing.default !== null) {
    const inner = path
      .slice(written.depth + 1)
      .reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], missing.default);
    if (inner !== undefined && inner !== null)
      return { kind: 'reader-default', source: `not written; default of the reader schema: ${JSON.stringify(inner)}` };
  }
  return { kind: column.default === undefined ? 'none' : 'model-default', source: `not written; ${standIn(column)}` };
}

function storeText(group: string, column: Column, { features, stores }: TraceOptions['config']): string {
  const options = features[group];
  if (!options) return `group ${group} is not defined`;
  const kind = stores[options.store]?.kind ?? 'unknown';
  const place =
    kind === 'redis'
      ? `${options.layout} at ${options.keyPrefix}<event.${options.entity.join('.')}>`
      : `entity event.${options.entity.join('.')}`;
  const missing = options.onMissing === 'dead-letter' ? 'dead letter' : options.onMissing === 'nan' ? 'no value' : standIn(column);
  return `store ${options.store} (${kind}), ${place}; missing: ${missing}`;
}

/** What stands in for no value. */
function standIn(column: Column): string {
  if (column.default !== undefined) return `default ${JSON.stringify(column.default)}`;
  if (column.required) return 'required, so a dead letter';
  return column.kind === 'float' ? 'NaN' : 'the empty string';
}

type Field = RecordSchema['fields'][number];

/** Follows field names through records and unions. `depth`: names found; `field`: the last one found. */
function walk(schema: AvroSchema, path: readonly string[]): { schema: AvroSchema | undefined; depth: number; field: Field | undefined } {
  let level: readonly AvroSchema[] = [schema];
  let field: Field | undefined;
  for (const [depth, name] of path.entries()) {
    const records = level.flatMap((s) => (s.type === 'union' ? s.branches : [s])).filter((s): s is RecordSchema => s.type === 'record');
    const found = records.flatMap((record) => record.fields.filter((f) => f.name === name));
    if (found.length === 0) return { schema: undefined, depth, field: undefined };
    field = found[0];
    level = found.map((f) => f.schema);
  }
  return { schema: level[0], depth: path.length, field };
}

/** A type in words; null is left out of unions, since no value is spoken of elsewhere. */
function typeText(schema: AvroSchema): string {
  if (schema.type !== 'union') return describe(schema);
  const branches = schema.branches.filter((branch) => branch.type !== 'null').map(describe);
  return `${branches.join(' or ')}${branches.length < schema.branches.length ? ', nullable' : ''}`;
}
