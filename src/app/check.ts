/**
 * `weir check`: holds pipeline file, model package, event schemas, prediction schema and reference profile against each
 * other before anything runs.
 */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { type AvroSchema, checkBindings, compilePlan, parseAvroSchema } from '../avro/plan/index.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import { type Environment, layoutOptions, loadPipelineFile, type PipelineConfig } from '../config/index.ts';
import { WeirError } from '../core/errors.ts';
import { createRowLayout, type RowLayout } from '../core/layout.ts';
import type { Logger } from '../core/ports.ts';
import { checkReferenceProfile, parseReferenceProfile } from '../drift/reference-profile.ts';
import { checkModelPackage, inspectModel, type ModelPackage } from '../model/index.ts';
import type { Finding } from '../yaml/document.ts';
import { type ColumnSource, columnSources } from './column-sources.ts';
import { checkPredictionSubject, latestEventSchema } from './registry-checks.ts';

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
  const config = loadPipelineFile(options.config, options.env);
  const steps: CheckStep[] = [];
  const columns: SchemaColumns[] = [];
  const pkg = await checkModel(config, steps);
  const layout = pkg && checkLayout(config, options.config, pkg, steps);
  if (pkg && layout) {
    const reader = await checkReader(config, pkg, layout, steps);
    for (const writer of await eventSchemas(options, config, reader, steps)) {
      const sources = columnSources({ writer: writer.schema, reader, layout, config });
      columns.push({ schema: writer.label, columns: sources });
      steps.push({ title: 'event schema', detail: writer.label, findings: eventFindings(writer, reader, layout, pkg, sources) });
    }
    if (config.drift.enabled) steps.push(await checkReference(pkg, layout));
  }
  if (options.registry && config.registry) steps.push(await checkPredictionSubject(config, config.registry, options.logger));
  return { ok: !steps.some(({ findings }) => findings.some(({ severity }) => severity === 'error')), steps, columns };
}

/** The package by itself: manifest, hash, versions, graph, golden rows. */
async function checkModel(config: PipelineConfig, steps: CheckStep[]): Promise<ModelPackage | undefined> {
  const { package: pkg, findings } = await checkModelPackage(config.model.package);
  if (!pkg) {
    steps.push({ title: 'model package', detail: shown(config.model.package), findings });
    return undefined;
  }
  const columns = pkg.inputs.reduce((sum, input) => sum + input.columns.length, 0);
  const detail = `${pkg.name} ${pkg.version}: ${pkg.inputs.length} input${pkg.inputs.length === 1 ? '' : 's'}, ${columns} columns${pkg.golden ? ', golden rows' : ''}`;
  steps.push({ title: 'model package', detail, findings: await inspectModel(pkg) });
  return pkg;
}

/** The groups that columns need against those that the pipeline file defines. */
function checkLayout(config: PipelineConfig, file: string, pkg: ModelPackage, steps: CheckStep[]): RowLayout | undefined {
  const step = { title: 'pipeline file', detail: `${shown(file)}: ${config.name}` };
  try {
    const layout = createRowLayout(pkg.inputs, layoutOptions(config));
    const groups = new Set(layout.groups.map(({ name }) => name));
    const stores = new Set(layout.groups.map(({ name }) => config.features[name]?.store));
    const unused = [
      ...Object.keys(config.features).flatMap((group) => (groups.has(group) ? [] : [`features.${group}`])),
      ...Object.keys(config.stores).flatMap((store) => (stores.has(store) ? [] : [`stores.${store}`])),
    ];
    steps.unshift({ ...step, findings: unused.map((name) => warning(`${name} is not used by any column of the model`, shown(file))) });
    return layout;
  } catch (thrown) {
    steps.unshift({ ...step, findings: [findingFrom(thrown)] });
    return undefined;
  }
}

/** Bindings against the reader schema, where there is one. */
async function checkReader(
  config: PipelineConfig,
  pkg: ModelPackage,
  layout: RowLayout,
  steps: CheckStep[],
): Promise<AvroSchema | undefined> {
  const { schema: file } = config.input;
  if (file === undefined) return undefined;
  const step = { title: 'reader schema', detail: shown(file) };
  try {
    const reader = parseAvroSchema(await readSchemaFile(file));
    steps.push({ ...step, findings: checkBindings(reader, layout).map((message) => bindingFinding(message, pkg)) });
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
  pkg: ModelPackage,
  sources: readonly ColumnSource[],
): Finding[] {
  try {
    const { warnings } = compilePlan(schema, reader, layout);
    const dead = sources.filter(({ kind, required }) => required && kind === 'none');
    return [
      ...warnings.map((message) => warning(message)),
      ...dead.map(({ column, binding }) =>
        columnFinding(
          pkg,
          column,
          `column ${column} is required, but ${binding} is not in ${label}: every record would become a dead letter`,
        ),
      ),
    ];
  } catch (thrown) {
    const finding = findingFrom(thrown);
    return [{ ...bindingFinding(finding.message, pkg), severity: 'error' }];
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

/** A finding about a binding stands at the column in model.yaml that it is about, if its message begins with the path of one. */
function bindingFinding(message: string, pkg: ModelPackage): Finding {
  for (const { columns } of pkg.inputs) {
    for (const { name, binding } of columns) {
      if (binding.from !== 'event') continue;
      const path = ['event', ...binding.path].join('.');
      if (message.startsWith(`${path} `) || message.includes(`column ${name} `)) return columnFinding(pkg, name, message);
    }
  }
  return { severity: 'error', message };
}

function columnFinding(pkg: ModelPackage, column: string, message: string): Finding {
  for (const { name, columns } of pkg.inputs) {
    const index = columns.findIndex((spec) => spec.name === column);
    if (index >= 0) return pkg.document.finding(['inputs', name, 'columns', index, 'from'], message);
  }
  return { severity: 'error', message };
}

const warning = (message: string, file?: string): Finding => ({ severity: 'warning', message, ...(file === undefined ? {} : { file }) });

/** An error of the table as a finding; anything else is a defect of weir and goes on its way. */
function findingFrom(thrown: unknown): Finding {
  if (!(thrown instanceof WeirError)) throw thrown;
  return { severity: 'error', message: thrown.message };
}

/** A path as short as it can be said here. */
function shown(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere !== '' && !fromHere.startsWith('..') ? fromHere : path;
}
