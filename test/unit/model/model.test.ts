import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rows } from '../../../src/core/rows.ts';
import { wantedOutputs } from '../../../src/model/outputs.ts';
import { modelContract } from '../../contract/model.ts';
import { buildOnnx, lookupModel, sumModel, TYPES } from './onnx-builder.ts';
import type { Runtime } from '../../../src/model/index.ts';
import { floatRows, load, manifestOf } from './package-folder.ts';

/** y = x · 1, label = argmax as int64, logits = x: [N,3] everywhere. */
const classifier = buildOnnx({
  inputs: [{ name: 'x', type: 'float32', shape: ['N', 3] }],
  outputs: [
    { name: 'y', type: 'float32', shape: ['N', 3] },
    { name: 'best', type: 'int64', shape: ['N'] },
    { name: 'unwanted', type: 'float32', shape: ['N', 3] },
  ],
  nodes: [
    { op: 'Identity', inputs: ['x'], outputs: ['y'] },
    { op: 'ArgMax', inputs: ['x'], outputs: ['best'], attributes: { axis: 1, keepdims: 0 } },
    { op: 'Neg', inputs: ['x'], outputs: ['unwanted'] },
  ],
});
const classifierManifest = `${manifestOf(3).replace('{output: y}', '{output: y, index: 1}')}  label: {output: best}\n  extras: [{name: logits, output: y}]\n`;

/** Numbers and two strings in, the strings out again. */
const texts = buildOnnx({
  inputs: [
    { name: 'x', type: 'float32', shape: ['N'] },
    { name: 'words', type: 'string', shape: ['N', 2] },
  ],
  outputs: [
    { name: 'y', type: 'float32', shape: ['N'] },
    { name: 'word', type: 'string', shape: ['N', 1] },
  ],
  nodes: [
    { op: 'Identity', inputs: ['x'], outputs: ['y'] },
    { op: 'Slice', inputs: ['words'], outputs: ['word'], attributes: { axes: [1], starts: [1], ends: [2] } },
  ],
  opset: 9,
});
const textsManifest = `name: texts
version: "2"
inputs:
  x: {type: float32, columns: [{name: x, from: event.x}]}
  words: {type: string, columns: [{name: first, from: event.first}, {name: second, from: place.second}]}
outputs:
  score: {output: y}
  label: {output: word}
`;

