/**
 * What a row costs in ONNX Runtime, by rows per run: on the event loop and in a thread, for the models of the examples and of
 * `bench/pipeline`. Cells take turns round by round; medians of the rounds, CPU of the whole process. Then the delay of the event
 * loop beside a model whose runs take about 100 ms, and the ticks of a timer of 100 ms, as heartbeats are.
 *
 *     npm run bench -- onnx [--rounds 5] [--ms 150] [--seconds 3] [--only rows|loop] [--json]
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import type { Model } from '../../src/core/ports.ts';
import { Rows } from '../../src/core/rows.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { loadModel, type ModelPackage, readModelPackage } from '../../src/model/index.ts';
import { goldenRows, readGolden } from '../../src/model/golden.ts';
import { openModel } from '../../src/model/onnx-model.ts';
import { loadThreadedModel } from '../../src/model/threads/threaded-model.ts';
import { slowModel } from '../../test/unit/model/onnx-builder.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '150' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const ROUNDS = Number(flags.rounds);

const FOLDERS = ['../pipeline/models', '../../examples/flights/models'].flatMap((path) => {
  const folder = fileURLToPath(new URL(path, import.meta.url));
  // A model without a manifest belongs to a benchmark that writes one.
  return readdirSync(folder)
    .map((name) => join(folder, name, '1'))
    .filter((pkg) => existsSync(join(pkg, 'model.yaml')));
});
const RUN_ROWS = [1, 32, 256, 1_024];

interface Cell {
  readonly model: string;
  readonly runtime: 'inline' | 'thread';
  readonly rows: number;
  readonly cpuPerMillion: number[];
  readonly rowsPerSecond: number[];
  readonly run: () => Promise<void>;
}

function layoutOf(pkg: ModelPackage): RowLayout {
  const columns = pkg.inputs.flatMap((input) => input.columns);
  return createRowLayout(pkg.inputs, {
    entities: new Map(columns.flatMap(({ binding }) => (binding.from === 'group' ? [[binding.group, ['key']] as const] : []))),
  });
}

/** The golden rows over and over, else numbers that repeat after many rows. */
async function sampleOf(pkg: ModelPackage, layout: RowLayout): Promise<Rows> {
  const count = RUN_ROWS.at(-1)!;
  if (pkg.golden) return goldenRows(layout, await readGolden(pkg.golden.file), count, pkg.golden.file);
  const rows = new Rows(layout, count);
  rows.count = count;
  for (const matrix of rows.floats) for (let i = 0; i < matrix.length; i++) matrix[i] = Math.fround(((i * 7_919) % 10_007) / 5_000 - 1);
  return rows;
}

/** Cells of one model, and what to close in the end. Runs are as long as asked for, whatever would be best. */
async function cellsOf(folder: string): Promise<{ cells: Cell[]; models: Model[] }> {
  const pkg = await readModelPackage(folder);
  const layout = layoutOf(pkg);
  const sample = await sampleOf(pkg, layout);
  const inline = await openModel(pkg, layout, {});
  const thread = await loadThreadedModel(pkg, layout, { runtime: { threads: 1 }, measure: false, logger: silentLogger });
  const cells = RUN_ROWS.flatMap((rows) =>
    (
      [
        ['inline', inline],
        ['thread', thread],
      ] as const
    ).map(([runtime, model]): Cell => {
      const scores = model.createScores(rows);
      return { model: pkg.name, runtime, rows, cpuPerMillion: [], rowsPerSecond: [], run: () => model.run(sample, 0, rows, scores) };
    }),
  );
  return { cells, models: [inline, thread] };
}

async function measure({ run, rows, cpuPerMillion, rowsPerSecond }: Cell, ms: number): Promise<void> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  let scored = 0;
  do {
    await run();
    scored += rows;
  } while (performance.now() - startedMs < ms);
  const { user, system } = process.cpuUsage(cpu);
  cpuPerMillion.push((user + system) / scored);
  rowsPerSecond.push((scored * 1_000) / (performance.now() - startedMs));
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const short = (value: number): string => String(Number(value.toPrecision(3)));

interface LoopCell {
  readonly name: string;
  readonly runMs: number[];
  readonly delayP50Ms: number[];
  readonly delayP99Ms: number[];
  readonly delayMaxMs: number[];
  /** Ticks of a timer of 100 ms, of all that were due. */
  ticks: number;
  due: number;
  readonly run: () => Promise<void>;
}

/** What keeps the event loop busy or leaves it alone: back-to-back runs of a slow model, or waiting as long. */
async function loopCells(folder: string, turnsPerRun: number): Promise<{ cells: LoopCell[]; models: Model[] }> {
  const pkg = await readModelPackage(folder);
  const layout = layoutOf(pkg);
  const rows = new Rows(layout, 32);
  rows.count = 32;
  rows.floats[0]!.fill(turnsPerRun);
  const models: Model[] = [];
  const cell = (name: string, run: () => Promise<void>): LoopCell => {
    return { name, runMs: [], delayP50Ms: [], delayP99Ms: [], delayMaxMs: [], ticks: 0, due: 0, run };
  };
  const cells = [cell('no model, for comparison', () => new Promise((resolve) => setTimeout(resolve, 100)))];
  for (const [name, runtime] of Object.entries({ inline: 'inline', '1 thread': { threads: 1 } } as const)) {
    const model = await loadModel(pkg, layout, { runtime, logger: silentLogger });
    models.push(model);
    const scores = model.createScores(32);
    cells.push(cell(name, () => model.run(rows, 0, 32, scores)));
  }
  return { cells, models };
}

