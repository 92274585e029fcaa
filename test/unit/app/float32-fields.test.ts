import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CheckReport, checkPipeline } from '../../../src/app/check.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { sumModel } from '../model/onnx-builder.ts';
import { pipelineFolder, recordSchema } from './pipeline-folder.ts';

const MODEL = `name: tiny
version: "1"
inputs:
  x: {type: float32, columns: [{name: seats, from: plane.seats}]}
outputs:
  score: {output: y}
`;

/** Checks a pipeline whose feature group has these settings besides store and entity. */
async function check(settings: string): Promise<CheckReport> {
  const folder = pipelineFolder({
    'weir.yaml': `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
stores: {main: {kind: redis, url: "redis://h"}}
features:
  plane: {store: main, entity: event.tail, ${settings}}
model: {package: model}
drift: {enabled: false}
`,
    'event.avsc': recordSchema([{ name: 'tail', type: 'string' }]),
    'model/model.yaml': MODEL,
    'model/model.onnx': sumModel(1),
  });
  return await checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, logger: silentLogger });
}

describe('the fields of layout float32', () => {
  it.each([
    ['layout: float32', 'features.plane.layout: float32 rows do not say what they hold; add fields'],
    ['layout: float32, fields: [x, y, x]', 'features.plane.fields: x is there twice'],
    ['layout: float32, fields: [x], maxAgeMs: 5s', 'features.plane.maxAgeMs: float32 rows do not say when they were written'],
    ['layout: hash, fields: [x]', 'features.plane.fields: has a meaning for layout float32 only'],
  ])('are held against the other settings: %s', async (settings, message) => {
    await expect(check(settings)).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining(message) as string });
  });

  it('must hold the features that the columns of the model are bound to', async () => {
    const report = await check('layout: float32, fields: [doors, wings]');
    expect(report.ok).toBe(false);
    expect(report.steps[0]!.findings).toMatchObject([
      {
        severity: 'error',
        message: 'features.plane.fields: seats is not among the fields of its rows: doors, wings',
        file: expect.stringMatching(/weir\.yaml$/) as string,
        line: 6,
      },
    ]);
    expect((await check('layout: float32, fields: [doors, seats]')).ok).toBe(true);
  });
});
