import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WeirError } from './errors.ts';

/**
 * The Avro contract of a topic that weir owns: `schemas/<name>.avsc` of this package, parsed. Found from `src/` and from
 * a build alike, by walking up to the folder that holds `package.json`.
 * @param name file name without `.avsc`, for example `prediction`
 * @throws WeirError `state_invalid` when the package is not whole
 */
export function readOwnSchema(name: string): unknown {
  const path = join(packageRoot(), 'schemas', `${name}.avsc`);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WeirError('state_invalid', `The package's own schema ${name}.avsc cannot be read: ${reason}.`, { cause: error });
  }
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new WeirError('state_invalid', 'No package.json lies above the code of weir.');
    folder = parent;
  }
  return folder;
}
