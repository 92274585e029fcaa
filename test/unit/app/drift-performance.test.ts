import { expect, test } from 'vitest';
import { mergedPerformanceOf } from '../../../src/app/drift-performance.ts';
import { topicSpecs } from '../../../src/app/topics.ts';
import { openPipelineFile, type PipelineConfig } from '../../../src/config/index.ts';
import { referenceOf } from '../drift/support.ts';
import { pipelineFolder } from './pipeline-folder.ts';

const labels = `
labels: {topic: truth, value: event.isFraud, ttlMs: 3d, maxDrop: 0.1, minSamples: 70, topicConfig: {retention.ms: "1"}}
`;

function configOf(more: string): PipelineConfig {
  const folder = pipelineFolder({
    'weir.yaml': `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
output: {predictions: {format: plain}}
${more}`,
    'event.avsc': '"int"',
    'model/model.yaml': '',
  });
  return openPipelineFile(`${folder}/weir.yaml`, {}).config!;
}

const outputs = { score: { output: 'p' }, label: { threshold: 0.3, above: 'y', below: 'n' }, extras: [] };
const reference = referenceOf(500);

test('what a merger counts of labels follows from the pipeline and the model', async () => {
  const config = configOf(labels.replace('value:', 'schema: event.avsc, value:'));
  const subjects: string[] = [];
  const made = await mergedPerformanceOf(config, outputs, reference, async (schema, topic) => {
    subjects.push(`${(schema as { name: string }).name} ${topic}`);
    return { prefix: Buffer.from(topic) };
  });
  // The profiles topic has a schema of its own, under its own name.
  expect(subjects).toEqual(['PerformanceStatistics p.performance', 'PerformanceDelta p.drift-profiles-performance']);
  expect(made).toMatchObject({ topic: 'p.performance', ttlMs: 3 * 86_400_000, metric: 'auc', maxDrop: 0.1, minSamples: 70 });
  expect(made!.layout).toMatchObject({ task: { kind: 'binary', threshold: 0.3 }, edges: reference.prediction.edges });
  expect(await mergedPerformanceOf(configOf(''), outputs, reference, () => expect.unreachable())).toBeUndefined();
});

test('deltas are kept for twice the longest window of fixed time, three days at least', () => {
  const retentionOf = (windows: string): unknown =>
    topicSpecs(configOf(`drift: {windows: [${windows}]}`)).find(({ role }) => role === 'drift profiles')!.config!['retention.ms'];
  expect(['1h', '7d, 500 rows', '500 rows'].map(retentionOf)).toEqual([3, 14, 3].map((days) => String(days * 86_400_000)));
});

test('labels need two topics, of which one belongs to others', () => {
  const of = (config: PipelineConfig, partitions?: number) =>
    topicSpecs(config, partitions).filter(({ role }) => role === 'labels' || role === 'performance');
  expect(of(configOf(''))).toEqual([]);
  const config = configOf(labels.replace('value:', 'schema: event.avsc, value:'));
  expect(of(config)).toMatchObject([
    { topic: 'truth', partitions: 'input', isInput: true, config: { 'retention.ms': '1' } },
    { topic: 'p.performance', partitions: 1, config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * 86_400_000) } },
  ]);
  expect(of(config, 6)[0]).toMatchObject({ partitions: 6 });
});