async function measureLoop(cell: LoopCell, seconds: number): Promise<void> {
  await cell.run();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const timer = setInterval(() => cell.ticks++, 100);
  delay.enable();
  const startedMs = performance.now();
  let runs = 0;
  for (; performance.now() - startedMs < seconds * 1_000; runs++) await cell.run();
  const tookMs = performance.now() - startedMs;
  delay.disable();
  clearInterval(timer);
  cell.due += Math.floor(tookMs / 100);
  cell.runMs.push(tookMs / runs);
  cell.delayP50Ms.push(delay.percentile(50) / 1e6);
  cell.delayP99Ms.push(delay.percentile(99) / 1e6);
  cell.delayMaxMs.push(delay.max / 1e6);
}

/** A model whose run takes `turns` turns, and how many of them are about 100 ms here. */
async function slowPackage(): Promise<{ folder: string; turns: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  writeFileSync(join(folder, 'model.onnx'), slowModel());
  const manifest =
    'name: slow\nversion: "1"\ninputs:\n  x: {type: float32, columns: [{name: x, from: event.x}]}\noutputs:\n  score: {output: y}\n';
  writeFileSync(join(folder, 'model.yaml'), manifest);
  const pkg = await readModelPackage(folder);
  const layout = layoutOf(pkg);
  const model = await openModel(pkg, layout, {});
  const rows = new Rows(layout, 32);
  rows.count = 32;
  rows.floats[0]!.fill(20_000);
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    // CPU time: other programs on the machine must not make the model shorter.
    const cpu = process.cpuUsage();
    await model.run(rows, 0, 32, model.createScores(32));
    times.push(process.cpuUsage(cpu).user / 1_000);
  }
  await model.close();
  return { folder, turns: Math.round((20_000 * 100) / median(times)) };
}

/** Rows per CPU-second by rows per run. */
async function compareRows(): Promise<object[]> {
  const loaded = [];
  for (const folder of FOLDERS) loaded.push(await cellsOf(folder));
  const cells = loaded.flatMap((one) => one.cells);
  // Round −1 warms up.
  for (let round = -1; round < ROUNDS; round++) {
    for (const cell of cells) await measure(cell, Number(flags.ms));
    if (round < 0) for (const { cpuPerMillion, rowsPerSecond } of cells) cpuPerMillion.length = rowsPerSecond.length = 0;
  }
  for (const { models } of loaded) for (const model of models) await model.close();

  const results = cells.map(({ model, runtime, rows, cpuPerMillion, rowsPerSecond }) => {
    const cpu = median(cpuPerMillion);
    const range = [Math.min(...cpuPerMillion), Math.max(...cpuPerMillion)] as const;
    return { model, runtime, rows, rowsPerCpuSecond: 1e6 / cpu, cpuSecondsPerMillion: cpu, range, rowsPerSecond: median(rowsPerSecond) };
  });
  console.log(
    '| model | rows a run | k rows per CPU-s inline | in a thread | CPU-s per M inline (range) | in a thread (range) | k rows/s inline | in a thread |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const inline of results.filter(({ runtime }) => runtime === 'inline')) {
    const thread = results.find(({ model, rows, runtime }) => runtime === 'thread' && model === inline.model && rows === inline.rows)!;
    const both = [inline, thread];
    const columns = [
      inline.model,
      inline.rows,
      ...both.map(({ rowsPerCpuSecond }) => short(rowsPerCpuSecond / 1_000)),
      ...both.map(({ cpuSecondsPerMillion, range }) => `${short(cpuSecondsPerMillion)} (${range.map(short).join('–')})`),
      ...both.map(({ rowsPerSecond }) => short(rowsPerSecond / 1_000)),
    ];
    console.log(`| ${columns.join(' | ')} |`);
  }
  return results;
}

/** The delay of the event loop beside runs of about 100 ms. */
async function compareLoops(): Promise<object[]> {
  const slow = await slowPackage();
  const { cells, models } = await loopCells(slow.folder, slow.turns);
  for (let round = 0; round < ROUNDS; round++) for (const cell of cells) await measureLoop(cell, Number(flags.seconds));
  for (const model of models) await model.close();
  rmSync(slow.folder, { recursive: true });
  const results = cells.map(({ name, runMs, delayP50Ms, delayP99Ms, delayMaxMs, ticks, due }) => {
    const [run, p50, p99, max] = [runMs, delayP50Ms, delayP99Ms, delayMaxMs].map(median);
    return {
      name,
      runMs: run!,
      delayP50Ms: p50!,
      delayP99Ms: p99!,
      delayMaxMs: max!,
      p99Range: [Math.min(...delayP99Ms), Math.max(...delayP99Ms)],
      ticks,
      due,
    };
  });
  console.log(
    '| beside runs of 100 ms | run ms | loop delay ms: p50 | p99 (range) | max | ticks of a 100 ms timer |\n|---|---|---|---|---|---|',
  );
  for (const { name, runMs, delayP50Ms, delayP99Ms, delayMaxMs, p99Range, ticks, due } of results) {
    const [p50, p99, max, least, most] = [delayP50Ms, delayP99Ms, delayMaxMs, ...p99Range].map((ms) => ms.toFixed(1));
    console.log(`| ${name} | ${Math.round(runMs)} | ${p50} | ${p99} (${least}–${most}) | ${max} | ${ticks} of ${due} |`);
  }
  return results;
}

const rows = flags.only === 'loop' ? [] : await compareRows();
const loops = flags.only === 'rows' ? [] : await compareLoops();
if (flags.json) console.log(JSON.stringify({ node: process.version, load: loadavg(), rows, loops }));
