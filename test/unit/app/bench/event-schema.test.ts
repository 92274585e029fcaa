import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findEventSchema } from '../../../../src/app/bench/event-schema.ts';
import type { PipelineConfig } from '../../../../src/config/index.ts';
import { silentLogger } from '../../../../src/core/silent.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A schema file of a type that tells it from the others. */
function file(type: string): string {
  const path = join(folder, `${type}.avsc`);
  writeFileSync(path, JSON.stringify(type));
  return path;
}

const config = (input: object): PipelineConfig => ({ input: { topic: 't', writerSchemas: [], ...input } }) as unknown as PipelineConfig;
const typeOf = async (input: object, path?: string): Promise<string> =>
  (await findEventSchema(config(input), path, silentLogger)).parsed.type;

describe('the schema that events are made of', () => {
  it('is the one asked for, else what writers write, else what the pipeline reads', async () => {
    const all = { schema: file('long'), writerSchemas: [file('int')] };
    expect(await typeOf(all, file('string'))).toBe('string');
    expect(await typeOf(all)).toBe('int');
    expect(await typeOf({ schema: file('long') })).toBe('long');
  });

  it('is asked for where there is none', async () => {
    await expect(typeOf({})).rejects.toMatchObject({ code: 'bench_without_events', message: expect.stringContaining('--from-topic') });
    await expect(typeOf({}, join(folder, 'none.avsc'))).rejects.toMatchObject({ code: 'schema_invalid' });
  });
});
