import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CheckStep } from '../../../src/app/check.ts';
import { checkPredictionSchema } from '../../../src/app/prediction-checks.ts';
import { parsePipeline } from '../../../src/config/index.ts';
import { readOwnSchema } from '../../../src/core/own-schemas.ts';
import { readModelPackage } from '../../../src/model/index.ts';
import { sumModel } from '../model/onnx-builder.ts';
import { manifestOf } from '../model/package-folder.ts';
import { pipelineFolder, recordSchema } from './pipeline-folder.ts';

const PIPELINE = `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
`;

/** What is said of a schema by a model that answers with a score, a label and a further output. */
async function stepFor(schema: unknown): Promise<CheckStep> {
  const folder = pipelineFolder({
    'weir.yaml': PIPELINE,
    'event.avsc': {},
    'model/model.yaml': manifestOf(1),
    'model/model.onnx': sumModel(1),
  });
  const pkg = await readModelPackage(join(folder, 'model'));
  const outputs = { ...pkg.outputs, label: { threshold: 0.5 } as never, extras: [{ name: 'embedding', output: 'y' }] };
  return checkPredictionSchema(parsePipeline(PIPELINE, join(folder, 'weir.yaml'), {}), { ...pkg, outputs }, schema);
}

it('finds nothing wrong with our own schema, and says what goes where', async () => {
  expect(await stepFor(readOwnSchema('prediction'))).toMatchObject({
    title: 'prediction schema',
    detail: expect.stringMatching(/^score, label, outputs\.embedding of \S+ \S+ to p\.predictions \(single-object\)$/) as string,
    findings: [],
  });
});

it('says what a schema has no place for', async () => {
  const { findings } = await stepFor(recordSchema([{ name: 'score', type: 'float' }]));
  expect(findings.map(({ message }) => message)).toEqual([
    'record test.Event has no field score that holds a double, which the model answers with',
    'record test.Event has no field label that holds a string, which the model answers with',
    'record test.Event has no field outputs that holds a map of lists of floats, which the model answers with',
  ]);
});

it('says that a schema is none', async () => {
  expect((await stepFor({ type: 'nope' })).findings).toMatchObject([{ severity: 'error' }]);
  expect((await stepFor('long')).findings).toMatchObject([{ message: 'predictions are long, not a record' }]);
});
