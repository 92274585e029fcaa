import avro from 'avsc';
import { type AvroCodecOptions, createAvroCodec } from '../../../src/avro/codec.ts';
import type { InputFormat } from '../../../src/avro/framing.ts';
import type { RegisteredSchema, RegistryClient, SchemaIdKind } from '../../../src/avro/registry-client.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { type Rows, STATUS_OK } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { recordBatch, type TestRecord } from '../../support/records.ts';
import { floatLayout, rowsOf } from './rows-fixture.ts';

export const layout = floatLayout(2);
export const field = (name: string, type: unknown, more = {}) => ({ name, type, ...more });
export const record = (...fields: unknown[]) => ({ type: 'record', name: 'Event', namespace: 'test', fields });
export const V1 = record(field('c0', 'double'), field('c1', 'double'));
export const V2 = record(field('c1', 'float'), field('added', 'string'), field('c0', 'int'));
export const READER = record(field('c0', 'double'), field('c1', 'double', { default: -1 }));
export const encode = (schema: unknown, value: object): Buffer => avro.Type.forSchema(schema as avro.Schema).toBuffer(value);
export const id = (n: number): Buffer => Buffer.of(0, 0, 0, n >> 8, n & 255);
export const framed = (n: number, schema: unknown, value: object): Buffer => Buffer.concat([id(n), encode(schema, value)]);

/** A registry over a list, which counts what it is asked and can be told to fail. */
export class ListRegistry implements RegistryClient {
  readonly asked: string[] = [];
  readonly schemas: Map<string, unknown>;
  failure: WeirError | undefined;
  underway = 0;
  mostUnderway = 0;

  constructor(schemas: Record<string, unknown>) {
    this.schemas = new Map(Object.entries(schemas));
  }

  async schemaById(name: string, kind: SchemaIdKind = 'id'): Promise<RegisteredSchema> {
    this.asked.push(`${kind} ${name}`);
    this.mostUnderway = Math.max(this.mostUnderway, ++this.underway);
    await new Promise(setImmediate);
    this.underway--;
    if (this.failure) throw this.failure;
    const schema = this.schemas.get(name);
    if (schema === undefined) throw new WeirError('schema_unknown', `Schema ${name} is not in the schema registry.`);
    return { kind, id: name, schema, references: new Map(), subject: 'events-value' };
  }

  register(): Promise<{ id: number }> {
    throw new Error('the codec registers nothing');
  }
}

export function codecOf(format: InputFormat, more: Partial<AvroCodecOptions> = {}) {
  return createAvroCodec({ format, layout, tombstones: 'skip', clock: systemClock, logger: silentLogger, ...more });
}

export const rowsFrom = (...records: TestRecord[]): Rows => rowsOf(layout, recordBatch(records));
/** The two columns of each row, or the code of what failed. */
export const seen = (rows: Rows) =>
  Array.from({ length: rows.count }, (_, row) =>
    rows.status[row] === STATUS_OK ? [...rows.floats[0]!.subarray(row * 2, row * 2 + 2)] : (rows.codeOf(row) ?? 'skipped'),
  );
