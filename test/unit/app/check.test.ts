import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CheckReport, checkPipeline } from '../../../src/app/check.ts';
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
      - {name: seats, from: plane.seats}
outputs:
  score: {output: y}
`;
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
const DELAY = { name: 'delay', type: 'int' };
const ROUTE = {
  name: 'route',
  type: { type: 'record', name: 'Route', fields: [{ name: 'distance', type: ['null', 'long'], default: null }] },
};
const TAIL = { name: 'tail', type: ['null', 'string'], default: null };

interface Files {
  pipeline?: string;
  model?: string;
  event?: object;
  schemas?: Record<string, object>;
  width?: number;
  env?: Record<string, string>;
}

async function check({
  pipeline = PIPELINE,
  model = MODEL,
  event = recordSchema([DELAY, ROUTE, TAIL]),
  schemas = {},
  width = 3,
  env = {},
}: Files = {}): Promise<CheckReport> {
  const folder = pipelineFolder({
    'weir.yaml': pipeline,
    'event.avsc': event,
    'model/model.yaml': model,
    'model/model.onnx': sumModel(width),
    ...schemas,
  });
  return checkPipeline({
    config: join(folder, 'weir.yaml'),
    env,
    schemas: Object.keys(schemas).map((name) => join(folder, name)),
    logger: silentLogger,
  });
}

/** Findings as `title: severity: message`, with folders cut off. */
const told = ({ steps }: CheckReport): string[] =>
  steps.flatMap(({ title, findings }) => findings.map(({ severity, message, line }) => `${title}:${line ?? ''} ${severity}: ${message}`));
const sources = ({ columns }: CheckReport, schema = 0): string[] =>
  columns[schema]!.columns.map(({ column, kind, source }) => `${column}: ${kind}: ${source}`);

describe('weir check', () => {
  it('finds nothing wrong where nothing is, and says where values come from', async () => {
    const report = await check();
    expect(told(report)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.steps.map(({ title }) => title)).toEqual([
      'pipeline file',
      'model package',
      'reader schema',
      'event schema',
      'prediction schema',
    ]);
    expect(report.steps.at(-1)).toMatchObject({ detail: 'score of tiny 1 to p.predictions (single-object)', findings: [] });
    expect(sources(report)).toEqual([
      'delay: event: field of the event: int',
      'distance: event: field of the event: long, nullable',
      'seats: store: store main (redis), json at features:plane:<event.tail>; missing: NaN',
    ]);
  });

  it('shows a binding that the reader schema lacks, at the column', async () => {
    const report = await check({ event: recordSchema([{ name: 'Delay', type: 'int' }, ROUTE, TAIL]) });
    expect(report.ok).toBe(false);
    expect(told(report)[0]).toMatch(/^reader schema:7 error: event\.delay does not exist in record test\.Event\. Did you mean Delay\?$/);
  });

  it('shows a type that cannot fill the column', async () => {
    const report = await check({ event: recordSchema([{ name: 'delay', type: 'string' }, ROUTE, TAIL]) });
    expect(told(report)[0]).toMatch(/^reader schema:7 error: event\.delay is string, but column delay needs a number/);
  });

  it('shows a graph that does not fit the manifest', async () => {
    const report = await check({ width: 5 });
    expect(report.ok).toBe(false);
    expect(told(report).join('\n')).toMatch(/^model package:.*error: /m);
  });

  it('shows a group that the pipeline does not define, and what nobody uses', async () => {
    const undefinedGroup = await check({ pipeline: PIPELINE.replace('  plane: {', '  planes: {') });
    expect(told(undefinedGroup)).toEqual([
      'pipeline file:9 error: column seats is bound to feature group plane, which the pipeline file does not define under features; did you mean planes?',
    ]);
    expect(undefinedGroup.ok).toBe(false);
    expect(undefinedGroup.steps[0]!.findings[0]).toMatchObject({ file: expect.stringMatching(/model\.yaml$/) as string, column: 29 });
    const unused = await check({ model: MODEL.replace('plane.seats', 'event.delay') });
    expect(told(unused).filter((text) => text.startsWith('pipeline file'))).toEqual([
      'pipeline file:7 warning: features.plane is not used by any column of the model',
      'pipeline file:5 warning: stores.main is not used by any column of the model',
    ]);
    expect(unused.ok).toBe(true);
  });

  describe('fields that weir.yaml names', () => {
    const WITH_TIME = PIPELINE.replace('schema: event.avsc}', 'schema: event.avsc, eventTime: event.departedAt}');
    const DEPARTED = { name: 'departedAt', type: { type: 'long', logicalType: 'timestamp-millis' } };
    const inWeirYaml = (line: number, column: number) => ({ file: expect.stringMatching(/weir\.yaml$/) as string, line, column });

    it('must be in the event schema: what is not comes with its place and the nearest field', async () => {
      const report = await check({
        pipeline: WITH_TIME.replace('entity: event.tail', 'entity: event.tial').replace('departedAt', 'departdAt'),
        event: recordSchema([DELAY, ROUTE, TAIL, DEPARTED]),
      });
      expect(report.ok).toBe(false);
      expect(report.steps.find(({ title }) => title === 'reader schema')!.findings).toMatchObject([
        {
          severity: 'error',
          message: 'features.plane.entity: event.tial does not exist in record test.Event. Did you mean tail?',
          ...inWeirYaml(7, 32),
        },
        {
          severity: 'error',
          message: 'input.eventTime: event.departdAt does not exist in record test.Event. Did you mean departedAt?',
          ...inWeirYaml(3, 66),
        },
      ]);
    });

    it('must be of a type that can be one', async () => {
      const report = await check({
        pipeline: WITH_TIME,
        event: recordSchema([DELAY, ROUTE, { name: 'tail', type: 'double' }, { ...DEPARTED, type: 'string' }]),
      });
      expect(report.steps.find(({ title }) => title === 'reader schema')!.findings).toMatchObject([
        {
          message: expect.stringMatching(/^features\.plane\.entity: event\.tail is double, but the entity of group plane needs/) as string,
          ...inWeirYaml(7, 32),
        },
        {
          message: expect.stringMatching(/^input\.eventTime: event\.departedAt is string, but the event time needs/) as string,
          ...inWeirYaml(3, 66),
        },
      ]);
    });

    it('may be absent without a reader schema, which is said at the same places', async () => {
      const pipeline = PIPELINE.replace('schema: event.avsc', 'writerSchemas: [event.avsc]').replace(
        'format: plain',
        'format: single-object',
      );
      const report = await check({ pipeline: pipeline.replace('event.tail', 'event.tails') });
      expect(report.ok).toBe(true);
      expect(report.steps.find(({ title }) => title === 'event schema')!.findings).toMatchObject([
        {
          severity: 'warning',
          message:
            'features.plane.entity: event.tails does not exist in record test.Event. Did you mean tail? Such records have no value there.',
          ...inWeirYaml(7, 32),
        },
      ]);
    });

    it('are told of once for each place when a whole record is missing', async () => {
      const report = await check({
        model: MODEL.replace('      - {name: seats', '      - {name: airTime, from: event.route.airTime}\n      - {name: seats'),
        width: 4,
        event: recordSchema([DELAY, TAIL, { ...ROUTE, name: 'rout' }]),
      });
      expect(told(report).filter((text) => text.startsWith('reader schema'))).toEqual([
        'reader schema:8 error: event.route does not exist in record test.Event. Did you mean rout?',
        'reader schema:9 error: event.route does not exist in record test.Event. Did you mean rout?',
      ]);
    });
  });

  it('refuses a pipeline file that is not valid', async () => {
    await expect(check({ pipeline: 'name: p' })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('does a schema change still score?', () => {
  const READER = recordSchema([{ ...DELAY, default: 3 }, { ...ROUTE, default: { distance: null } }, TAIL]);

  it('yes, when the reader schema has a default for the field that went', async () => {
    const report = await check({ event: READER, schemas: { 'next.avsc': recordSchema([ROUTE]) } });
    expect(report.ok).toBe(true);
    expect(sources(report)[0]).toBe('delay: reader-default: not written; default of the reader schema: 3');
  });

  it('yes, when the type is promoted or the field renamed with an alias', async () => {
    const event = recordSchema([{ name: 'delay', type: 'double', aliases: ['lateness'] }, ROUTE, TAIL]);
    const report = await check({ event, schemas: { 'old.avsc': recordSchema([{ name: 'lateness', type: 'int' }, ROUTE, TAIL]) } });
    expect(told(report)).toEqual([]);
    expect(sources(report)[0]).toBe('delay: event: field of the event: int, read as double');
  });

  it('no, when a field without default goes', async () => {
    const report = await check({ schemas: { 'next.avsc': recordSchema([ROUTE, TAIL]) } });
    expect(report.ok).toBe(false);
    expect(told(report).join('\n')).toMatch(/event schema:.*error: .*delay/);
  });

  it('no, when a type narrows', async () => {
    const report = await check({ schemas: { 'next.avsc': recordSchema([{ name: 'delay', type: 'string' }, ROUTE, TAIL]) } });
    expect(report.ok).toBe(false);
  });

  it('no, without a reader schema, when a required column loses its field; a default column may', async () => {
    const pipeline = PIPELINE.replace('schema: event.avsc', 'writerSchemas: [event.avsc]').replace(
      'format: plain',
      'format: single-object',
    );
    const report = await check({ pipeline, schemas: { 'next.avsc': recordSchema([TAIL]), 'short.avsc': recordSchema([DELAY, TAIL]) } });
    expect(report.ok).toBe(false);
    expect(told(report)).toContainEqual(
      expect.stringMatching(
        /^event schema:7 error: column delay is required, but event\.delay is not in .*next\.avsc: every record would become a dead letter$/,
      ) as string,
    );
    expect(sources(report, 1)).toEqual([
      'delay: none: not written; required, so a dead letter',
      'distance: model-default: not written; default 7',
      'seats: store: store main (redis), json at features:plane:<event.tail>; missing: NaN',
    ]);
    expect(
      report.steps.find(({ detail }) => detail.endsWith('short.avsc'))?.findings.filter(({ severity }) => severity === 'error'),
    ).toEqual([]);
  });

  it('says that a schema file is none', async () => {
    const report = await check({ schemas: { 'next.avsc': { type: 'nope' } } });
    expect(report.ok).toBe(false);
    expect(told(report).join('\n')).toMatch(/event schema: error: .*next\.avsc/);
  });
});

describe('the reference profile', () => {
  const withReference = { pipeline: PIPELINE.replace('drift: {enabled: false}\n', ''), model: `${MODEL}reference: reference.json\n` };

  it('may be absent: drift is then not measured', async () => {
    const report = await check({ pipeline: withReference.pipeline });
    expect(report.ok).toBe(true);
    expect(told(report)).toContainEqual(expect.stringContaining('the package names no reference profile') as string);
  });

  it('may wait to be built, and is spoken of once', async () => {
    const report = await check(withReference);
    expect(report.ok).toBe(true);
    expect(told(report).filter((text) => text.includes('weir profile build')).length).toBe(1);
  });

  it('must be one when it is there', async () => {
    const report = await check({ ...withReference, schemas: {} });
    expect(report.ok).toBe(true);
    const folder = pipelineFolder({
      'weir.yaml': withReference.pipeline,
      'event.avsc': recordSchema([DELAY, ROUTE, TAIL]),
      'model/model.yaml': withReference.model,
      'model/model.onnx': sumModel(3),
      'model/reference.json': { format: 'something else' },
    });
    const broken = await checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, logger: silentLogger });
    expect(broken.ok).toBe(false);
    expect(told(broken).join('\n')).toMatch(/^reference profile: error: /m);
  });
});

it('extensions of kafkajs that are switched off are errors where exactly-once delivery would be unsound', async () => {
  const env = { WEIR_KAFKAJS_STOCK: 'stable-offsets' };
  expect(told(await check({ env }))).toEqual([expect.stringMatching(/^delivery: error: .*switches off stable-offsets/)]);
  const report = await check({ pipeline: `${PIPELINE}delivery: {mode: at-least-once}\n`, env });
  expect([report.ok, ...told(report)]).toEqual([true, expect.stringMatching(/^delivery: warning: .*stable-offsets/)]);
  expect(told(await check({ env: { WEIR_KAFKAJS_STOCK: 'nothing' } }))).toEqual([expect.stringMatching(/^delivery: error: .*nothing/)]);
});
