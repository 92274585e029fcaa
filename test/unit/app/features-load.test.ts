import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { readRows } from '../../../src/app/feature-files.ts';
import { type FeaturesLoadOptions, loadFeatures } from '../../../src/app/features-load.ts';
import { parsePipeline } from '../../../src/config/index.ts';
import { ManualClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { pipelineFolder } from './pipeline-folder.ts';

// Nothing listens there: a load that gets as far as the store fails with another code.
const PIPELINE = `name: p
kafka: {brokers: "a:1"}
input: {topic: in, format: plain, schema: event.avsc}
stores:
  main: {kind: redis, url: "redis://127.0.0.1:1"}
  fixed: {kind: memory}
features:
  plane: {store: main, entity: event.tail}
  static: {store: fixed, entity: event.tail}
model: {package: model}
`;

function load(rows: string, changes: Partial<FeaturesLoadOptions> = {}, file = 'rows.ndjson'): Promise<unknown> {
  const folder = pipelineFolder({ 'weir.yaml': PIPELINE, 'event.avsc': '{}', 'model/model.yaml': '', [file]: rows });
  return loadFeatures({
    config: parsePipeline(PIPELINE, join(folder, 'weir.yaml'), {}),
    group: 'plane',
    file: join(folder, file),
    entity: ['tail'],
    separator: ':',
    clock: new ManualClock(),
    logger: silentLogger,
    ...changes,
  });
}

describe('loadFeatures checks the whole file before it goes to the store', () => {
  const good = '{"tail":"N1","seats":10,"maker":"Airbus","ok":true}\n';

  it.each([
    ['another group', { group: 'plan' }, 'There is no feature group plan in the pipeline file; did you mean plane?'],
    ['a memory store', { group: 'static' }, 'which is in memory: put its rows into the file that stores.fixed.file names'],
  ])('refuses %s, which is the fault of the pipeline file', async (_, changes, message) => {
    await expect(load(good, changes)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    ['no rows', '\n', {}, 'there is no row with a feature in it'],
    ['no entity field', good, { entity: ['tial'] }, /rows\.ndjson:1 has no field tial; did you mean tail\?/],
    ['an entity that is null', '{"tail":null,"seats":1}', {}, /:1: tail is to be the entity, but it is null/],
    ['an entity that is empty', `${good}{"tail":"","seats":1}`, {}, /:2: tail is to be the entity, but it is an empty text/],
    [
      'a feature that is a list',
      `${good}{"tail":"N2","seats":[1]}`,
      {},
      /:2: seats is a list; a feature is a number, a boolean, a text or null/,
    ],
    ['a feature that a row lacks', `${good}{"tail":"N2"}`, { features: ['seats'] }, /:2 has no field seats/],
    ['a time that is none', `${good}`, { timestamp: 'maker' }, /:1: maker is a text, not a time/],
    ['a line that is no JSON', `${good}{"tail"`, {}, /rows\.ndjson:2: /],
    ['a line that is no object', `${good}[1]`, {}, /rows\.ndjson:2: it is not a JSON object/],
  ])('refuses %s', async (_, rows, changes, message) => {
    await expect(load(rows, changes)).rejects.toMatchObject({
      code: 'input_file_invalid',
      message: typeof message === 'string' ? (expect.stringContaining(message) as string) : (expect.stringMatching(message) as string),
    });
  });

  it('refuses files of another kind, and those that are not there', async () => {
    await expect(load(good, {}, 'rows.xlsx')).rejects.toMatchObject({
      code: 'input_file_invalid',
      message: expect.stringContaining('.avro, .ndjson and .jsonl') as string,
    });
    await expect(load(good, { file: '/no/such.ndjson' })).rejects.toMatchObject({
      code: 'input_file_invalid',
      message: expect.stringContaining('cannot be read') as string,
    });
  });

  it('never repeats values', async () => {
    await expect(load('{"tail":"N1","seats":{"secret":"hunter2"}}')).rejects.toThrow(/^(?!.*hunter2).*$/);
  });
});

describe('readRows', () => {
  it('reads an Avro container as rows, unions as plain values', async () => {
    const folder = pipelineFolder({});
    const file = join(folder, 'planes.avro');
    const fields = [
      { name: 'tail', type: 'string' },
      { name: 'seats', type: ['null', 'int'], default: null },
      { name: 'updatedAt', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ];
    const rows = Array.from({ length: 500 }, (_, i) => ({
      tail: `N${i}`,
      seats: i % 3 === 0 ? null : i,
      updatedAt: 1_700_000_000_000 + i,
    }));
    const encoder = new avsc.streams.BlockEncoder({ type: 'record', name: 'Plane', fields } as avsc.Schema, {
      codec: 'deflate',
      blockSize: 512,
    });
    for (const row of rows) encoder.write(row);
    encoder.end();
    await pipeline(encoder, createWriteStream(file));
    const found: unknown[] = [];
    for await (const { fields: row, place } of readRows(file)) found.push([{ ...row }, place]);
    expect(found).toEqual(rows.map((row, i) => [row, `${file}: row ${i + 1}`]));
  });
});
