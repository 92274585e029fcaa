/**
 * The three flights packages through weir's own path (package → layout → validate → score) against onnxruntime on rows
 * built a second way (examples/flights/build/reference-rows.ts). No Kafka, no Redis: real data, real models.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MODELS, type ReferenceRow, referenceRows, scoreDirectly } from '../../examples/flights/build/reference-rows.ts';
import { createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import { Rows } from '../../src/core/rows.ts';
import { silentLogger, silentMetrics } from '../../src/core/silent.ts';
import { inspectModel, loadModel, type ModelPackage, readModelPackage } from '../../src/model/index.ts';
import { createScorer } from '../../src/pipeline/score.ts';
import { createValidator } from '../../src/pipeline/validate.ts';
import { modelContract } from '../contract/model.ts';

const BATCH_ROWS = 512;

const folderOf = (model: string): string => fileURLToPath(new URL(`../../examples/flights/models/${model}/1`, import.meta.url));

function layoutOf(pkg: ModelPackage): RowLayout {
  const entities = new Map(['plane', 'airport', 'route', 'carrier'].map((group) => [group, ['tailnum']]));
  return createRowLayout(pkg.inputs, { entities });
}

/** Puts flights into rows by column name; what has no value stays NaN or null. */
function fill(rows: Rows, flights: readonly ReferenceRow[]): void {
  rows.reset([]);
  rows.count = flights.length;
  for (const [lane, width] of rows.layout.floatWidths.entries()) rows.floats[lane]!.fill(Number.NaN, 0, flights.length * width);
  for (const texts of rows.texts) texts.clear(flights.length);
  rows.status.fill(0);
  rows.degraded.fill(0);
  for (const [row, flight] of flights.entries()) {
    for (const { name, kind, lane, slot } of rows.layout.columns) {
      const value = flight.columns[name];
      if (value === null || value === undefined) continue;
      if (kind === 'string') rows.texts[lane]!.setText(row, String(value));
      else rows.floats[lane]![row * rows.layout.floatWidths[lane]! + slot] = Number(value);
    }
  }
}

/** One flight of 82 of the whole year, 4,007 in all; read once. */
let sampled: Promise<ReferenceRow[]> | undefined;
function sampledFlights(): Promise<ReferenceRow[]> {
  sampled ??= (async () => {
    const flights: ReferenceRow[] = [];
    let at = 0;
    for await (const flight of referenceRows()) if (at++ % 82 === 0) flights.push(flight);
    return flights;
  })();
  return sampled;
}

/** `count` flights spread over the year. */
async function someFlights(count: number): Promise<ReferenceRow[]> {
  const flights = await sampledFlights();
  return Array.from({ length: count }, (_, i) => flights[Math.floor((i * flights.length) / count)]!);
}

describe.each(MODELS)('%s', (name) => {
  for (const runtime of ['inline', { threads: 2 }] as const) {
    modelContract(runtime === 'inline' ? name : `${name} in threads`, async () => {
      const pkg = await readModelPackage(folderOf(name));
      const layout = layoutOf(pkg);
      const model = await loadModel(pkg, layout, { logger: silentLogger, runtime });
      onTestFinished(() => model.close());
      const rows = new Rows(layout, 12);
      fill(rows, await someFlights(12));
      return { model, rows };
    });
  }

  it('is a package without an error, with golden rows and the hash of its file', async () => {
    const pkg = await readModelPackage(folderOf(name));
    expect((await inspectModel(pkg)).findings.filter((finding) => finding.severity === 'error')).toEqual([]);
    expect(JSON.parse(readFileSync(pkg.golden!.file, 'utf8')).rows.length).toBeGreaterThanOrEqual(50);
    expect(pkg.document.data).toMatchObject({ sha256: pkg.sha256, name, version: '1' });
  });

  it('scores 4,000 flights of the whole year as onnxruntime does on rows built another way, within 1e-6', async () => {
    const flights = await sampledFlights();
    expect(flights.length).toBeGreaterThan(4000);
    const pkg = await readModelPackage(folderOf(name));
    const direct = await scoreDirectly(name, pkg.modelFile, flights);
    const layout = layoutOf(pkg);
    const model = await loadModel(pkg, layout, { logger: silentLogger });
    onTestFinished(() => model.close());
    const rows = new Rows(layout, BATCH_ROWS);
    const scores = model.createScores(BATCH_ROWS);
    const validate = createValidator(layout, silentMetrics);
    const score = createScorer(model);

    let worst = 0;
    for (let from = 0; from < flights.length; from += BATCH_ROWS) {
      fill(rows, flights.slice(from, from + BATCH_ROWS));
      validate(rows);
      await score(rows, scores);
      expect(rows.failed).toBe(0);
      for (let row = 0; row < rows.count; row++) {
        worst = Math.max(worst, Math.abs(scores.score[row]! - direct.scores[from + row]!));
        const label = direct.labels[from + row]!;
        // Packages of numbers name their classes by threshold, the MLP hands on the model's own.
        expect(scores.label![row]).toBe(name === 'flights-mlp' ? label : label === '1' ? 'late' : 'on-time');
      }
    }
    expect(worst).toBeLessThanOrEqual(1e-6);
  });

  it('scores a flight alike with and without bad rows around it', async () => {
    const flights = await someFlights(16);
    const pkg = await readModelPackage(folderOf(name));
    const layout = layoutOf(pkg);
    const model = await loadModel(pkg, layout, { logger: silentLogger });
    onTestFinished(() => model.close());
    const validate = createValidator(layout, silentMetrics);
    const score = createScorer(model);
    const rows = new Rows(layout, 16);
    const good = model.createScores(16);
    fill(rows, flights);
    validate(rows);
    await score(rows, good);

    const mixed = model.createScores(16);
    fill(rows, flights);
    const delay = layout.columns.find((column) => column.name === 'depDelayMinutes')!;
    const set = (row: number, value: number): void => {
      rows.floats[delay.lane]![row * layout.floatWidths[delay.lane]! + delay.slot] = value;
    };
    set(1, Number.POSITIVE_INFINITY);
    set(4, Number.NaN);
    set(9, 9999);
    rows.fail(11, 'decode_failed', '');
    validate(rows);
    await score(rows, mixed);
    const bad = new Map([
      [1, 'not_finite'],
      [4, 'missing_required'],
      [9, 'out_of_range'],
      [11, 'decode_failed'],
    ]);
    for (let row = 0; row < 16; row++) {
      expect(rows.codeOf(row)).toBe(bad.get(row));
      if (bad.has(row)) expect(mixed.score[row]).toBeNaN();
      else expect(Math.abs(mixed.score[row]! - good.score[row]!)).toBeLessThanOrEqual(1e-6);
    }
  });
});

describe('ranges of the packages', () => {
  it('take every one of the 328,521 flights, none of them even degraded', async () => {
    const pkg = await readModelPackage(folderOf('flights-mlp'));
    const layout = layoutOf(pkg);
    const rows = new Rows(layout, 4096);
    const validate = createValidator(layout, silentMetrics);
    let batch: ReferenceRow[] = [];
    const totals = { flights: 0, failed: 0, degraded: 0 };
    const flush = (): void => {
      fill(rows, batch);
      validate(rows);
      totals.flights += rows.count;
      totals.failed += rows.failed;
      for (let row = 0; row < rows.count; row++) if (rows.isDegraded(row)) totals.degraded++;
      batch = [];
    };
    for await (const flight of referenceRows()) if (batch.push(flight) === 4096) flush();
    flush();
    expect(totals).toEqual({ flights: 328_521, failed: 0, degraded: 0 });
  });
});
