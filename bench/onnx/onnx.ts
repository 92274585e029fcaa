/**
 * What a row costs in ONNX Runtime, by rows per run: on the event loop and in a thread, for the models of the examples and of
 * `bench/pipeline`. Cells take turns round by round; medians of the rounds, CPU of the whole process. Then the delay of the event
 * loop beside a model whose runs take about 100 ms, and the ticks of a timer of 100 ms, as heartbeats are.
 *
 *     npm run bench -- onnx [--rounds 5] [--ms 150] [--seconds 5] [--json]
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import type { Model } from '../../src/core/ports.ts';
import { Rows } from '../../src/core/rows.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { loadModel, type ModelPackage, readModelPackage, type Runtime } from '../../src/model/index.ts';
import { goldenRows, readGolden } from '../../src/model/golden.ts';
import { openModel } from '../../src/model/onnx-model.ts';
import { loadThreadedModel } from '../../src/model/threads/threaded-model.ts';
import { slowModel } from '../../test/unit/model/onnx-builder.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '150' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});

const FOLDERS = ['../pipeline/models', '../../examples/flights/models'].flatMap((path) => {
  const folder = fileURLToPath(new URL(path, import.meta.url));
  return readdirSync(folder).map((name) => join(folder, name, '1'));
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

interface Loop {
  readonly runtime: string;
  readonly runMs: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** Ticks of a timer of 100 ms, of those that were due. */
  readonly ticks: string;
}

/** The event loop beside back-to-back runs of about 100 ms. */
async function loopBeside(folder: string, turnsPerRun: number, runtime: Runtime, seconds: number): Promise<Loop> {
  const pkg = await readModelPackage(folder);
  const layout = layoutOf(pkg);
  const model = await loadModel(pkg, layout, { runtime, logger: silentLogger });
  const rows = new Rows(layout, 32);
  rows.count = 32;
  rows.floats[0]!.fill(turnsPerRun);
  const scores = model.createScores(32);
  await model.run(rows, 0, 32, scores);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 100);
  delay.enable();
  const startedMs = performance.now();
  let runs = 0;
  for (; performance.now() - startedMs < seconds * 1_000; runs++) await model.run(rows, 0, 32, scores);
  const tookMs = performance.now() - startedMs;
  delay.disable();
  clearInterval(timer);
  await model.close();
  return {
    runtime: runtime === 'inline' ? runtime : `${runtime.threads} thread${runtime.threads === 1 ? '' : 's'}`,
    runMs: tookMs / runs,
    delayP50Ms: delay.percentile(50) / 1e6,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
    ticks: `${ticks} of ${Math.floor(tookMs / 100)}`,
  };
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
    const startedMs = performance.now();
    await model.run(rows, 0, 32, model.createScores(32));
    times.push(performance.now() - startedMs);
  }
  await model.close();
  return { folder, turns: Math.round((20_000 * 100) / median(times)) };
}

const loaded = [];
for (const folder of FOLDERS) loaded.push(await cellsOf(folder));
const cells = loaded.flatMap((one) => one.cells);
// Round −1 warms up.
for (let round = -1; round < Number(flags.rounds); round++) {
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

const slow = await slowPackage();
const loops: Loop[] = [];
for (const runtime of ['inline', { threads: 1 }, { threads: 2 }] as const)
  loops.push(await loopBeside(slow.folder, slow.turns, runtime, Number(flags.seconds)));
rmSync(slow.folder, { recursive: true });
console.log(
  '\n| a model with runs of 100 ms | run ms | loop delay ms: p50 | p99 | max | ticks of a 100 ms timer |\n|---|---|---|---|---|---|',
);
for (const { runtime, runMs, delayP50Ms, delayP99Ms, delayMaxMs, ticks } of loops)
  console.log(`| ${[runtime, Math.round(runMs), ...[delayP50Ms, delayP99Ms, delayMaxMs].map((ms) => ms.toFixed(1)), ticks].join(' | ')} |`);
if (flags.json) console.log(JSON.stringify({ node: process.version, results, loops }));
