import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { indexByFingerprint, readSchemaFile } from '../../../src/avro/schema-sources.ts';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'weir-schemas-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const fileOf = (text: string): string => {
  const path = join(folder, 'some.avsc');
  writeFileSync(path, text);
  return path;
};

describe('readSchemaFile', () => {
  test('gives the parsed schema', async () => {
    expect(await readSchemaFile(fileOf('{"type": "fixed", "name": "F", "size": 2}'))).toEqual({ type: 'fixed', name: 'F', size: 2 });
  });

  test.each([
    ['{"type":', 'some.avsc cannot be read'],
    ['{"type": "nonsense"}', 'some.avsc: '],
  ])('%s is schema_invalid and names the file', async (text, named) => {
    await expect(readSchemaFile(fileOf(text))).rejects.toMatchObject({ code: 'schema_invalid', message: expect.stringContaining(named) });
  });

  test('a file that is not there is named', async () => {
    await expect(readSchemaFile(join(folder, 'gone.avsc'))).rejects.toMatchObject({
      code: 'schema_invalid',
      message: expect.stringContaining('gone.avsc'),
    });
  });
});

test('indexByFingerprint uses the wire order of the fingerprint', () => {
  // CRC-64-AVRO of "int" and "string" (Avro's own test data).
  expect([...indexByFingerprint(['int', 'string']).keys()]).toEqual(['8f5c393f1ad57572', 'c70345637248018f']);
});
