import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadPipelineFile } from '../../../src/config/index.ts';
import { pipelineFolder } from '../app/pipeline-folder.ts';

it.each([
  ['', 4_096],
  ['flow: {maxQueuedRows: 1000}', 500],
  ['flow: {maxQueuedRows: 1}\nbatch: {maxRows: 1}', 1],
])('takes micro-batches that fit the queue when nothing is said: %s', (sections, maxRows) => {
  const folder = pipelineFolder({
    'weir.yaml': `name: p\nkafka: {brokers: "a:1"}\ninput: {topic: in, format: plain, schema: event.avsc}\nmodel: {package: model}\n${sections}\n`,
    'event.avsc': {},
    'model/model.yaml': '',
  });
  expect(loadPipelineFile(join(folder, 'weir.yaml'), {}).batch.maxRows).toBe(maxRows);
});

it('finds pinned windows beside the pipeline file', () => {
  const folder = pipelineFolder({
    'weir.yaml':
      'name: p\nkafka: {brokers: "a:1"}\ninput: {topic: in, format: plain, schema: event.avsc}\nmodel: {package: model}\ndrift: {pinned: model/pinned.json, reference: pinned, previous: 7d}\n',
    'event.avsc': {},
    'model/model.yaml': '',
    'model/pinned.json': {},
  });
  const { drift } = loadPipelineFile(join(folder, 'weir.yaml'), {});
  expect(drift).toMatchObject({ pinned: join(folder, 'model/pinned.json'), reference: 'pinned', previous: { agoMs: 604_800_000 } });
});

it.each([
  ['[50000rows, 1h, 2h]', '2h'],
  ['[50000rows, 60 rows]', '50000 rows'],
])('lets the longest windows that last a time ask for training: %s', (windows, window) => {
  const folder = pipelineFolder({
    'weir.yaml': `name: p\nkafka: {brokers: "a:1"}\ninput: {topic: in, format: plain, schema: event.avsc}\nmodel: {package: model}\ndrift: {windows: ${windows}}\n`,
    'event.avsc': {},
    'model/model.yaml': '',
  });
  expect(loadPipelineFile(join(folder, 'weir.yaml'), {}).drift.retrain.window).toBe(window);
});
