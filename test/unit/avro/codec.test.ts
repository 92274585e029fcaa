import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AvroCodecOptions } from '../../../src/avro/codec.ts';
import type { InputFormat } from '../../../src/avro/framing.ts';
import { fingerprint64, parseAvroSchema } from '../../../src/avro/plan/index.ts';
import { STATUS_OK, STATUS_SKIPPED } from '../../../src/core/rows.ts';
import { recordBatch } from '../../support/records.ts';
import { codecOf, encode, field, framed, id, ListRegistry, layout, READER, record, rowsFrom, seen, V1, V2 } from './codec-fixture.ts';
import { rowsOf } from './rows-fixture.ts';

describe('createAvroCodec with schemas from files', () => {
  const single = (schema: unknown, value: object): Buffer =>
    Buffer.concat([Buffer.of(0xc3, 1), fingerprint64(parseAvroSchema(schema)), encode(schema, value)]);

  test('single-object finds writers by fingerprint, without a promise', () => {
    const codec = codecOf('single-object', { readerSchema: READER, writerSchemas: [V1, V2] });
    const unknown = record(field('c0', 'double'), field('c9', 'double'));
    const rows = rowsFrom(
      { value: single(V1, { c0: 1, c1: 2 }) },
      { value: single(unknown, { c0: 1, c9: 2 }) },
      { value: single(V2, { c0: 3, c1: 4, added: '' }) },
      { value: single(READER, { c0: 5, c1: 6 }) },
    );
    expect(codec.decode(rows)).toBeUndefined();
    expect(seen(rows)).toEqual([[1, 2], 'schema_unknown', [3, 4], [5, 6]]);
    expect(rows.messageOf(1)).toMatch(/input\.writerSchemas has the fingerprint [0-9a-f]{16}/);
  });

  test('plain decodes with the first writer schema, else with the reader schema', () => {
    const byWriter = rowsFrom({ value: encode(V2, { c0: 3, c1: 4, added: 'x' }) });
    expect(codecOf('plain', { readerSchema: READER, writerSchemas: [V2] }).decode(byWriter)).toBeUndefined();
    expect(seen(byWriter)).toEqual([[3, 4]]);
    const byReader = rowsFrom({ value: encode(READER, { c0: 3, c1: 4 }) });
    expect(codecOf('plain', { readerSchema: READER }).decode(byReader)).toBeUndefined();
    expect(seen(byReader)).toEqual([[3, 4]]);
  });
});

describe('records', () => {
  test('a body that is too short, too long or missing fails its row alone', () => {
    const body = encode(V1, { c0: 1, c1: 2 });
    const rows = rowsFrom(
      { value: body },
      { value: body.subarray(0, 15) },
      { value: Buffer.concat([body, Buffer.of(0, 0)]) },
      { value: '' },
      { value: body },
    );
    expect(codecOf('plain', { readerSchema: V1 }).decode(rows)).toBeUndefined();
    expect(seen(rows)).toEqual([[1, 2], 'decode_failed', 'decode_failed', 'decode_failed', [1, 2]]);
    expect(rows.messageOf(2)).toBe('2 bytes are left over after the value.');
  });

  test('tombstones are skipped or dead letters, as configured', () => {
    const skipping = rowsFrom({ value: null });
    expect(codecOf('plain', { readerSchema: V1 }).decode(skipping)).toBeUndefined();
    expect(skipping.status[0]).toBe(STATUS_SKIPPED);
    const failing = rowsFrom({ value: null });
    expect(codecOf('plain', { readerSchema: V1, tombstones: 'dead-letter' }).decode(failing)).toBeUndefined();
    expect(failing.codeOf(0)).toBe('tombstone');
  });

  test('a part of a record batch lands in its rows, and several batches one after another', () => {
    const body = (n: number) => ({ value: encode(V1, { c0: n, c1: n }) });
    const rows = rowsOf(layout, recordBatch([body(1), body(2), body(3)]), recordBatch([body(4)], { topic: 'other' }));
    rows.reset([
      { records: rows.slices[0]!.records, from: 1, to: 3, fromRow: 0 },
      { records: rows.slices[1]!.records, from: 0, to: 1, fromRow: 2 },
    ]);
    expect(codecOf('plain', { readerSchema: V1 }).decode(rows)).toBeUndefined();
    expect(seen(rows)).toEqual([
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
  });

  test('whatever the bytes are, every row ends with values or with a code of the decode step', async () => {
    const formats: InputFormat[] = ['confluent', 'confluent-header', 'apicurio', 'apicurio-header', 'single-object', 'plain'];
    const codecs = formats.map((format) => codecOf(format, { readerSchema: READER, registry: new ListRegistry({ 0: V1, 1: V2 }) }));
    const good = [framed(1, V2, { c0: 1, c1: 2, added: 'abc' }), Buffer.concat([Buffer.of(0, 0, 0, 0, 0), id(1)])];
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.constantFrom(...good), fc.nat(40), fc.nat(255)).map(([value, at, byte]) => {
        const copy = Buffer.from(value);
        copy[at % copy.length] = byte;
        return copy.subarray(0, at === 40 ? copy.length - 1 : copy.length);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(bytes, { nil: null }), { minLength: 1, maxLength: 5 }), fc.nat(5), async (values, which) => {
        const rows = rowsFrom(...values.map((value) => ({ value: value && Buffer.from(value) })));
        await codecs[which]!.decode(rows);
        for (let row = 0; row < rows.count; row++) {
          if (rows.status[row] === STATUS_OK || rows.status[row] === STATUS_SKIPPED) continue;
          expect(['frame_invalid', 'schema_unknown', 'decode_failed', 'schema_incompatible']).toContain(rows.codeOf(row));
          expect(rows.messageOf(row)).not.toBe('');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('options that do not fit together', () => {
  const cases: [string, InputFormat, Partial<AvroCodecOptions>, string, string][] = [
    ['no registry', 'confluent', {}, 'config_invalid', 'registry.url'],
    ['no schema for plain', 'plain', {}, 'config_invalid', 'input.schema'],
    ['no schema for single-object', 'single-object', {}, 'config_invalid', 'input.writerSchemas'],
    ['a reader schema without a column', 'plain', { readerSchema: record(field('c0', 'int')) }, 'config_invalid', 'c1'],
    [
      'a writer schema without a column',
      'plain',
      { readerSchema: V1, writerSchemas: [record(field('c0', 'int'))] },
      'config_invalid',
      'c1',
    ],
    ['a schema that is none', 'plain', { readerSchema: { type: 'nonsense' } }, 'schema_invalid', 'nonsense'],
  ];
  test.each(cases)('%s', (_, format, more, code, named) => {
    expect(() => codecOf(format, more)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(named) }));
  });
});
