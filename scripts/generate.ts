/**
 * Writes what comes from tables and other sources: docs/reference/*.md, schemas/weir.schema.json and compiled WebAssembly.
 * With --check it writes nothing and fails when a file differs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { jsonSchema } from '../src/config/index.ts';
import { assembled } from './assembly.ts';
import { cliPage } from './reference/cli.ts';
import { configPage } from './reference/config.ts';
import { errorsPage } from './reference/errors.ts';
import { metricsPage } from './reference/metrics.ts';

const GENERATORS: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/config.md': configPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/cli.md': cliPage,
  'src/drift/count-floats.wasm.ts': () => assembled('assembly/count-floats.ts', 'COUNT_FLOATS'),
  'src/pipeline/are-within.wasm.ts': () => assembled('assembly/are-within.ts', 'ARE_WITHIN'),
  'schemas/weir.schema.json': () => `${JSON.stringify(jsonSchema(), null, 2)}\n`,
};

const root = join(import.meta.dirname, '..');
const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const [path, generate] of Object.entries(GENERATORS)) {
  const text = await generate();
  const file = join(root, path);
  if (current(file) === text) continue;
  stale.push(path);
  if (isCheck) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
if (isCheck && stale.length > 0) {
  console.error(
    `These differ from what their tables say; run npm run generate and commit the result:\n${stale.map((path) => `  ${path}`).join('\n')}`,
  );
  process.exitCode = 1;
} else {
  console.log(stale.length > 0 ? `wrote ${stale.join(', ')}` : `${Object.keys(GENERATORS).length} generated files are as they should be`);
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}