describe.each<[string, Runtime]>([
  ['on the event loop', 'inline'],
  ['in 2 threads', { threads: 2 }],
])('a model %s', (_, runtime) => {
  const open = (files: Readonly<Record<string, string | Buffer>>) => load(files, { runtime });

  modelContract('sum', async () => {
    const { model, layout } = await open({ 'model.onnx': sumModel(2), 'model.yaml': manifestOf(2) });
    return {
      model,
      rows: floatRows(
        layout,
        Array.from({ length: 8 }, (_, i) => [i, i / 2]),
      ),
    };
  });
  modelContract('sum in runs of at most 3 rows', async () => {
    const { model, layout } = await open({ 'model.onnx': sumModel(2), 'model.yaml': manifestOf(2, 'maxBatchRows: 3\n') });
    return {
      model,
      rows: floatRows(
        layout,
        Array.from({ length: 8 }, (_, i) => [i, i / 2]),
      ),
    };
  });

  it('reads the score column, int64 labels as text and extras, and leaves other outputs', async () => {
    const { model, layout } = await open({ 'model.onnx': classifier, 'model.yaml': classifierManifest });
    const rows = floatRows(layout, [
      [1, 5, 2],
      [9, 0.25, 3],
      [0, 1, 8],
    ]);
    const scores = model.createScores(3);
    await model.run(rows, 0, 3, scores);
    expect([...scores.score]).toEqual([5, 0.25, 1]);
    expect(scores.label).toEqual(['1', '0', '2']);
    expect(scores.extras.map((e) => e.name)).toEqual(['logits']);
    expect([...scores.extras[0]!.values]).toEqual([1, 5, 2, 9, 0.25, 3, 0, 1, 8]);
    await model.run(rows, 1, 2, scores);
    expect([...scores.extras[0]!.values]).toEqual([1, 5, 2, 9, 0.25, 3, 0, 1, 8]);
  });

  it('makes labels by threshold: at or above it is above', async () => {
    const more = '  label: {threshold: 0.5, above: late, below: on-time}\n';
    const { model, layout } = await open({ 'model.onnx': sumModel(1), 'model.yaml': manifestOf(1, more) });
    const scores = model.createScores(3);
    await model.run(floatRows(layout, [[0.49], [0.5], [7]]), 0, 3, scores);
    expect(scores.label).toEqual(['on-time', 'late', 'late']);
  });

  it('reads int32 labels, negative ones too, and float64 scores', async () => {
    const cast = sumModel(1, {
      outputs: [
        { name: 'y', type: 'float64', shape: ['N', 1] },
        { name: 'l', type: 'int32', shape: ['N', 1] },
      ],
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: TYPES.float64 } },
        { op: 'Cast', inputs: ['x'], outputs: ['l'], attributes: { to: TYPES.int32 } },
      ],
    });
    const { model, layout } = await open({ 'model.onnx': cast, 'model.yaml': manifestOf(1, '  label: {output: l}\n') });
    const scores = model.createScores(2);
    await model.run(floatRows(layout, [[-3], [2.5]]), 0, 2, scores);
    expect([...scores.score]).toEqual([-3, 2.5]);
    expect(scores.label).toEqual(['-3', '2']);
  });

  it('hands NaN and missing strings to the model, and [N] inputs as [N]', async () => {
    const { model, layout } = await open({ 'model.onnx': texts, 'model.yaml': textsManifest });
    const rows = new Rows(layout, 3);
    rows.count = 3;
    rows.floats[0]!.set([1.5, Number.NaN, 2]);
    rows.texts[1]!.setText(0, 'Zürich');
    rows.texts[1]!.setText(2, '');
    const scores = model.createScores(3);
    await model.run(rows, 0, 3, scores);
    expect([...scores.score]).toEqual([1.5, Number.NaN, 2]);
    expect(scores.label).toEqual(['Zürich', '', '']);
  });

  it('scores any rows as the sum of their columns, in runs of any size', async () => {
    const { model, layout } = await open({ 'model.onnx': sumModel(3), 'model.yaml': manifestOf(3, 'maxBatchRows: 5\n') });
    const number = fc.integer({ min: -1000, max: 1000 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 23 }), async (values) => {
        const scores = model.createScores(values.length);
        await model.run(floatRows(layout, values), 0, values.length, scores);
        expect([...scores.score]).toEqual(values.map(([a, b, c]) => a + b + c));
      }),
      { numRuns: 50 },
    );
  });

  it('throws what ONNX Runtime says when rows make a run fail, and goes on afterwards', async () => {
    const { model, layout } = await open({ 'model.onnx': lookupModel(), 'model.yaml': manifestOf(1) });
    const rows = floatRows(layout, [[1], [99], [2]]);
    const scores = model.createScores(3);
    await expect(model.run(rows, 0, 3, scores)).rejects.toThrow(/out of data bounds/);
    await expect(model.run(rows, 0, 3, scores)).rejects.not.toMatchObject({ code: 'model_invalid' });
    await model.run(rows, 2, 3, scores);
    expect(scores.score[2]).toBe(0.75);
  });
});

describe('loadModel', () => {
  it('says that the model is at fault when not even its warm-up row runs any more', async () => {
    const { model, layout } = await load({ 'model.onnx': sumModel(1), 'model.yaml': manifestOf(1) });
    await model.close();
    const running = model.run(floatRows(layout, [[1]]), 0, 1, model.createScores(1));
    await expect(running).rejects.toMatchObject({ code: 'model_invalid', message: expect.stringMatching(/^Model tiny 1 no longer runs/) });
  });

  it('refuses a model that cannot score zeros, which stand in for bad rows', async () => {
    const noZero = buildOnnx({
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
      constants: { table: [1, 2], hundred: [100] },
      nodes: [
        { op: 'Sub', inputs: ['x', 'hundred'], outputs: ['s'] },
        { op: 'Cast', inputs: ['s'], outputs: ['i'], attributes: { to: TYPES.int64 } },
        { op: 'Gather', inputs: ['table', 'i'], outputs: ['y'], attributes: { axis: 0 } },
      ],
    });
    await expect(load({ 'model.onnx': noZero, 'model.yaml': manifestOf(1) })).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(/fails on 4 rows of zeros and empty strings/),
    });
  });
});

