import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import avsc, { type Type } from 'avsc';
import { WeirError } from '../core/errors.ts';

/** Finds a file of the package's `schemas` folder from here upwards: sources and build lie at different depths. */
function readSchema(file: string): unknown {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const path = join(folder, 'schemas', file);
    if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
    if (folder === dirname(folder)) throw new WeirError('schema_invalid', `schemas/${file} is missing from the installation.`);
  }
}

/** Schema of the profiles topic, as parsed JSON: to be registered, or fingerprinted, by the output framing. */
export const driftProfileSchema: unknown = readSchema('drift-profile.avsc');
/** Schema of the statistics topic, as parsed JSON. */
export const driftStatisticsSchema: unknown = readSchema('drift-statistics.avsc');

/** avsc type of `schemas/drift-profile.avsc`. */
export const driftProfileType: Type = avsc.Type.forSchema(driftProfileSchema as never, { wrapUnions: false });
/** avsc type of `schemas/drift-statistics.avsc`. */
export const driftStatisticsType: Type = avsc.Type.forSchema(driftStatisticsSchema as never, { wrapUnions: false });
