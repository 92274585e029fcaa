import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Logger } from '../../../src/core/ports.ts';
import { RunAbandoned } from '../../../src/core/run-abandoned.ts';
import { Rows } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { type LoadedModel, readModelPackage } from '../../../src/model/index.ts';
import { loadThreadedModel } from '../../../src/model/threads/threaded-model.ts';
import { createScorer } from '../../../src/pipeline/score.ts';
import { buildOnnx, lookupModel, slowModel, sumModel } from './onnx-builder.ts';
import { floatRows, layoutOf, load, manifestOf, packageFolder } from './package-folder.ts';

/** As many turns as take two seconds or more on any machine, and five on most. */
const LONG = 3e6;
const slow = { 'model.onnx': slowModel(), 'model.yaml': manifestOf(1) };

/** Numbers and a string in, all of it out again. */
const mirror = {
  'model.onnx': buildOnnx({
    inputs: [
      { name: 'x', type: 'float32', shape: ['N', 2] },
      { name: 'word', type: 'string', shape: ['N', 1] },
    ],
    outputs: [
      { name: 'y', type: 'float32', shape: ['N', 2] },
      { name: 'l', type: 'string', shape: ['N', 1] },
    ],
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['y'] },
      { op: 'Identity', inputs: ['word'], outputs: ['l'] },
    ],
  }),
  'model.yaml': `name: mirror
version: "1"
inputs:
  x: {type: float32, columns: [{name: a, from: event.a}, {name: b, from: event.b}]}
  word: {type: string, columns: [{name: word, from: event.word}]}
outputs:
  score: {output: y, index: 1}
  label: {output: l}
  extras: [{name: all, output: y}]
`,
};

function recording(): { logger: Logger; warnings: [object, string][] } {
  const warnings: [object, string][] = [];
  return { logger: { ...silentLogger, warn: (fields, message) => void warnings.push([fields, message]) }, warnings };
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

async function scoreAll(model: LoadedModel, rows: Rows) {
  const scores = model.createScores(rows.count);
  await createScorer(model)(rows, scores);
  return scores;
}

describe('a model in threads', () => {
  it('gives the very scores, labels and extras that it gives on the event loop', async () => {
    const inline = await load(mirror);
    const threaded = await load(mirror, { runtime: { threads: 2 } });
    const text = fc.option(fc.oneof(fc.string(), fc.string({ minLength: 30, maxLength: 300, unit: 'grapheme' })), { freq: 5 });
    const row = fc.tuple(fc.float(), fc.float(), text, fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 120 }), fc.nat(20), async (values, skipped) => {
        const rows = new Rows(inline.layout, values.length);
        rows.count = values.length;
        for (const [i, [a, b, word, isLikeBefore]] of values.entries()) {
          rows.floats[0]!.set([a, b], i * 2);
          if (isLikeBefore && i > 0) rows.texts[0]!.alias(i, i - 1);
          else if (word !== null) rows.texts[0]!.setText(i, word);
        }
        const from = Math.min(skipped, values.length - 1);
        const [expected, scores] = [inline.model.createScores(values.length), threaded.model.createScores(values.length)];
        await inline.model.run(rows, from, values.length, expected);
        await threaded.model.run(rows, from, values.length, scores);
        expect(scores).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('takes bytes that are no UTF-8, and runs that need more memory than the one before', async () => {
    const { model, layout } = await load(mirror, { runtime: { threads: 1 } });
    for (const length of [1, 3, 40_000, 2]) {
      const rows = new Rows(layout, 2);
      rows.count = 2;
      rows.texts[0]!.set(1, Buffer.alloc(length, 0xff), 0, length);
      const scores = model.createScores(2);
      await model.run(rows, 0, 2, scores);
      expect(scores.label).toEqual(['', '\ufffd'.repeat(length)]);
    }
  });

  it('leaves the event loop alone while a run goes on', async () => {
    const ticksOf = async (model: LoadedModel, rows: Rows): Promise<number> => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      await model.run(rows, 0, 1, model.createScores(1));
      clearInterval(timer);
      return ticks;
    };
    const threaded = await load(slow, { runtime: { threads: 1 } });
    expect(await ticksOf(threaded.model, floatRows(threaded.layout, [[2e5]]))).toBeGreaterThan(5);
    const inline = await load(slow);
    expect(await ticksOf(inline.model, floatRows(inline.layout, [[2e5]]))).toBeLessThan(3);
  });

  it('scores micro-batches at the same time, and splits one over the threads that are idle', async () => {
    const { model, layout } = await load(slow, { runtime: { threads: 2 } });
    const rows = floatRows(
      layout,
      Array.from({ length: 64 }, () => [1e5]),
    );
    const scores = model.createScores(64);
    const whole = model.run(rows, 0, 64, scores);
    expect(model.threads).toMatchObject({ idle: 0, busy: 2 });
    await whole;
    expect([...scores.score]).toEqual(Array.from({ length: 64 }, () => 1e5));
    const two = [model.run(rows, 0, 1, scores), model.run(rows, 1, 2, scores)];
    expect(model.threads).toMatchObject({ idle: 0, busy: 2 });
    await Promise.all(two);
    expect(model.threads).toEqual({ idle: 2, busy: 0, starting: 0, hung: 0, restarts: 0, timeouts: 0 });
  });

  it('dead-letters rows that make a run fail, and no others', async () => {
    const { model, layout } = await load({ 'model.onnx': lookupModel(), 'model.yaml': manifestOf(1) }, { runtime: { threads: 2 } });
    const values = Array.from({ length: 90 }, (_, i) => [i % 4]);
    values[7] = values[80] = [99];
    const rows = floatRows(layout, values);
    const scores = await scoreAll(model, rows);
    for (let row = 0; row < 90; row++) {
      expect(rows.codeOf(row)).toBe(row === 7 || row === 80 ? 'inference_failed' : undefined);
      if (row !== 7 && row !== 80) expect(scores.score[row]).toBe([0.5, 0.25, 0.75, 1][row % 4]);
    }
  });

  it('will not run when it is closed, and gives up what is under way', async () => {
    const { model, layout } = await load(slow, { runtime: { threads: 1 } });
    const rows = floatRows(layout, [[1e5], [1]]);
    const scores = model.createScores(2);
    const runs = [model.run(rows, 0, 1, scores), model.run(rows, 1, 2, scores)];
    const ends = Promise.allSettled([...runs, model.close().then(() => model.run(rows, 1, 2, scores))]);
    for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { code: 'model_invalid' } });
  });

  it('says what is wrong with a package as on the event loop', async () => {
    const wrong = load({ 'model.onnx': sumModel(2), 'model.yaml': manifestOf(3) }, { runtime: { threads: 2 } });
    await expect(wrong).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(/has 2 columns, the manifest lists 3/),
    });
  });
});

