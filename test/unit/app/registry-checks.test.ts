import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CheckReport, checkPipeline } from '../../../src/app/check.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { sumModel } from '../model/onnx-builder.ts';
import { manifestOf } from '../model/package-folder.ts';
import { pipelineFolder, recordSchema } from './pipeline-folder.ts';

type Answers = Readonly<Record<string, { status: number; body: object }>>;

/** A schema registry that knows these answers by `METHOD path`, and 404/40401 otherwise. */
async function registry(answers: Answers): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const what = `${request.method} ${request.url}`;
    asked.push(what);
    const { status, body } = answers[what] ?? { status: 404, body: { error_code: 40401, message: 'Subject not found.' } };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`, asked };
}

async function check(url: string): Promise<CheckReport> {
  const folder = pipelineFolder({
    'weir.yaml': `name: p
kafka: {brokers: "a:1"}
registry: {url: "${url}"}
input: {topic: in, format: confluent}
model: {package: model}
drift: {enabled: false}
`,
    'model/model.yaml': manifestOf(1),
    'model/model.onnx': sumModel(1),
  });
  return checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, registry: true, logger: silentLogger });
}

const step = ({ steps }: CheckReport, title: string): unknown => {
  const found = steps.find((candidate) => candidate.title === title);
  return found && [found.detail, ...found.findings.map(({ severity, message }) => `${severity}: ${message}`)];
};

const EVENT = recordSchema([{ name: 'c0', type: 'int' }]);
const LATEST = { status: 200, body: { subject: 'in-value', version: 2, id: 7, schema: JSON.stringify(EVENT) } };
const BY_ID = { status: 200, body: { schema: JSON.stringify(EVENT) } };

describe('weir check --registry', () => {
  it('checks the latest schema of the input topic, and says that the output will be registered', async () => {
    const { url, asked } = await registry({ 'GET /base/subjects/in-value/versions/latest': LATEST, 'GET /base/schemas/ids/7': BY_ID });
    const report = await check(url);
    expect(report.ok).toBe(true);
    expect(step(report, 'event schema')).toEqual(['latest of in-value']);
    expect(report.columns[0]?.columns[0]).toMatchObject({ kind: 'event', source: 'field of the event: int' });
    expect(step(report, 'prediction schema')).toEqual(['p.predictions-value: will be registered']);
    // Nothing is registered by a check.
    expect(asked.filter((what) => what.startsWith('POST'))).toEqual([]);
  });

  it.each([
    [true, ['p.predictions-value']],
    [false, ['p.predictions-value', expect.stringMatching(/^error: the prediction schema of this version of weir is not compatible/)]],
  ])('asks whether the prediction schema is compatible (%s)', async (isCompatible, expected) => {
    const { url } = await registry({
      'GET /base/subjects/in-value/versions/latest': LATEST,
      'GET /base/schemas/ids/7': BY_ID,
      'GET /base/subjects/p.predictions-value/versions/latest': { status: 200, body: { id: 9, schema: '"long"' } },
      'POST /base/compatibility/subjects/p.predictions-value/versions/latest': { status: 200, body: { is_compatible: isCompatible } },
    });
    const report = await check(url);
    expect(step(report, 'prediction schema')).toEqual(expected);
    expect(report.ok).toBe(isCompatible);
  });

  it('tells what the registry lacks, and that it is not there', async () => {
    const { url } = await registry({});
    const report = await check(url);
    expect(report.ok).toBe(false);
    expect(step(report, 'event schema')).toEqual(['latest of in-value', 'error: The schema registry has no subject in-value.']);
    const unreachable = await check('http://127.0.0.1:1');
    expect(unreachable.ok).toBe(false);
    expect(JSON.stringify(step(unreachable, 'event schema'))).toContain('error: ');
  });
});
