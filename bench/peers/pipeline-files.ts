/** Writes what weir needs to work a contract off: a pipeline file and a model package with a reference profile. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { numericFeatureFrom } from '../../src/drift/reference-builder.ts';
import { REFERENCE_FORMAT, referenceProfileFrom, SCORE_NAME, serializeReferenceProfile } from '../../src/drift/reference-profile.ts';
import { type Contract, LIST_LENGTH, NUMBERS } from './contract.ts';

const MODEL = { name: 'peers', version: 'v1' };
/** Values of the sample that stands for training data. */
const SAMPLE = 20_000;

/** @returns path of the pipeline file */
export async function writePipeline(contract: Contract, folder: string, registryUrl: string): Promise<string> {
  const pkg = join(folder, 'model');
  mkdirSync(pkg, { recursive: true });
  copyFileSync(contract.modelFile, join(pkg, 'model.onnx'));
  writeFileSync(join(pkg, 'model.yaml'), await manifest(pkg, contract));
  writeFileSync(join(pkg, 'reference.json'), reference(contract));
  const path = join(folder, 'weir.yaml');
  writeFileSync(path, pipeline(contract, pkg, registryUrl));
  return path;
}

const numbers = Array.from({ length: NUMBERS }, (_, i) => `f${i}`);
const features = Array.from({ length: NUMBERS }, (_, i) => `g${i}`);

async function manifest(folder: string, { workload }: Contract): Promise<string> {
  const session = await InferenceSession.create(join(folder, 'model.onnx'));
  const [input] = session.inputNames;
  const output = session.outputNames.at(-1)!;
  // A classifier gives its label first and the probabilities of both classes then.
  const score = session.outputNames.length > 1 ? `{output: ${output}, index: 1}` : `{output: ${output}}`;
  await session.release();
  const columns =
    workload === 'w1'
      ? [`{name: data, from: event.data, size: ${LIST_LENGTH}, required: true, min: 0, max: 1}`]
      : [
          ...numbers.map((name) => `{name: ${name}, from: event.${name}, min: 0, max: 1}`),
          ...features.map((name) => `{name: ${name}, from: user.${name}, min: 0, max: 1}`),
        ];
  const outputs =
    workload === 'w1' ? `  score: {output: ${output}, index: 0}\n  extras: [{name: ${output}, output: ${output}}]` : `  score: ${score}`;
  return `name: ${MODEL.name}
version: ${MODEL.version}
inputs:
  ${input}:
    type: float32
    columns:
${columns.map((column) => `      - ${column}\n`).join('')}outputs:
${outputs}
reference: reference.json
`;
}

/** All numbers are uniform between 0 and 1; of the score nothing better is known. */
function reference({ workload }: Contract): string {
  const uniform = Float32Array.from({ length: SAMPLE }, (_, i) => (i + 0.5) / SAMPLE);
  return serializeReferenceProfile(
    referenceProfileFrom({
      format: REFERENCE_FORMAT,
      model: MODEL,
      rows: SAMPLE,
      observedRows: SAMPLE,
      // Lists of numbers are not counted one by one.
      features: workload === 'w1' ? [] : [...numbers, ...features].map((name) => numericFeatureFrom(name, uniform)),
      prediction: numericFeatureFrom(SCORE_NAME, uniform),
    }),
  );
}

function pipeline(
  { brokers, inputTopic, outputTopic, groupId, redis, layout, delivery, workload }: Contract,
  pkg: string,
  registryUrl: string,
): string {
  const user =
    layout === 'packed'
      ? `layout: float32, fields: [${features.join(', ')}], keyPrefix: "fp:user:"`
      : 'layout: hash, keyPrefix: "features:user:"';
  const input = workload === 'w1' ? 'format: json, eventTime: event.ts' : 'format: confluent, eventTime: event.event_time';
  const stores = `stores: {main: {kind: redis, url: ${JSON.stringify(`redis://${redis}`)}}}
features:
  user: {store: main, entity: event.entity_id, ${user}}
`;
  return `name: ${JSON.stringify(outputTopic)}
kafka: {brokers: ${JSON.stringify(brokers)}, groupId: ${JSON.stringify(groupId)}}
registry: {url: ${JSON.stringify(registryUrl)}}
input: {topic: ${JSON.stringify(inputTopic)}, ${input}}
${workload === 'w1' ? '' : stores}model: {package: ${JSON.stringify(pkg)}}
delivery: {mode: ${delivery}}
output:
  predictions: {topic: ${JSON.stringify(outputTopic)}}
ops: {port: 0}
`;
}
