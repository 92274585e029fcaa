import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ContainerSource } from '../../../src/app/container-source.ts';
import { pipelineFolder } from './pipeline-folder.ts';

/** A container of longs whose one block announces `count` of them and holds these bytes. */
function container(count: number, data: readonly number[]): string {
  const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length * 2), Buffer.from(value)]);
  const sync = Buffer.alloc(16, 7);
  const header = Buffer.concat([Buffer.from('Obj\x01'), Buffer.of(2), text('avro.schema'), text('"long"'), Buffer.of(0), sync]);
  const block = Buffer.concat([Buffer.of(count * 2, data.length * 2), Buffer.from(data), sync]);
  return join(pipelineFolder({ 'events.avro': Buffer.concat([header, block]) }), 'events.avro');
}

async function open(path: string): Promise<ContainerSource> {
  const source = new ContainerSource(path);
  await source.start({ onReady: () => {}, onRevoked: () => {}, onRebalance: async () => {}, onResumed: () => {} });
  return source;
}

it('gives the records of a file with their places', async () => {
  const source = await open(container(3, [2, 0x80, 1, 4]));
  expect(source.take()).toMatchObject({ count: 3, nextOffset: 3, valueStart: Int32Array.of(0, 1, 3), valueLength: Int32Array.of(1, 2, 1) });
  expect(source.take()).toBeUndefined();
  expect(source.ended).toBe(true);
});

it('says which record is broken, and that it is the file, not the pipeline', async () => {
  const source = await open(container(2, [2, 0x80]));
  expect(() => source.take()).toThrow(
    expect.objectContaining({ code: 'input_file_invalid', message: expect.stringContaining('record 1 ') as string }),
  );
});