describe('golden rows', () => {
  const golden = (rows: object[], scores: number[], more: object = {}): string => JSON.stringify({ rows, scores, ...more });
  const withGolden = (content: string, model = sumModel(2)) =>
    load({ 'model.onnx': model, 'model.yaml': manifestOf(2, 'golden: {file: golden.json}\n'), 'golden.json': content });

  it('pass when every score is within tolerance', async () => {
    const { model } = await withGolden(
      golden(
        [
          { c0: 1, c1: 2 },
          { c0: 0.5, c1: 0.25 },
        ],
        [3, 0.7500005],
      ),
    );
    expect(model.name).toBe('tiny');
  });

  it.each<[string, string, RegExp]>([
    [
      'another score',
      golden(
        [
          { c0: 1, c1: 2 },
          { c0: 3, c1: 4 },
        ],
        [3, 8],
      ),
      /golden\.json: row 1 scores 7 in a run of 32 rows, expected 8 \(difference 1\.0e\+0, tolerance 0\.000001\)/,
    ],
    ['NaN for a number', golden([{ c0: 1, c1: null }], [1]), /row 0 scores NaN/],
    ['an unknown column', golden([{ c0: 1, c1: 2, c2: 3 }], [3]), /row 0 has column c2, which the manifest does not list/],
    ['a column left out', golden([{ c0: 1 }], [1]), /row 0 lacks column c1; write null for no value/],
    ['text for a number', golden([{ c0: 1, c1: 'x' }], [1]), /row 0, column c1: a float column holds a string/],
    ['too few scores', golden([{ c0: 1, c1: 2 }], []), /1 rows, 0 scores; there must be as many of each/],
    ['too many labels', golden([{ c0: 1, c1: 2 }], [3], { labels: ['a', 'b'] }), /1 rows, 1 scores, 2 labels/],
    ['no rows', golden([], []), /golden\.json: rows: /],
    ['no JSON', 'hello', /golden\.json: .*JSON/],
  ])('fail on %s', async (_, content, message) => {
    await expect(withGolden(content)).rejects.toMatchObject({ code: 'model_invalid', message: expect.stringMatching(message) });
  });

  it('fail on a model whose score depends on its batch', async () => {
    // x minus the mean of the batch: 0 for a row alone.
    const centred = sumModel(2, {
      nodes: [
        { op: 'ReduceMean', inputs: ['x'], outputs: ['m'], attributes: { axes: [0], keepdims: 1 } },
        { op: 'Sub', inputs: ['x', 'm'], outputs: ['d'] },
        { op: 'ReduceSum', inputs: ['d'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } },
      ],
    });
    await expect(
      withGolden(
        golden(
          [
            { c0: 1, c1: 2 },
            { c0: 3, c1: 4 },
          ],
          [-2, 2],
        ),
        centred,
      ),
    ).rejects.toThrow(/row 0 scores 0 in a run of its own, expected -2/);
    const lenient = load({
      'model.onnx': centred,
      'model.yaml': manifestOf(2, 'golden: {file: golden.json, tolerance: 3}\n'),
      'golden.json': golden(
        [
          { c0: 1, c1: 2 },
          { c0: 7, c1: 8 },
        ],
        [-3, 3],
      ),
    });
    await expect(lenient).rejects.toThrow(/depends on the batch: 0 alone, -6 among 32 rows/);
  });

  it('give lists as arrays', async () => {
    const manifest = manifestOf(1, 'golden: {file: golden.json}\n').replace('event.c0}', 'event.c0, size: 3}');
    const withList = (value: unknown) =>
      load({ 'model.onnx': sumModel(3), 'model.yaml': manifest, 'golden.json': golden([{ c0: value }, { c0: [4, 5, 6] }], [6, 15]) });
    const { layout } = await withList([1, 2, 3]);
    expect(layout).toMatchObject({ floatWidths: [3], monitored: [], degradedWords: 1 });
    await expect(withList([1, 2])).rejects.toThrow(/row 0, column c0: it has 2 numbers, not 3/);
    await expect(withList(1)).rejects.toThrow(/row 0, column c0: a list of 3 numbers is wanted, not a number/);
    await expect(withList([1, null, 3])).rejects.toThrow(/row 0 scores NaN/);
    await expect(
      load({
        'model.onnx': sumModel(2),
        'model.yaml': manifestOf(2, 'golden: {file: golden.json}\n'),
        'golden.json': golden([{ c0: [1], c1: 2 }], [3]),
      }),
    ).rejects.toThrow(/row 0, column c0: a float column holds a list/);
  });

  it('hold labels, too', async () => {
    const rows = [{ c0: 1, c1: 5, c2: 2 }];
    const files = (label: string): Record<string, string | Buffer> => ({
      'model.onnx': classifier,
      'model.yaml': `${classifierManifest}golden: {file: golden.json}\n`,
      'golden.json': golden(rows, [5], { labels: [label] }),
    });
    expect((await load(files('1'))).model.version).toBe('1');
    await expect(load(files('2'))).rejects.toThrow(/row 0 has label 1 in a run of 32 rows, expected 2/);
  });
});

describe('wantedOutputs', () => {
  it('names each output that the manifest uses once, and no other', () => {
    const score = { output: 'y', index: 1 };
    expect(wantedOutputs({ score, extras: [] })).toEqual(['y']);
    expect(wantedOutputs({ score, label: { threshold: 0.5, above: 'a', below: 'b' }, extras: [] })).toEqual(['y']);
    const extras = [
      { name: 'all', output: 'y' },
      { name: 'other', output: 'z' },
    ];
    expect(wantedOutputs({ score, label: { output: 'l' }, extras })).toEqual(['y', 'z', 'l']);
  });
});
