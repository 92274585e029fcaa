import { z } from 'zod';
import type { Binding, ColumnSpec, TensorSpec } from '../core/layout.ts';
import { type Finding, findingsFromZod, loadYaml, type YamlDocument } from '../yaml/document.ts';
import { manifestFindings } from './manifest-checks.ts';

/** Names and versions stand in Kafka keys, metric labels and folder names. */
const identifier = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'use letters, digits, dots, dashes and underscores');
/** A file of the package: within its folder, so that a package can be moved as a whole. */
const packageFile = z
  .string()
  .min(1)
  .refine((path) => !/^([\\/]|[A-Za-z]:)/.test(path) && !path.split(/[\\/]/).includes('..'), 'must lie in the package folder');

const place = z.string().regex(/^[^.\s]+(\.[^.\s]+)+$/, 'write event.<field> or <group>.<feature>');

const columnSchema = z.strictObject({
  name: z.string().min(1),
  from: place,
  /** Where the same value can be had, too. Drift counts how often both differ; the model is given that of `from`. */
  compareWith: place.optional(),
  /** A list of so many numbers. Bounded, since rows hold all of them: 2^20 floats are 4 MiB a record. */
  size: z.number().int().min(1).max(1_048_576).optional(),
  drift: z.boolean().optional(),
  required: z.boolean().default(false),
  default: z.union([z.number(), z.string()]).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  onInvalid: z.enum(['dead-letter', 'clamp', 'default', 'flag']).default('dead-letter'),
});

const inputSchema = z.strictObject({
  type: z.enum(['float32', 'string']),
  columns: z.array(columnSchema).min(1, 'needs at least one column'),
});

const labelSchema = z.union([
  z.strictObject({ output: z.string().min(1) }),
  z.strictObject({ threshold: z.number(), above: z.string(), below: z.string() }),
]);

/** The schema of `model.yaml`; documented key by key in docs/model-packages.md. */
export const manifestSchema = z.strictObject({
  name: identifier,
  version: identifier,
  description: z.string().optional(),
  file: packageFile.default('model.onnx'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional(),
  inputs: z.record(z.string(), inputSchema).refine((inputs) => Object.keys(inputs).length > 0, 'needs at least one input'),
  outputs: z.strictObject({
    score: z.strictObject({ output: z.string().min(1), index: z.number().int().min(0).optional() }),
    label: labelSchema.optional(),
    extras: z.array(z.strictObject({ name: z.string().min(1), output: z.string().min(1) })).default([]),
  }),
  reference: packageFile.optional(),
  golden: z.strictObject({ file: packageFile, tolerance: z.number().positive().default(1e-6) }).optional(),
  maxBatchRows: z.number().int().min(1).optional(),
});

/** `model.yaml` as plain data, defaults applied. */
export type ManifestData = z.output<typeof manifestSchema>;

/** Which outputs of the graph become what. */
export type OutputsSpec = ManifestData['outputs'];

/** A model manifest: what `model.yaml` says. */
export interface Manifest {
  readonly data: ManifestData;
  /** Model inputs with their columns, in the order of the file. */
  readonly inputs: readonly TensorSpec[];
}

/** A manifest as far as it can be read, and what there is to say about it. */
export interface ParsedManifest {
  /** Absent when a finding is an error. */
  readonly manifest: Manifest | undefined;
  readonly findings: readonly Finding[];
  /** The text with its positions, for findings of later checks. */
  readonly document: YamlDocument;
}

/**
 * Reads the text of a `model.yaml`. Never throws: everything wrong becomes a finding at its place, all of them at once.
 * @param file name to show in findings
 */
export function parseManifest(text: string, file: string): ParsedManifest {
  const document = loadYaml(text, file);
  if (document.findings.some((f) => f.severity === 'error')) return { manifest: undefined, findings: document.findings, document };
  const parsed = manifestSchema.safeParse(document.data);
  if (!parsed.success) {
    return { manifest: undefined, findings: [...document.findings, ...findingsFromZod(parsed.error, document, manifestSchema)], document };
  }
  const findings = [...document.findings, ...manifestFindings(parsed.data, document)];
  const isValid = !findings.some((f) => f.severity === 'error');
  return { manifest: isValid ? { data: parsed.data, inputs: tensorSpecs(parsed.data) } : undefined, findings, document };
}

/** Inputs as the row layout takes them. */
function tensorSpecs(data: ManifestData): TensorSpec[] {
  return Object.entries(data.inputs).map(([name, input]): TensorSpec => {
    const kind = input.type === 'float32' ? 'float' : 'string';
    const columns = input.columns.map(
      (column): ColumnSpec => ({
        name: column.name,
        kind,
        binding: bindingFrom(column.from),
        required: column.required,
        onInvalid: column.onInvalid,
        ...(column.compareWith === undefined ? {} : { compareWith: bindingFrom(column.compareWith) }),
        ...(column.size === undefined ? {} : { size: column.size }),
        ...(column.drift === undefined ? {} : { drift: column.drift }),
        ...(column.default === undefined ? {} : { default: column.default }),
        ...(column.min === undefined ? {} : { min: column.min }),
        ...(column.max === undefined ? {} : { max: column.max }),
      }),
    );
    return { name, kind, columns };
  });
}

/** `event.<path.with.dots>` or `<group>.<feature>`; the schema has made sure that it is one of the two. */
function bindingFrom(text: string): Binding {
  const [head = '', ...path] = text.split('.');
  return head === 'event' ? { from: 'event', path } : { from: 'group', group: head, feature: path.join('.') };
}
