import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CheckStep } from '../../../src/app/check.ts';
import { checkModel } from '../../../src/app/model-checks.ts';
import { openPipelineFile } from '../../../src/config/index.ts';
import { slowModel, sumModel } from '../model/onnx-builder.ts';
import { manifestOf } from '../model/package-folder.ts';
import { pipelineFolder } from './pipeline-folder.ts';

async function check(model: Buffer, more = ''): Promise<CheckStep> {
  const folder = pipelineFolder({
    'weir.yaml': `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model${more}}
`,
    'event.avsc': '"int"',
    'model/model.yaml': manifestOf(1),
    'model/model.onnx': model,
  });
  const steps: CheckStep[] = [];
  expect(await checkModel(openPipelineFile(join(folder, 'weir.yaml'), {}), steps)).toMatchObject({ name: 'tiny' });
  return steps[0]!;
}

it('says what a run takes', async () => {
  const { detail, findings } = await check(sumModel(1));
  expect(detail).toMatch(/^tiny 1: 1 input, 1 columns, \d+ rows a run at [\d.e-]+ µs a row \(\d+\.\d ms\)$/);
  expect(findings).toEqual([]);
});

it('warns of a run that is too long for the event loop', async () => {
  // 30 ms and more on any machine.
  const slow = slowModel(1e5);
  const { detail, findings } = await check(slow);
  expect(detail).toMatch(/^tiny 1: 1 input, 1 columns, \d+ rows a run at /);
  expect(findings).toEqual([
    expect.objectContaining({
      severity: 'warning',
      line: 4,
      message: expect.stringMatching(/^model: a run of \d+ rows takes about \d+ ms, .*; set model\.runtime to \{threads: 1\}/),
    }),
  ]);
  expect((await check(slow, ', runtime: {threads: 2}')).findings).toEqual([]);
  expect((await check(slow, ', runtime: {threads: 2}, runTimeoutMs: 50')).findings).toEqual([
    expect.objectContaining({ severity: 'warning', message: expect.stringMatching(/model\.runTimeoutMs is 50/) }),
  ]);
});
