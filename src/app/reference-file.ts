import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PipelineConfig } from '../config/index.ts';
import { WeirError } from '../core/errors.ts';
import { type ReferenceProfile, serializeReferenceProfile } from '../drift/reference-profile.ts';
import { readModelPackage } from '../model/index.ts';

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
  try {
    await writeFile(path, serializeReferenceProfile(profile));
  } catch (cause) {
    throw new WeirError('config_invalid', `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