it.each(['inline', { threads: 1 }] as const)(
  'says at the start what runs take, and warns of long ones on the event loop: %j',
  async (runtime) => {
    const { logger, warnings } = recording();
    const loaded: object[] = [];
    const listening: Logger = { ...logger, info: (fields, message) => void (message === 'model loaded' && loaded.push(fields)) };
    // 30 ms and more on any machine.
    const { model } = await load({ ...slow, 'model.onnx': slowModel(1e5) }, { runtime, logger: listening, maxRows: 512 });
    expect(loaded).toEqual([
      expect.objectContaining({
        runtime,
        runRows: model.fit!.rows,
        curve: expect.objectContaining({ 32: expect.any(Number) }),
      }),
    ]);
    const long = [
      [{ model: 'tiny' }, expect.stringMatching(/^a run of \d+ rows takes about \d+ ms, .*set model\.runtime to \{threads: 1\}/)],
    ];
    expect(warnings).toEqual(runtime === 'inline' ? long : []);
  },
);

describe('a run that does not end', () => {
  it('is given up after its time, and the next one has a new thread at once', async () => {
    const { logger, warnings } = recording();
    const { model, layout } = await load(slow, { runtime: { threads: 1 }, runTimeoutMs: 200, logger });
    const rows = floatRows(layout, [[3], [LONG], [4]]);
    rows.slices = [
      {
        records: { topic: 'in', partition: 5, offsets: Float64Array.of(7, 9, 11) } as unknown as Rows['slices'][number]['records'],
        from: 0,
        to: 3,
        fromRow: 0,
      },
    ];
    const scores = model.createScores(3);
    const thrown = await model.run(rows, 0, 3, scores).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(RunAbandoned);
    expect((thrown as RunAbandoned).message).toBe('no answer within 200 ms (model.runTimeoutMs)');
    expect((thrown as RunAbandoned).ranges).toMatchObject([{ fromRow: 0, toRow: 3 }]);
    expect(warnings.at(-1)).toEqual([
      { model: 'tiny 1', runTimeoutMs: 200, rows: 3, records: 'in-5 offset 7 to 11', hung: 1 },
      'a run of the model did not end in time: its thread is given up and replaced',
    ]);
    expect(model.threads).toEqual({ idle: 0, busy: 0, starting: 1, hung: 1, restarts: 1, timeouts: 1 });
    await model.run(rows, 2, 3, scores);
    expect(scores.score[2]).toBe(4);
    // It ends by itself when its run is over, and what it found is nobody's.
    await vi.waitFor(() => expect(model.threads).toMatchObject({ hung: 0 }), 50_000);
    expect([...scores.score]).toEqual([0, 0, 4]);
  });

  it('costs its row two deadlines and its company none', async () => {
    const { model, layout } = await load(slow, { runtime: { threads: 2 }, runTimeoutMs: 1_000 });
    const values = Array.from({ length: 64 }, (_, i) => [i]);
    values[40] = [LONG];
    const rows = floatRows(layout, values);
    const scores = await scoreAll(model, rows);
    expect(Array.from({ length: 64 }, (_, row) => rows.codeOf(row)).flatMap((code, row) => (code ? [[row, code]] : []))).toEqual([
      [40, 'inference_abandoned'],
    ]);
    expect(rows.messageOf(40)).toBe('Model tiny 1: no answer within 1000 ms (model.runTimeoutMs)');
    expect([...scores.score]).toEqual(values.map(([x], row) => (row === 40 ? Number.NaN : x)));
    expect(model.threads?.timeouts).toBe(2);
  });

  it.each(['ts', 'js'])('does not keep the process from ending with its exit code (.%s)', async (ending) => {
    const root = join(import.meta.dirname, '../../..');
    const built = join(root, '.weir', `build-${process.pid}`);
    onTestFinished(() => rmSync(built, { recursive: true, force: true }));
    if (ending === 'js') {
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      await exitCodeOf(spawn(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', built], { stdio: 'inherit' }));
    }
    const args = [join(import.meta.dirname, 'exit-in-run.ts'), packageFolder(slow), ending === 'js' ? built : root, ending];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await exitCodeOf(child)).toBe(7);
    expect(output).toBe('3\nRunAbandoned: no answer within 2000 ms (model.runTimeoutMs)\n');
  });
});

describe('a thread that dies', () => {
  const files = { 'model.onnx': sumModel(1), 'model.yaml': manifestOf(1) };

  async function dying(threads: number) {
    const pkg = await readModelPackage(packageFolder(files));
    const { logger, warnings } = recording();
    const entry = new URL('./dying-thread.ts', import.meta.url);
    const layout = layoutOf(pkg);
    const model = await loadThreadedModel(pkg, layout, { runtime: { threads }, logger, entry });
    onTestFinished(() => model.close());
    return { pkg, model, layout, warnings };
  }

  it('is replaced; its run is tried once more, then row by row', async () => {
    const { model, layout, warnings } = await dying(2);
    const rows = floatRows(layout, [[1], [13], [2]]);
    const scores = await scoreAll(model, rows);
    expect([0, 1, 2].map((row) => rows.codeOf(row))).toEqual([undefined, 'inference_abandoned', undefined]);
    expect(rows.messageOf(1)).toBe('Model tiny 1: its thread died twice: thirteen');
    expect([...scores.score]).toEqual([1, Number.NaN, 2]);
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toEqual([
      { model: 'tiny 1', reason: 'thirteen', rows: 3, records: '' },
      'a thread of the model died: it is replaced',
    ]);
    expect(model.threads).toMatchObject({ busy: 0, hung: 0, restarts: 4, timeouts: 0 });
  });

  it('ends the worker when the package has become another one', async () => {
    const { pkg, model, layout } = await dying(1);
    writeFileSync(join(pkg.folder, 'model.yaml'), manifestOf(1).replace('"1"', '"2"'));
    const run = scoreAll(model, floatRows(layout, [[13]]));
    await expect(run).rejects.toMatchObject({ code: 'model_invalid', message: expect.stringMatching(/is not the package any more/) });
  });
});
