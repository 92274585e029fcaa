/** The part of `weir check` that is about events: bindings against Avro schemas, and what can be said of JSON without one. */
import { type AvroSchema, checkBindings, compilePlan, parseAvroSchema } from '../avro/plan/index.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import type { PipelineConfig } from '../config/index.ts';
import type { RowLayout } from '../core/layout.ts';
import { jsonBindingProblems } from '../json/codec.ts';
import type { Finding } from '../yaml/document.ts';
import type { CheckOptions, CheckStep, SchemaColumns } from './check.ts';
import { type ColumnSource, columnSources, jsonColumnSources } from './column-sources.ts';
import { type BoundFiles, bindingFindings, columnFinding, findingFrom, shown } from './findings.ts';
import { latestEventSchema } from './registry-checks.ts';

/** Where checks put what they find. */
export interface FoundSoFar {
  readonly steps: CheckStep[];
  readonly columns: SchemaColumns[];
}

const AVRO_LISTS = 'lists are read from JSON only: remove size, or set input.format to json';
const NO_REGISTRY = '--registry needs registry.url in the pipeline file';

/** An event schema by a name for people. */
interface EventSchema {
  readonly label: string;
  readonly schema: AvroSchema;
}

/**
 * What can be said of JSON events, which have no schema: whether the bindings fit into one object, and where a misspelt key
 * would go unnoticed.
 */
export async function checkJsonEvents(
  { schemas = [], registry }: CheckOptions,
  files: BoundFiles,
  layout: RowLayout,
  { steps, columns }: FoundSoFar,
): Promise<void> {
  const { config } = files.pipeline;
  const findings: Finding[] = jsonBindingProblems(layout).flatMap((message) => bindingFindings(message, files, undefined));
  const error = (message: string): void => void findings.push({ severity: 'error', message });
  if (schemas.length > 0) error('--schema has no meaning with input.format json: there is no schema that events are written with');
  if (registry && !config.registry) error(NO_REGISTRY);
  const { eventColumns } = layout;
  if (eventColumns.length > 0 && !eventColumns.some(({ required }) => required)) {
    const message =
      'no column of the event is required: nothing tells an object with none of these keys, such as one of another topic, from a good one; make one required';
    findings.push(files.package.document.finding(['inputs'], message, 'warning'));
  }
  columns.push({ schema: 'JSON', columns: jsonColumnSources(layout, config) });
  const fields = new Set(eventColumns.flatMap(({ binding }) => (binding.from === 'event' ? [binding.path.join('.')] : [])));
  const detail = `JSON objects, ${fields.size} field${fields.size === 1 ? '' : 's'} bound; no schema to check them against`;
  steps.push({ title: 'event', detail, findings });
}

/** Bindings against all schemas that Avro events may be written with. */
export async function checkAvroEvents(
  options: CheckOptions,
  files: BoundFiles,
  layout: RowLayout,
  { steps, columns }: FoundSoFar,
): Promise<void> {
  const { config } = files.pipeline;
  const lists = layout.eventColumns.filter(({ size }) => size !== undefined);
  if (lists.length > 0) {
    const findings = lists.map(({ name }) => columnFinding(files.package, name, `column ${name} is a list (size), and ${AVRO_LISTS}`));
    return void steps.push({ title: 'event schema', detail: '', findings });
  }
  const reader = await checkReader(files, layout, steps);
  for (const writer of await eventSchemas(options, config, reader, steps)) {
    const sources = columnSources({ writer: writer.schema, reader, layout, config });
    columns.push({ schema: writer.label, columns: sources });
    steps.push({ title: 'event schema', detail: writer.label, findings: eventFindings(writer, reader, layout, files, sources) });
  }
}

/** Bindings against the reader schema, where there is one. */
async function checkReader(files: BoundFiles, layout: RowLayout, steps: CheckStep[]): Promise<AvroSchema | undefined> {
  const { schema: file } = files.pipeline.config.input;
  if (file === undefined) return undefined;
  const step = { title: 'reader schema', detail: shown(file) };
  try {
    const reader = parseAvroSchema(await readSchemaFile(file));
    steps.push({ ...step, findings: checkBindings(reader, layout).flatMap((message) => bindingFindings(message, files, reader)) });
    return reader;
  } catch (thrown) {
    steps.push({ ...step, findings: [findingFrom(thrown)] });
    return undefined;
  }
}

/** The schemas that events are or will be written with, as far as they can be had. */
async function eventSchemas(
  options: CheckOptions,
  config: PipelineConfig,
  reader: AvroSchema | undefined,
  steps: CheckStep[],
): Promise<EventSchema[]> {
  const found: EventSchema[] = [];
  const add = async (label: string, load: () => Promise<AvroSchema>): Promise<void> => {
    try {
      found.push({ label, schema: await load() });
    } catch (thrown) {
      steps.push({ title: 'event schema', detail: label, findings: [findingFrom(thrown)] });
    }
  };
  const { registry, input } = config;
  for (const file of [...input.writerSchemas, ...(options.schemas ?? [])])
    await add(shown(file), async () => parseAvroSchema(await readSchemaFile(file)));
  if (options.registry && registry) await add(`latest of ${input.topic}-value`, () => latestEventSchema(config, registry, options.logger));
  if (options.registry && !registry)
    steps.push({
      title: 'event schema',
      detail: '',
      findings: [{ severity: 'error', message: NO_REGISTRY }],
    });
  if (found.length === 0 && reader && input.schema !== undefined) found.push({ label: shown(input.schema), schema: reader });
  if (found.length === 0 && input.schema === undefined) {
    const message = 'there is no event schema to check the bindings against; give --schema <file> or --registry, or set input.schema';
    steps.push({ title: 'event schema', detail: '', findings: [{ severity: 'warning', message }] });
  }
  return found;
}

/** One event schema against reader schema and bindings: will records written with it be scored? */
function eventFindings(
  { schema, label }: EventSchema,
  reader: AvroSchema | undefined,
  layout: RowLayout,
  files: BoundFiles,
  sources: readonly ColumnSource[],
): Finding[] {
  const lookedUp = reader ?? schema;
  try {
    const { warnings } = compilePlan(schema, reader, layout);
    const dead = sources.filter(({ kind, required }) => required && kind === 'none');
    return [
      ...warnings.flatMap((message) => bindingFindings(message, files, lookedUp, 'warning')),
      ...dead.map(({ column, binding }) =>
        columnFinding(
          files.package,
          column,
          `column ${column} is required, but ${binding} is not in ${label}: every record would become a dead letter`,
        ),
      ),
    ];
  } catch (thrown) {
    return bindingFindings(findingFrom(thrown).message, files, lookedUp);
  }
}
