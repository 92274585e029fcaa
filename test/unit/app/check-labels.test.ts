import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkPipeline } from '../../../src/app/check.ts';
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
outputs:
  score: {output: y}
`;
const LABEL = recordSchema([
  { name: 'order', type: 'string' },
  { name: 'isFraud', type: ['null', 'boolean'], default: null },
  { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
]);

/** What `weir check` says of `labels`, with folders and line numbers cut off. */
async function labelsStep(labels: string, label: object = LABEL): Promise<{ detail: string; findings: string[]; ok: boolean }> {
  const folder = pipelineFolder({
    'weir.yaml': `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
labels: {topic: truths, ${labels}}
`,
    'event.avsc': recordSchema([{ name: 'delay', type: 'int' }]),
    'label.avsc': label,
    'model/model.yaml': MODEL,
    'model/model.onnx': sumModel(1),
  });
  const { steps, ok } = await checkPipeline({ config: join(folder, 'weir.yaml'), env: {}, logger: silentLogger });
  const { detail, findings } = steps.find(({ title }) => title === 'labels')!;
  return { detail, ok, findings: findings.map(({ severity, message }) => `${severity}: ${message}`) };
}

const NO_PROFILE = 'warning: labels: the package names no reference profile, so labels are not joined';

it('says what labels are taken for', async () => {
  const step = await labelsStep('schema: label.avsc, value: event.isFraud, id: event.order, time: event.at, positive: {equals: true}');
  expect(step).toEqual({ ok: true, detail: 'truths: binary, event.isFraud by key; the verdict is about auc', findings: [NO_PROFILE] });
});

it('finds fields that labels do not have, or have with another type', async () => {
  const { ok, findings } = await labelsStep('schema: label.avsc, value: event.order, id: event.ordr, time: event.isFraud');
  expect(ok).toBe(false);
  expect(findings).toEqual([
    'error: labels.value: event.order is string, but column labels.value needs a number, boolean or decimal.',
    expect.stringContaining('error: labels.id: event.ordr does not exist in record test.Event.'),
    expect.stringContaining('error: labels.time: event.isFraud is boolean, but the event time needs a long'),
    NO_PROFILE,
  ]);
});

it('holds writer schemas against labels where there is no reader schema', async () => {
  const { ok, findings } = await labelsStep('writerSchemas: [label.avsc], value: event.order');
  expect(ok).toBe(false);
  expect(findings[0]).toContain('labels.value: ');
});

it('refuses a measure that the task has not', async () => {
  const { ok, findings } = await labelsStep('schema: label.avsc, value: event.isFraud, metric: auc');
  expect(ok).toBe(false);
  expect(findings).toEqual([expect.stringContaining('error: labels.metric: auc is not defined for regression')]);
});

it('says so when no schema of labels is known', async () => {
  const { ok, findings } = await labelsStep('format: json, value: event.isFraud');
  expect({ ok, findings }).toEqual({ ok: true, findings: [NO_PROFILE] });
});
