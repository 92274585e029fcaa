/**
 * `weir check`: holds pipeline file, model package, event schemas, prediction schema and reference profile against each
 * other before anything runs.
 */
import { readFile } from 'node:fs/promises';
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
import type { ColumnSource } from './column-sources.ts';
import { checkAvroEvents, checkJsonEvents } from './event-checks.ts';
import { type BoundFiles, columnFinding, findingFrom, shown } from './findings.ts';
import { checkLabels } from './label-checks.ts';
import { checkModel } from './model-checks.ts';
import { checkPredictionSchema } from './prediction-checks.ts';
import { readPinnedFile } from './reference-file.ts';
import { checkPredictionSubject } from './registry-checks.ts';
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
    const check = config.input.format === 'json' ? checkJsonEvents : checkAvroEvents;
    await check(options, files, layout, { steps, columns });
  }
  if (pkg) steps.push(await checkPredictions(pkg, config, options));
  if (options.env[STOCK_VARIABLE]) steps.push(checkDelivery(config, options.env[STOCK_VARIABLE]));
  if (pkg && layout && config.drift.enabled) steps.push(await checkReference(pkg, layout, config.drift.pinned));
  if (files && config.labels) steps.push(await checkLabels(files, config.labels, options));
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
    .flatMap(({ name, binding, compareWith }) => [
      { name, binding, key: 'from' as const },
      ...(compareWith ? [{ name, binding: compareWith, key: 'compareWith' as const }] : []),
    ])
    .flatMap(({ name, binding, key }) => {
      if (binding.from !== 'group' || defined.includes(binding.group)) return [];
      const near = closest(binding.group, defined);
      const hint = near ? `did you mean ${near}?` : defined.length > 0 ? `it defines ${defined.join(', ')}` : 'it defines none';
      const message = `column ${name} is ${key === 'from' ? 'bound to' : 'compared with'} feature group ${binding.group}, which the pipeline file does not define under features; ${hint}`;
      return [columnFinding(pkg, name, message, 'error', key)];
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

/** The reference profile against model and columns, and pinned windows against it. */
async function checkReference(pkg: ModelPackage, layout: RowLayout, pinned: string | undefined): Promise<CheckStep> {
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
    if (pinned !== undefined) await readPinnedFile(pinned, profile);
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
