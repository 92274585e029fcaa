import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import { Rows } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { type LoadedModel, type LoadOptions, loadModel, type ModelPackage, readModelPackage } from '../../../src/model/index.ts';

/** Writes a package into a folder that goes away with the test. */
export function packageFolder(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-model-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

/** A manifest with one float input `x` of the given width and the score in `y`. */
export function manifestOf(width: number, rest = ''): string {
  const columns = Array.from({ length: width }, (_, i) => `      - {name: c${i}, from: event.c${i}}\n`).join('');
  return `name: tiny\nversion: "1"\ninputs:\n  x:\n    type: float32\n    columns:\n${columns}outputs:\n  score: {output: y}\n${rest}`;
}

/** A package's layout; every group gets the entity field `key`. */
export function layoutOf(pkg: ModelPackage): RowLayout {
  const groups = pkg.inputs.flatMap((input) => input.columns.flatMap(({ binding }) => (binding.from === 'group' ? [binding.group] : [])));
  return createRowLayout(pkg.inputs, { entities: new Map(groups.map((group) => [group, ['key']])) });
}

/** Reads and loads a package; the model is closed with the test. */
export async function load(
  files: Readonly<Record<string, string | Buffer>>,
  options: Partial<LoadOptions> = {},
): Promise<{ model: LoadedModel; layout: RowLayout; pkg: ModelPackage }> {
  const pkg = await readModelPackage(packageFolder(files));
  const layout = layoutOf(pkg);
  const model = await loadModel(pkg, layout, { logger: silentLogger, ...options });
  onTestFinished(() => model.close());
  return { model, layout, pkg };
}

/** Rows of one float tensor. */
export function floatRows(layout: RowLayout, values: readonly (readonly number[])[]): Rows {
  const rows = new Rows(layout, values.length);
  rows.count = values.length;
  rows.floats[0]!.set(values.flat());
  return rows;
}
