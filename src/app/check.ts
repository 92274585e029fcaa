/**
 * `weir check`: holds pipeline file, model package, event schemas, prediction schema and reference profile against each
 * other before anything runs.
 */
import { readFile } from 'node:fs/promises';
import { type AvroSchema, checkBindings, compilePlan, parseAvroSchema } from '../avro/plan/index.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import { type Environment, layoutOptions, openPipelineFile, type PipelineConfig } from '../config/index.ts';
import { createRowLayout, type RowLayout } from '../core/layout.ts';
import { readOwnSchema } from '../core/own-schemas.ts';
import type { Logger } from '../core/ports.ts';
import { silentLogger } from '../core/silent.ts';
import { parseStock, STOCK_VARIABLE } from '../kafka/protocol/switches.ts';
import { checkReferenceProfile, parseReferenceProfile } from '../drift/reference-profile.ts';
import { float32Fault } from '../features/layouts/float32.ts';
import type { ModelPackage } from '../model/index.ts';
import { featureGroupOf } from '../pipeline/enrich.ts';
import { closest } from '../yaml/closest.ts';
import type { Finding } from '../yaml/document.ts';
import { type ColumnSource, columnSources } from './column-sources.ts';
import { type BoundFiles, bindingFindings, columnFinding, findingFrom, shown } from './findings.ts';
import { checkModel } from './model-checks.ts';
import { checkPredictionSchema } from './prediction-checks.ts';
import { checkPredictionSubject, latestEventSchema } from './registry-checks.ts';
import { checkStockSwitches } from './stock-switches.ts';

/** One thing that was held against another. */
export interface CheckStep {
  readonly title: string;
  /** What it is about: names and counts. */
  readonly detail: string;
  readonly findings: readonly Finding[];
}

/** Where the values of all columns come from when events are written with one schema. */
export interface SchemaColumns {
  readonly schema: string;
  readonly columns: readonly ColumnSource[];
}

/** What a check has found. */
export interface CheckReport {
  /** True when no finding is an error. */
  readonly ok: boolean;
  readonly steps: readonly CheckStep[];
  readonly columns: readonly SchemaColumns[];
}

/** What to check. */
export interface CheckOptions {
  /** Path of the pipeline file. */
  readonly config: string;
  readonly env: Environment;
  /** Further writer schemas, such as the next version of a producer. */
  readonly schemas?: readonly string[];
  /** Fetch the latest writer schema of the input topic, and hold the prediction schema against that of the output topic. */
  readonly registry?: boolean;
  readonly logger: Logger;
}

/** An event schema by a name for people. */
interface EventSchema {
  readonly label: string;
  readonly schema: AvroSchema;
}

/**
 * Checks a pipeline. Everything that is wrong with its parts is a finding.
 * @throws WeirError `config_invalid` when the pipeline file itself is not valid: then there is nothing to check against
 */
export async function checkPipeline(options: CheckOptions): Promise<CheckReport> {
  const pipeline = openPipelineFile(options.config, options.env);
  const { config } = pipeline;
  const steps: CheckStep[] = [];
  const columns: SchemaColumns[] = [];
  const pkg = await checkModel(pipeline, steps);
  const files = pkg && { pipeline, package: pkg };
  const layout = files && checkLayout(options.config, files, steps);
  if (files && layout) {
    const reader = await checkReader(files, layout, steps);
    for (const writer of await eventSchemas(options, config, reader, steps)) {
      const sources = columnSources({ writer: writer.schema, reader, layout, config });
      columns.push({ schema: writer.label, columns: sources });
      steps.push({ title: 'event schema', detail: writer.label, findings: eventFindings(writer, reader, layout, files, sources) });
    }
  }
  if (pkg) steps.push(await checkPredictions(pkg, config, options));
  if (options.env[STOCK_VARIABLE]) steps.push(checkDelivery(config, options.env[STOCK_VARIABLE]));
  if (pkg && layout && config.drift.enabled) steps.push(await checkReference(pkg, layout));
  return { ok: !steps.some(({ findings }) => findings.some(({ severity }) => severity === 'error')), steps, columns };
}

