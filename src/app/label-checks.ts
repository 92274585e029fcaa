/** The part of `weir check` that is about labels. */
import { readFile } from 'node:fs/promises';
import { type AvroSchema, checkBindings, compilePlan, parseAvroSchema } from '../avro/plan/index.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import { pathText } from '../core/bindings.ts';
import type { RowLayout } from '../core/layout.ts';
import { type PerformanceTask, performanceLayoutOf } from '../drift/performance/layout.ts';
import { referenceCellsOf } from '../drift/performance/reference.ts';
import { parseReferenceProfile } from '../drift/reference-profile.ts';
import { jsonBindingProblems } from '../json/codec.ts';
import type { Finding } from '../yaml/document.ts';
import type { CheckOptions, CheckStep } from './check.ts';
import { type BoundFiles, findingFrom } from './findings.ts';
import { labelLayout, type LabelsConfig } from './labels/label-reader.ts';
import { performanceMetricOf, performanceTaskFrom } from './labels/task.ts';
import { latestEventSchema } from './registry-checks.ts';

/** `labels` against the outputs of the model, the schemas of the labels, and the reference profile. */
export async function checkLabels(files: BoundFiles, labels: LabelsConfig, options: CheckOptions): Promise<CheckStep> {
  const step = { title: 'labels', detail: labels.topic };
  let task: PerformanceTask;
  try {
    task = performanceTaskFrom(labels, files.package.outputs);
  } catch (thrown) {
    return { ...step, findings: [findingFrom(thrown)] };
  }
  const detail = `${labels.topic}: ${task.kind}, ${pathText(labels.value)} by ${labels.match}; the verdict is about ${performanceMetricOf(labels, task)}`;
  const layout = labelLayout(labels, task);
  const findings = [
    ...(labels.format === 'json' ? jsonFindings(files, labels, layout) : await schemaFindings(files, labels, layout, options)),
    ...(await referenceFindings(files, task)),
  ];
  return { ...step, detail, findings };
}

/** Bindings that no JSON object can fill. */
function jsonFindings(files: BoundFiles, labels: LabelsConfig, layout: RowLayout): Finding[] {
  return jsonBindingProblems(layout).map((message) => placed({ severity: 'error', message }, labels, files));
}

/** The fields that `labels` names against the schemas that labels are known to have. */
async function schemaFindings(files: BoundFiles, labels: LabelsConfig, layout: RowLayout, options: CheckOptions): Promise<Finding[]> {
  const { config, document } = files.pipeline;
  const { registry } = config;
  const findings: Finding[] = [];
  const attempt = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (thrown) {
      findings.push(placed(findingFrom(thrown), labels, files));
      return undefined;
    }
  };
  const read = (path: string): Promise<AvroSchema | undefined> => attempt(async () => parseAvroSchema(await readSchemaFile(path)));
  const { schema: readerFile } = labels;
  const reader = readerFile === undefined ? undefined : await read(readerFile);
  if (reader) findings.push(...checkBindings(reader, layout).map((message) => placed({ severity: 'error', message }, labels, files)));
  // What the reader schema lacks no writer can give.
  if (findings.length > 0) return findings;
  const writers = await Promise.all(labels.writerSchemas.map(read));
  if (options.registry && registry) writers.push(await attempt(() => latestEventSchema(config, registry, options.logger, labels.topic)));
  for (const writer of writers) {
    if (!writer) continue;
    const plan = await attempt(async () => compilePlan(writer, reader, layout));
    findings.push(...(plan?.warnings ?? []).map((message) => placed({ severity: 'warning', message }, labels, files)));
  }
  if (!reader && writers.length === 0)
    findings.push(
      document.finding(
        ['labels'],
        'labels: there is no schema to check their fields against; set labels.schema, or give --registry',
        'warning',
      ),
    );
  return findings;
}

/** A problem of a field, at the place that names it. */
function placed({ message, severity }: Finding, labels: LabelsConfig, { pipeline: { document } }: BoundFiles): Finding {
  const key = (['value', 'id', 'time'] as const).find((name) => {
    const path = labels[name];
    return path !== undefined && message.includes(`${pathText(path)} `);
  });
  return key ? document.finding(['labels', key], `labels.${key}: ${message}`, severity) : { severity, message: `labels: ${message}` };
}

/** Whether there is something that performance can have fallen from. A profile that cannot be read is told of elsewhere. */
async function referenceFindings({ package: pkg, pipeline: { document } }: BoundFiles, task: PerformanceTask): Promise<Finding[]> {
  const warning = (message: string): Finding[] => [document.finding(['labels'], `labels: ${message}`, 'warning')];
  const { referenceFile } = pkg;
  if (referenceFile === undefined) return warning('the package names no reference profile, so labels are not joined');
  try {
    const profile = parseReferenceProfile(JSON.parse(await readFile(referenceFile, 'utf8')));
    if (referenceCellsOf(profile, performanceLayoutOf(profile, task))) return [];
    const what = profile.performance ? `the performance of another task (${profile.performance.task.kind})` : 'no performance';
    return warning(
      `the reference profile has ${what}, so there are no estimates, and every verdict is INSUFFICIENT_DATA; build it anew with labels (weir profile build --topic)`,
    );
  } catch {
    return [];
  }
}
