import { createHash } from 'node:crypto';
import { stat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '../core/errors.ts';
import type { TensorSpec } from '../core/layout.ts';
import { type Finding, formatFindings, type YamlDocument } from '../yaml/document.ts';
import { type Manifest, type OutputsSpec, parseManifest } from './manifest.ts';
import { type OnnxHeader, readOnnxHeader, versionProblems } from './onnx-header.ts';

/** Name of the manifest in a package folder. */
export const MANIFEST_FILE = 'model.yaml';

/** A model package that has been read: manifest valid, model file there and of the announced hash. */
export interface ModelPackage {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** Inputs in the order of the manifest, for `createRowLayout`. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: OutputsSpec;
  readonly maxBatchRows: number | undefined;
  /** Path of the ONNX file. */
  readonly modelFile: string;
  /** SHA-256 of the ONNX file, hexadecimal. */
  readonly sha256: string;
  readonly header: OnnxHeader;
  readonly golden: { readonly file: string; readonly tolerance: number } | undefined;
  /** Path of the reference profile, whether or not it has been built yet. */
  readonly referenceFile: string | undefined;
  /** The manifest's text with its positions, for findings of later checks. */
  readonly document: YamlDocument;
  /** What is odd but not wrong about the package. */
  readonly warnings: readonly Finding[];
}

/** A package as far as it can be read, and everything there is to say about it. */
export interface PackageCheck {
  /** Absent when a finding is an error. */
  readonly package: ModelPackage | undefined;
  readonly findings: readonly Finding[];
}

/**
 * Reads a package folder (`models/<name>/<version>`): manifest, hash and versions of the model file.
 * @throws WeirError `model_invalid` with one line a finding (`file:line:column: what`)
 */
export async function readModelPackage(folder: string): Promise<ModelPackage> {
  const { package: found, findings } = await checkModelPackage(folder);
  if (!found) throw new WeirError('model_invalid', formatFindings(findings));
  return found;
}

/** As `readModelPackage`, but says everything that is wrong instead of throwing. For `weir check`. */
export async function checkModelPackage(folder: string): Promise<PackageCheck> {
  const manifestFile = join(folder, MANIFEST_FILE);
  try {
    return await checkFolder(folder, manifestFile);
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    return { package: undefined, findings: [{ severity: 'error', message: thrown.message, file: manifestFile }] };
  }
}

async function checkFolder(folder: string, manifestFile: string): Promise<PackageCheck> {
  const text = (await readBytes(manifestFile))?.toString('utf8');
  if (text === undefined) {
    const message = `there is no model package here; a package is a folder models/<name>/<version> with ${MANIFEST_FILE} and an ONNX file`;
    return { package: undefined, findings: [{ severity: 'error', message, file: manifestFile }] };
  }
  const { manifest, findings, document } = parseManifest(text, manifestFile);
  if (!manifest) return { package: undefined, findings };
  const model = await checkModelFile(folder, manifest, document);
  const all = [...findings, ...model.findings, ...(await missingFiles(folder, manifest, document))];
  const isValid = model.header !== undefined && !all.some((f) => f.severity === 'error');
  return { package: isValid ? assemble(folder, manifest, document, model.header, model.sha256, all) : undefined, findings: all };
}

function assemble(
  folder: string,
  { data, inputs }: Manifest,
  document: YamlDocument,
  header: OnnxHeader,
  sha256: string,
  warnings: readonly Finding[],
): ModelPackage {
  return {
    folder,
    name: data.name,
    version: data.version,
    inputs,
    outputs: data.outputs,
    maxBatchRows: data.maxBatchRows,
    modelFile: join(folder, data.file),
    sha256,
    header,
    golden: data.golden && { file: join(folder, data.golden.file), tolerance: data.golden.tolerance },
    referenceFile: data.reference && join(folder, data.reference),
    document,
    warnings,
  };
}

interface ModelFileCheck {
  readonly header: OnnxHeader | undefined;
  readonly sha256: string;
  readonly findings: readonly Finding[];
}

async function checkModelFile(folder: string, { data }: Manifest, document: YamlDocument): Promise<ModelFileCheck> {
  const file = join(folder, data.file);
  const bytes = await readBytes(file);
  if (!bytes) return { header: undefined, sha256: '', findings: [document.finding(['file'], `${file} does not exist`)] };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const findings: Finding[] = [];
  if (data.sha256 !== undefined && data.sha256.toLowerCase() !== sha256) {
    const what = `${data.file} has SHA-256 ${sha256}, not ${data.sha256.toLowerCase()}`;
    findings.push(
      document.finding(['sha256'], `${what}: it is another file, or damaged; restore it, or write its hash here if it is meant`),
    );
  }
  let header: OnnxHeader | undefined;
  try {
    header = readOnnxHeader(bytes, data.file);
    for (const problem of versionProblems(header)) findings.push(document.finding(['file'], `${data.file}: ${problem}`));
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    findings.push(document.finding(['file'], thrown.message));
  }
  return { header, sha256, findings };
}

async function missingFiles(folder: string, { data }: Manifest, document: YamlDocument): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (data.golden && !(await exists(join(folder, data.golden.file)))) {
    findings.push(document.finding(['golden', 'file'], `${data.golden.file} does not exist; correct the name or remove golden`));
  }
  if (data.reference !== undefined && !(await exists(join(folder, data.reference)))) {
    const message = `${data.reference} does not exist yet; make it with weir profile build`;
    findings.push(document.finding(['reference'], message, 'warning'));
  }
  return findings;
}

async function readBytes(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (thrown) {
    if (isNotFound(thrown)) return undefined;
    throw new WeirError('model_invalid', `${file} cannot be read: ${(thrown as Error).message}`, { cause: thrown });
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (thrown) {
    if (isNotFound(thrown)) return false;
    throw thrown;
  }
}

function isNotFound(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