/** The delivery mode against the extensions of kafkajs that are switched off. */
function checkDelivery({ delivery: { mode } }: PipelineConfig, stock: string): CheckStep {
  const findings: Finding[] = [];
  const warn: Logger['warn'] = (_fields, message) => void findings.push({ severity: 'warning', message });
  try {
    checkStockSwitches(mode, { ...silentLogger, warn }, parseStock(stock));
  } catch (thrown) {
    findings.push(findingFrom(thrown));
  }
  return { title: 'delivery', detail: `${mode}, ${STOCK_VARIABLE} is set`, findings };
}

/** The prediction schema against the model, and with a registry also against what consumers have been reading. */
async function checkPredictions(pkg: ModelPackage, config: PipelineConfig, { registry, logger }: CheckOptions): Promise<CheckStep> {
  const own = checkPredictionSchema(config, pkg, readOwnSchema('prediction'));
  if (!registry || !config.registry) return own;
  const registered = await checkPredictionSubject(config, config.registry, logger);
  return { ...registered, findings: [...own.findings, ...registered.findings] };
}

/** The groups that columns need against those that the pipeline file defines. */
function checkLayout(
  file: string,
  { pipeline: { config, document }, package: pkg }: BoundFiles,
  steps: CheckStep[],
): RowLayout | undefined {
  const step = { title: 'pipeline file', detail: `${shown(file)}: ${config.name}` };
  const defined = Object.keys(config.features);
  const undefinedGroups = pkg.inputs
    .flatMap(({ columns }) => columns)
    .flatMap(({ name, binding }) => {
      if (binding.from !== 'group' || defined.includes(binding.group)) return [];
      const near = closest(binding.group, defined);
      const hint = near ? `did you mean ${near}?` : defined.length > 0 ? `it defines ${defined.join(', ')}` : 'it defines none';
      const message = `column ${name} is bound to feature group ${binding.group}, which the pipeline file does not define under features; ${hint}`;
      return [columnFinding(pkg, name, message)];
    });
  if (undefinedGroups.length > 0) {
    steps.unshift({ ...step, findings: undefinedGroups });
    return undefined;
  }
  const layout = createRowLayout(pkg.inputs, layoutOptions(config));
  const groups = new Set(layout.groups.map(({ name }) => name));
  const stores = new Set(layout.groups.map(({ name }) => config.features[name]?.store));
  const unused = [
    ...defined.flatMap((group) => (groups.has(group) ? [] : [['features', group]])),
    ...Object.keys(config.stores).flatMap((store) => (stores.has(store) ? [] : [['stores', store]])),
  ];
  const findings = unused.map((path) => document.finding(path, `${path.join('.')} is not used by any column of the model`, 'warning'));
  for (const group of layout.groups) {
    const { fields } = config.features[group.name]!;
    const fault = fields && float32Fault(featureGroupOf(group), fields);
    if (fault !== undefined) findings.push(document.finding(['features', group.name, 'fields'], `features.${group.name}.fields: ${fault}`));
  }
  steps.unshift({ ...step, findings });
  return layout;
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
      findings: [{ severity: 'error', message: '--registry needs registry.url in the pipeline file' }],
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

/** The reference profile against model and columns. */
async function checkReference(pkg: ModelPackage, layout: RowLayout): Promise<CheckStep> {
  const { referenceFile: file } = pkg;
  const title = 'reference profile';
  if (file === undefined)
    return {
      title,
      detail: '',
      findings: [pkg.document.finding([], 'the package names no reference profile, so drift is not measured', 'warning')],
    };
  try {
    const profile = parseReferenceProfile(JSON.parse(await readFile(file, 'utf8')));
    checkReferenceProfile(profile, layout, pkg);
    return { title, detail: `${shown(file)}: ${profile.rows} rows`, findings: [] };
  } catch (thrown) {
    // Reading the package has said already that the file is not there yet.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { title, detail: `${shown(file)}: not built yet`, findings: [] };
    if (thrown instanceof SyntaxError)
      return {
        title,
        detail: shown(file),
        findings: [{ severity: 'error', message: `is not JSON: ${thrown.message}`, file: shown(file) }],
      };
    return { title, detail: shown(file), findings: [{ ...findingFrom(thrown), file: shown(file) }] };
  }
}
