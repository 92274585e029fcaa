import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkPipeline } from '../../../src/app/check.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { sumModel } from '../model/onnx-builder.ts';
import { pipelineFolder, recordSchema } from './pipeline-folder.ts';

const PIPELINE = `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
stores:
  main: {kind: redis, url: "redis://h"}
features:
  plane: {store: main, entity: event.tail}
model: {package: model}
drift: {enabled: false}
`;
const EVENT = recordSchema([
  { name: 'seats', type: 'int' },
  { name: 'tail', type: ['null', 'string'], default: null },
]);

/** Findings about a column that is compared with a place, as `file:line:column severity: message`. */
async function findings(place: string): Promise<string[]> {
  const model = `name: tiny
version: "1"
inputs:
  x: {type: float32, columns: [{name: seats, from: plane.seats,
    compareWith: ${place}}]}
outputs:
  score: {output: y}
`;
  const folder = pipelineFolder({
    'weir.yaml': PIPELINE,
    'event.avsc': EVENT,
    'model/model.yaml': model,
    'model/model.onnx': sumModel(1),
  });
  const { steps } = await checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, schemas: [], logger: silentLogger });
  return steps.flatMap((step) =>
    step.findings.map(({ severity, message, line, file }) => `${file?.split('/').at(-1)}:${line} ${severity}: ${message}`),
  );
}

describe('weir check on what a column is compared with', () => {
  it('finds nothing wrong where nothing is', async () => {
    expect(await findings('event.seats')).toEqual([]);
  });

  it.each([
    [
      'planes.seats',
      'column seats is compared with feature group planes, which the pipeline file does not define under features; did you mean plane?',
    ],
    ['event.seat', 'event.seat does not exist in record test.Event. Did you mean seats?'],
    ['event.tail', 'event.tail is string, but the comparison of seats needs a number, boolean or decimal.'],
    ['plane.seats', 'column seats: compareWith names the same place as from; name the other one, or remove it'],
  ])('%s: at its line', async (place, message) => {
    expect((await findings(place))[0]).toBe(`model.yaml:5 error: ${message}`);
  });
});
