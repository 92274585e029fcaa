import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CheckOptions, type CheckReport, checkPipeline } from '../../../src/app/check.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { sumModel } from '../model/onnx-builder.ts';
import { pipelineFolder, recordSchema } from './pipeline-folder.ts';

const MODEL = `name: tiny
version: "1"
inputs:
  x:
    type: float32
    columns:
      - {name: delay, from: event.delay, required: true}
      - {name: distance, from: event.route.distance, default: 7}
      - {name: pixels, from: event.data, size: 784, min: 0, max: 1}
outputs:
  score: {output: y}
`;
const PIPELINE = `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: json}
model: {package: model}
drift: {enabled: false}
`;

async function check(model = MODEL, pipeline = PIPELINE, more: Partial<CheckOptions> = {}): Promise<CheckReport> {
  const folder = pipelineFolder({
    'weir.yaml': pipeline,
    'model/model.yaml': model,
    'model/model.onnx': sumModel(786),
    'event.avsc': recordSchema([
      { name: 'delay', type: 'int' },
      { name: 'data', type: { type: 'array', items: 'float' } },
    ]),
  });
  return checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, logger: silentLogger, ...more });
}

const told = ({ steps }: CheckReport): string[] =>
  steps.flatMap(({ title, findings }) => findings.map(({ severity, message, line }) => `${title}:${line ?? ''} ${severity}: ${message}`));

describe('weir check with JSON events', () => {
  it('finds nothing wrong where nothing is, and says where values come from', async () => {
    const report = await check();
    expect(told(report)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.steps.map(({ title, detail }) => `${title}: ${detail}`)).toEqual([
      expect.stringMatching(/^pipeline file: /),
      expect.stringMatching(/^model package: tiny 1: 1 input, 786 columns, \d+ rows a run at /),
      'event: JSON objects, 3 fields bound; no schema to check them against',
      'prediction schema: score of tiny 1 to p.predictions (single-object)',
    ]);
    expect(report.columns.map(({ schema }) => schema)).toEqual(['JSON']);
    expect(report.columns[0]!.columns.map(({ column, binding, source }) => `${column}: ${binding}: ${source}`)).toEqual([
      'delay: event.delay: field of the JSON object; absent or null: required, so a dead letter',
      'distance: event.route.distance: field of the JSON object; absent or null: default 7',
      'pixels: event.data: list of 784 numbers of the JSON object; absent or null: NaN',
    ]);
  });

  it('shows bindings that one object cannot fill', async () => {
    const report = await check(MODEL.replace('event.route.distance', 'event.data'));
    expect(report.ok).toBe(false);
    expect(told(report)).toEqual([
      'event:8 error: event.data is a list for column pixels and can fill nothing else, but column distance is bound to it too.',
      'event:9 error: event.data is a list for column pixels and can fill nothing else, but column distance is bound to it too.',
    ]);
    const nested = await check(MODEL.replace('event.delay', 'event.route'));
    expect(told(nested)).toEqual(['event:7 error: event.route cannot be both a value for column delay and an object with distance.']);
  });

  it('warns when any object would do', async () => {
    const report = await check(MODEL.replace(', required: true', ''));
    expect(told(report)).toEqual([expect.stringMatching(/^event:3 warning: no column of the event is required: /)]);
    expect(report.ok).toBe(true);
  });

  it('has no use for schemas, and none for a registry that is not there', async () => {
    expect(told(await check(MODEL, PIPELINE, { schemas: ['event.avsc'], registry: true }))).toEqual([
      expect.stringMatching(/^event: error: --schema has no meaning with input\.format json/),
      'event: error: --registry needs registry.url in the pipeline file',
    ]);
  });

  it('shows a width that the model does not have', async () => {
    const report = await check(MODEL.replace('size: 784', 'size: 785'));
    expect(told(report)).toEqual(['model package:6 error: input x of the model has 786 columns, the manifest lists 787']);
  });

  it('refuses lists in Avro events', async () => {
    const report = await check(MODEL, PIPELINE.replace('format: json', 'format: plain, schema: event.avsc'));
    expect(report.ok).toBe(false);
    expect(told(report)).toEqual([
      'event schema:9 error: column pixels is a list (size), and lists are read from JSON only: remove size, or set input.format to json',
    ]);
  });
});
