import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadPipelineFile, type PipelineConfig } from '../config/index.ts';
import { WeirError } from '../core/errors.ts';
import { parsePinnedProfile, type PinnedProfile } from '../drift/pinned-profile.ts';
import { canonicalJson, parseReferenceProfile, type ReferenceProfile, serializeReferenceProfile } from '../drift/reference-profile.ts';
import { readModelPackage } from '../model/index.ts';

export { cellNames } from '../drift/cell-names.ts';
export { compareProfiles, type FeatureDifference } from '../drift/compare-profiles.ts';
export { measureReference, type ReferenceMeasures } from '../drift/performance/reference.ts';
export type { ReferenceFeature, ReferenceProfile } from '../drift/reference-profile.ts';

/** Reads a profile from a file. @throws WeirError `reference_invalid` when there is none, or it was changed after it was built */
export async function readReferenceFile(path: string): Promise<ReferenceProfile> {
  return parseReferenceProfile(await readJson(path));
}

/**
 * Reads the windows that were pinned with `weir profile pin`.
 * @param reference in whose bins they must be
 * @throws WeirError `reference_invalid`
 */
export async function readPinnedFile(path: string, reference: ReferenceProfile): Promise<PinnedProfile> {
  const json = await readJson(path);
  try {
    return parsePinnedProfile(json, reference);
  } catch (cause) {
    throw new WeirError('reference_invalid', `${path}: ${(cause as Error).message}`, { cause });
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new WeirError('reference_invalid', `${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads the profile of a file, or that of the model package of a pipeline.
 * @param config path of the pipeline file; only read when `file` is not given
 * @throws WeirError `config_invalid`, `model_invalid`, `reference_invalid`
 */
export async function readProfileOf({
  file,
  config,
  env,
}: {
  readonly file: string | undefined;
  readonly config: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<ReferenceProfile> {
  return readReferenceFile(file ?? (await referencePath(loadPipelineFile(config, env))));
}

/**
 * Where `weir profile build` writes: `out`, or the file that the model package names. Ask before building: building takes long.
 * @throws WeirError `model_invalid` when the package names none and `out` is not given
 */
export async function referencePath(config: PipelineConfig, out?: string): Promise<string> {
  if (out !== undefined) return resolve(out);
  const { referenceFile, name, version } = await readModelPackage(config.model.package);
  if (referenceFile !== undefined) return referenceFile;
  throw new WeirError(
    'model_invalid',
    `Model ${name} ${version} names no reference profile; add "reference: reference.json" to model.yaml, or say --out.`,
  );
}

/** Writes a profile. @throws WeirError `config_invalid` when the file cannot be written */
export async function writeReference(path: string, profile: ReferenceProfile): Promise<void> {
  await writeText(path, serializeReferenceProfile(profile));
}

/** Writes pinned windows. @throws WeirError `config_invalid` when the file cannot be written */
export async function writePinned(path: string, pinned: PinnedProfile): Promise<void> {
  await writeText(path, `${canonicalJson(pinned)}\n`);
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new WeirError('config_invalid', `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
