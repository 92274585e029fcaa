/**
 * Writes `golden.json` of the three flights packages: about fifty real flights, odd ones among them, with the scores
 * that onnxruntime gives directly (see reference-rows.ts).
 *
 *     node examples/flights/build/golden.ts
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MODELS, type ModelName, NUMBERS, type ReferenceRow, referenceRows, STRINGS, scoreDirectly } from './reference-rows.ts';

/** Every so many flights one is taken, whatever it is like. */
const STRIDE = 9_001;
/** Flights taken of each odd kind. */
const PER_KIND = 2;

const KINDS: readonly ((row: ReferenceRow) => boolean)[] = [
  (row) => !row.found.plane,
  (row) => row.found.plane && row.columns['yearBuilt'] === null,
  (row) => !row.found.airport,
  (row) => row.found.airport && row.columns['windSpeed'] === null,
  (row) => row.columns['windGust'] !== null && row.columns['windGust'] !== undefined,
  (row) => row.found.airport && row.columns['pressure'] === null,
  (row) => !row.found.route && row.found.carrier,
  (row) => !row.found.carrier,
  (row) => Number(row.columns['depDelayMinutes']) > 900,
  (row) => Number(row.columns['depDelayMinutes']) < -30,
];

async function chooseRows(): Promise<ReferenceRow[]> {
  const chosen: ReferenceRow[] = [];
  const taken = KINDS.map(() => 0);
  let at = 0;
  for await (const row of referenceRows()) {
    const kind = KINDS.findIndex((is, k) => taken[k]! < PER_KIND && is(row));
    if (kind >= 0) taken[kind]!++;
    if (kind >= 0 || at % STRIDE === 0) chosen.push(row);
    at++;
  }
  const empty = taken.indexOf(0);
  if (empty >= 0) throw new Error(`no flight of kind ${empty}: the data has changed`);
  return chosen;
}

async function writeGolden(model: ModelName, rows: readonly ReferenceRow[]): Promise<void> {
  const folder = fileURLToPath(new URL(`../models/${model}/1/`, import.meta.url));
  const { scores, labels } = await scoreDirectly(model, `${folder}model.onnx`, rows);
  const names: string[] = Object.values(NUMBERS).flat();
  if (model === 'flights-mlp') names.push(...STRINGS);
  const golden = rows.map((row) => JSON.stringify(Object.fromEntries(names.map((name) => [name, row.columns[name] ?? null]))));
  // The packages of numbers say late and on-time by a threshold of 0.5, the MLP hands on its int64 label.
  const texts = model === 'flights-mlp' ? labels : labels.map((label) => (label === '1' ? 'late' : 'on-time'));
  const json = `{\n"rows": [\n${golden.join(',\n')}\n],\n"scores": ${JSON.stringify([...scores])},\n"labels": ${JSON.stringify(texts)}\n}\n`;
  writeFileSync(`${folder}golden.json`, json);
  process.stdout.write(`${model}: ${rows.length} golden rows, scores ${Math.min(...scores)} to ${Math.max(...scores)}\n`);
}

const rows = await chooseRows();
for (const model of MODELS) await writeGolden(model, rows);
