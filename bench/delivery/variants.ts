/** Delivery modes to compare, and pipeline files that differ in nothing else. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examplePath } from '../../examples/flights/flight-data.ts';

/** One way to deliver. */
export interface Variant {
  readonly name: string;
  readonly mode: 'at-least-once' | 'exactly-once';
  readonly commitIntervalMs: number;
}

/** At least once with the interval that a worker has by default, and exactly once with short, default and long transactions. */
export const VARIANTS: readonly Variant[] = [
  { name: 'at-least-once', mode: 'at-least-once', commitIntervalMs: 100 },
  ...[20, 100, 500].map((ms): Variant => ({ name: `exactly-once-${ms}ms`, mode: 'exactly-once', commitIntervalMs: ms })),
];

/**
 * Writes the pipeline file of the flights example with another `delivery` section.
 * @returns its path
 */
export function flightsPipeline(folder: string, { name, mode, commitIntervalMs }: Variant): string {
  const text = readFileSync(examplePath('weir.yaml'), 'utf8')
    .replace(/^delivery:\n(?: .*\n)+/m, `delivery: {mode: ${mode}, commitIntervalMs: ${commitIntervalMs}}\n`)
    .replaceAll('schema: schemas/', `schema: ${examplePath('schemas')}/`)
    .replace('package: "models/', `package: "${examplePath('models')}/`);
  if (!text.includes(`mode: ${mode},`)) throw new Error('The pipeline file of the flights has no delivery section to replace.');
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
}
