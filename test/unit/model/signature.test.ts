import { describe, expect, it } from 'vitest';
import { inspectModel, readModelPackage } from '../../../src/model/index.ts';
import { formatFindings } from '../../../src/yaml/document.ts';
import { buildOnnx, type ModelSpec, sumModel, TYPES } from './onnx-builder.ts';
import { load, manifestOf, packageFolder } from './package-folder.ts';

async function findingsOf(model: Buffer, manifest: string): Promise<string[]> {
  const pkg = await readModelPackage(packageFolder({ 'model.onnx': model, 'model.yaml': manifest }));
  const text = formatFindings((await inspectModel(pkg)).findings).replaceAll(`${pkg.folder}/`, '');
  return text === '' ? [] : text.split('\n');
}

/** A model whose only input is cast to float before it is summed. */
function castModel(type: 'float64' | 'int64' | 'bool'): Buffer {
  return sumModel(2, {
    inputs: [{ name: 'x', type, shape: ['N', 2] }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['f'], attributes: { to: TYPES.float32 } },
      { op: 'ReduceSum', inputs: ['f'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } },
    ],
  });
}

/** Two inputs, added. */
const twoInputs: ModelSpec = {
  inputs: [
    { name: 'x', type: 'float32', shape: ['N', 2] },
    { name: 'z', type: 'float32', shape: ['N', 2] },
  ],
  outputs: [{ name: 'y', type: 'float32', shape: ['N', 2] }],
  nodes: [{ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }],
};

describe('signatureFindings', () => {
  it('says nothing when graph and manifest agree', async () => {
    expect(await findingsOf(sumModel(2), manifestOf(2))).toEqual([]);
  });

  it('finds a wrong width', async () => {
    expect(await findingsOf(sumModel(3), manifestOf(2))).toEqual([
      'model.yaml:6:5: input x of the model has 3 columns, the manifest lists 2',
    ]);
  });

  it('finds inputs that are missing on either side', async () => {
    expect(await findingsOf(buildOnnx(twoInputs), manifestOf(2).replace('score: {output: y}', 'score: {output: y, index: 0}'))).toEqual([
      'model.yaml:3:1: the model needs input z (float32[N,2]), which the manifest does not give it',
    ]);
    expect(await findingsOf(sumModel(2), manifestOf(2).replace('  x:', '  X:'))).toEqual([
      'model.yaml:4:3: the model has no input X; did you mean x?',
      'model.yaml:3:1: the model needs input x (float32[N,2]), which the manifest does not give it',
    ]);
  });

  it.each([
    ['float64', /input x of the model is float64, which weir does not feed; export it with float32 inputs/],
    ['int64', /is int64, which weir does not feed; export it with a float32 input and a Cast to int64/],
    ['bool', /is bool, which weir does not feed/],
  ] as const)('says what to do about %s inputs', async (type, message) => {
    expect(await findingsOf(castModel(type), manifestOf(2))).toEqual([expect.stringMatching(message)]);
  });

  it('finds strings fed as numbers', async () => {
    expect(await findingsOf(sumModel(2), manifestOf(2).replace('float32', 'string'))).toEqual([
      'model.yaml:5:11: input x of the model is float32, not string',
    ]);
  });

  it('finds a fixed number of rows and a third dimension', async () => {
    expect(await findingsOf(sumModel(2, { inputs: [{ name: 'x', type: 'float32', shape: [1, 2] }] }), manifestOf(2))).toEqual([
      expect.stringMatching(/input x takes exactly 1 rows \(float32\[1,2\]\); export it with a dynamic first dimension/),
    ]);
    const cube = sumModel(2, {
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 2, 2] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 1, 2] }],
    });
    expect(await findingsOf(cube, manifestOf(2))).toEqual([
      expect.stringMatching(/input x has float32\[N,2,2\]; weir feeds \[rows, columns\]/),
      expect.stringMatching(/output y has float32\[N,1,2\]; a score is \[N\] or \[N,k\]/),
    ]);
  });

  it('finds outputs that are not there, or no tensors, or of the wrong type', async () => {
    expect(await findingsOf(sumModel(2), manifestOf(2).replace('output: y', 'output: Y'))).toEqual([
      'model.yaml:10:19: the model has no output Y; did you mean y?',
    ]);
    const sequence = sumModel(2, {
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 1], sequence: true }],
      nodes: [
        { op: 'ReduceSum', inputs: ['x'], outputs: ['s'], attributes: { axes: [1], keepdims: 1 } },
        { op: 'SequenceConstruct', inputs: ['s'], outputs: ['y'] },
      ],
    });
    expect(await findingsOf(sequence, manifestOf(2))).toEqual([expect.stringMatching(/output y is a sequence or map.*zipmap/)]);
    expect(await findingsOf(sumModel(2), manifestOf(2, '  label: {output: y}\n'))).toEqual([
      expect.stringMatching(/output y is float32\[N,1\]; a label must be int64 or int32 or string/),
    ]);
  });

  it('wants an index for a score of several columns, and one that is there', async () => {
    const pass = sumModel(2, {
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 2] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    });
    expect(await findingsOf(pass, manifestOf(2))).toEqual([
      'model.yaml:10:3: output y has 2 columns; say which one is the score: index: 1',
    ]);
    expect(await findingsOf(pass, manifestOf(2).replace('output: y', 'output: y, index: 2'))).toEqual([
      'model.yaml:10:3: output y has 2 columns; index 2 is none of 0 to 1',
    ]);
  });

  it('finds at warm-up what declared shapes hide', async () => {
    const hidden = sumModel(2, {
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 'K'] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    });
    expect(await findingsOf(hidden, manifestOf(2))).toEqual([expect.stringMatching(/output y has 2 columns; say which one/)]);
    const oneForAll = sumModel(2, {
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 'K'] }],
      nodes: [{ op: 'ReduceSum', inputs: ['x'], outputs: ['y'], attributes: { axes: [0, 1], keepdims: 1 } }],
    });
    expect(await findingsOf(oneForAll, manifestOf(2))).toEqual([
      expect.stringMatching(/Output y has shape \[1,1\] for 4 rows; the first dimension must be the rows/),
    ]);
  });

  it('says what ONNX Runtime says of a graph that is no good', async () => {
    const unknownOperator = sumModel(2, { nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }] });
    expect(await findingsOf(unknownOperator, manifestOf(2))).toEqual([
      expect.stringMatching(
        /ONNX Runtime refuses .*model\.onnx \(IR version 8, opsets ai\.onnx 11, written by onnx-builder 1\): .*NoSuchOperator/,
      ),
    ]);
  });

  it('stops the loading, too', async () => {
    await expect(load({ 'model.onnx': sumModel(3), 'model.yaml': manifestOf(2) })).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(/model\.yaml:6:5: input x of the model has 3 columns/),
    });
  });
});
