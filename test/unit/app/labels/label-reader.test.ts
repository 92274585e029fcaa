import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLabelReader, type LabelsConfig } from '../../../../src/app/labels/label-reader.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { silentLogger } from '../../../../src/core/silent.ts';
import { pipelineFolder, recordSchema } from '../pipeline-folder.ts';

test('a schema that does not fit is told by the setting of the labels, not by that of the input', async () => {
  const folder = pipelineFolder({ 'label.avsc': recordSchema([{ name: 'isFraud', type: 'boolean' }]) });
  const labels = { format: 'plain', writerSchemas: [], value: ['isFruad'], match: 'key' } as unknown as LabelsConfig;
  const reading = (more: object): Promise<unknown> =>
    createLabelReader({
      labels: { ...labels, ...more },
      task: { kind: 'binary' },
      registry: undefined,
      clock: systemClock,
      logger: silentLogger,
    });
  await expect(reading({ schema: join(folder, 'label.avsc') })).rejects.toThrow(
    /The reader schema \(labels\.schema\) .*event\.isFruad does not exist/,
  );
  await expect(reading({})).rejects.toThrow(/labels\.format plain needs labels\.writerSchemas or labels\.schema/);
});
