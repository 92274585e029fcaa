import { readFile } from 'node:fs/promises';
import { WeirError } from '../core/errors.ts';
import { fingerprint64, parseAvroSchema } from './plan/index.ts';

/**
 * Reads a schema file (`.avsc`: JSON).
 * @throws WeirError `schema_invalid` when it cannot be read, is not JSON or is not an Avro schema
 */
export async function readSchemaFile(path: string): Promise<unknown> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WeirError('schema_invalid', `Schema file ${path} cannot be read: ${reason}.`, { cause: error });
  }
  try {
    parseAvroSchema(json);
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    throw new WeirError('schema_invalid', `Schema file ${path}: ${error.message}`, { cause: error });
  }
  return json;
}

/**
 * Indexes schemas by the fingerprint that single-object encoding carries.
 * @returns the parsed schemas by the 16 hex digits of their CRC-64-AVRO, in wire (little-endian) order
 * @throws WeirError `schema_invalid`
 */
export function indexByFingerprint(schemas: readonly unknown[]): ReadonlyMap<string, unknown> {
  const index = new Map<string, unknown>();
  for (const json of schemas) index.set(fingerprint64(parseAvroSchema(json)).toString('hex'), json);
  return index;
}
