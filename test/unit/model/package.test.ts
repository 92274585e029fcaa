import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkModelPackage, inspectModel, readModelPackage } from '../../../src/model/index.ts';
import { sumModel } from './onnx-builder.ts';
import { manifestOf, packageFolder } from './package-folder.ts';

const model = sumModel(2);
const hash = createHash('sha256').update(model).digest('hex');

describe('readModelPackage', () => {
  it('reads a package whose hash fits, in either case', async () => {
    const folder = packageFolder({ 'model.onnx': model, 'model.yaml': manifestOf(2, `sha256: ${hash.toUpperCase()}\n`) });
    const pkg = await readModelPackage(folder);
    expect(pkg).toMatchObject({
      folder,
      name: 'tiny',
      version: '1',
      sha256: hash,
      golden: undefined,
      referenceFile: undefined,
      warnings: [],
    });
    expect(pkg.inputs[0]?.columns.map((c) => c.name)).toEqual(['c0', 'c1']);
  });

  it.each<[string, Record<string, string | Buffer>, RegExp]>([
    ['no manifest', {}, /model\.yaml: there is no model package here/],
    ['no model file', { 'model.yaml': manifestOf(2) }, /model\.onnx does not exist$/],
    [
      'another hash',
      { 'model.onnx': sumModel(3), 'model.yaml': manifestOf(2, `sha256: ${hash}\n`) },
      /model\.yaml:11:9: model\.onnx has SHA-256 [0-9a-f]{64}, not/,
    ],
    ['truncated file', { 'model.onnx': model.subarray(0, model.length - 20), 'model.yaml': manifestOf(2) }, /not a whole ONNX model/],
    ['a file that is no model', { 'model.onnx': 'hello', 'model.yaml': manifestOf(2) }, /not (a whole|an) ONNX model/],
    ['an empty file', { 'model.onnx': '', 'model.yaml': manifestOf(2) }, /is not an ONNX model: it has no IR version/],
    ['too new IR', { 'model.onnx': sumModel(2, { irVersion: 14 }), 'model.yaml': manifestOf(2) }, /IR version 14/],
    ['too new opset', { 'model.onnx': sumModel(2, { opset: 28 }), 'model.yaml': manifestOf(2) }, /opset 28/],
    [
      'no golden file',
      { 'model.onnx': model, 'model.yaml': manifestOf(2, 'golden: {file: golden.json}\n') },
      /:11:16: golden\.json does not exist/,
    ],
    ['a manifest that is wrong', { 'model.onnx': model, 'model.yaml': manifestOf(2, 'colour: red\n') }, /:11:1: unknown key colour/],
  ])('refuses %s', async (_, files, message) => {
    await expect(readModelPackage(packageFolder(files))).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(message),
    });
  });

  it('warns of a reference profile that is not built yet, and goes on', async () => {
    const folder = packageFolder({ 'model.onnx': model, 'model.yaml': manifestOf(2, 'reference: reference.json\n') });
    const { package: pkg, findings } = await checkModelPackage(folder);
    expect(findings).toEqual([
      expect.objectContaining({ severity: 'warning', line: 11, message: expect.stringContaining('weir profile build') }),
    ]);
    expect(pkg?.referenceFile).toMatch(/reference\.json$/);
    expect((await inspectModel(pkg!)).findings).toEqual(findings);
  });
});
