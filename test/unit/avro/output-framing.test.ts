import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import { createOutputFraming } from '../../../src/avro/output-framing.ts';
import { readOwnSchema } from '../../../src/core/own-schemas.ts';
import type { RegistryClient } from '../../../src/avro/registry-client.ts';

describe('createOutputFraming', () => {
  test('confluent registers under the topic name strategy and frames with the id', async () => {
    const registered: unknown[] = [];
    const registry = {
      register: async (subject: string, schema: unknown) => (registered.push([subject, schema]), { id: 258 }),
    } as unknown as RegistryClient;
    const { prefix } = await createOutputFraming('confluent', 'long', 'flights.predictions', registry);
    expect(prefix).toEqual(Buffer.of(0, 0, 0, 1, 2));
    expect(registered).toEqual([['flights.predictions-value', 'long']]);
  });

  test('confluent without a registry is a mistake of the pipeline file', async () => {
    await expect(createOutputFraming('confluent', 'long', 't')).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('single-object frames with the fingerprint of the specification', async () => {
    // CRC-64-AVRO of "int" is 7275d51a3f395c8f (Avro's own test data, share/test/data/schema-tests.txt), written little-endian.
    const { prefix } = await createOutputFraming('single-object', { type: 'int', doc: 'not part of the canonical form' }, 't');
    expect(prefix.toString('hex')).toBe('c3018f5c393f1ad57572');
  });

  test('plain frames with nothing', async () => {
    expect((await createOutputFraming('plain', 'long', 't')).prefix).toHaveLength(0);
  });
});

describe('own schemas', () => {
  test('are found from the package root and are valid Avro', () => {
    expect(avro.Type.forSchema(readOwnSchema('prediction') as avro.Schema).name).toBe('weir.v1.Prediction');
  });

  test('one that is missing is named', () => {
    expect(() => readOwnSchema('no-such')).toThrow(/no-such\.avsc/);
  });
});
