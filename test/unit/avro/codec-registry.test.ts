import { describe, expect, test } from 'vitest';
import type { InputFormat } from '../../../src/avro/framing.ts';
import { WeirError } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/ports.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import type { TestRecord } from '../../support/records.ts';
import { codecOf, encode, field, framed, id, ListRegistry, READER, record, rowsFrom, seen, V1, V2 } from './codec-fixture.ts';

describe('createAvroCodec with a registry', () => {
  test('fetches each writer schema once, then decodes without a promise', async () => {
    const registry = new ListRegistry({ 1: V1, 2: V2 });
    const codec = codecOf('confluent', { registry, readerSchema: READER });
    const records = [
      { value: framed(1, V1, { c0: 1, c1: 2 }) },
      { value: framed(2, V2, { c0: 3, c1: 4, added: 'x' }) },
      { value: framed(1, V1, { c0: 5, c1: 6 }) },
    ];
    const first = rowsFrom(...records);
    const promise = codec.decode(first);
    expect(promise).toBeInstanceOf(Promise);
    await promise;
    const second = rowsFrom(...records);
    expect(codec.decode(second)).toBeUndefined();
    for (const rows of [first, second]) {
      expect(seen(rows)).toEqual([
        [1, 2],
        [3, 4],
        [5, 6],
      ]);
    }
    expect(registry.asked).toEqual(['id 1', 'id 2']);
  });

  test('two batches at once share one fetch', async () => {
    const registry = new ListRegistry({ 1: V1 });
    const codec = codecOf('confluent', { registry });
    const batches = [rowsFrom({ value: framed(1, V1, { c0: 1, c1: 2 }) }), rowsFrom({ value: framed(1, V1, { c0: 3, c1: 4 }) })];
    await Promise.all(batches.map(async (rows) => codec.decode(rows)));
    expect(batches.map(seen)).toEqual([[[1, 2]], [[3, 4]]]);
    expect(registry.asked).toEqual(['id 1']);
  });

  test('finds its writers however they alternate', async () => {
    // Writer n has n fields of its own before c1, whose value is n.
    const ids = Array.from({ length: 20 }, (_, i) => i + 1);
    const own = (n: number) => Array.from({ length: n }, (_, i) => `x${i}`);
    const schemas = Object.fromEntries(
      ids.map((n) => [n, record(field('c0', 'double'), ...own(n).map((name) => field(name, 'int')), field('c1', 'double'))]),
    );
    const codec = codecOf('confluent', { registry: new ListRegistry(schemas) });
    const sequence = Array.from({ length: 200 }, (_, i) => ids[(i * 7) % ids.length]!);
    const make = () =>
      rowsFrom(
        ...sequence.map((n, i) => {
          const value = { c0: i, c1: n, ...Object.fromEntries(own(n).map((name) => [name, -1])) };
          return { value: framed(n, schemas[n], value) };
        }),
      );
    for (const rows of [make(), make()]) {
      await codec.decode(rows);
      expect(seen(rows)).toEqual(sequence.map((n, i) => [i, n]));
    }
  });

  test('an id that the registry does not know fails its rows alone and is asked for again by the next batch', async () => {
    const registry = new ListRegistry({ 1: V1 });
    const codec = codecOf('confluent', { registry });
    const records = [{ value: framed(1, V1, { c0: 1, c1: 2 }) }, { value: framed(9, V1, { c0: 3, c1: 4 }) }];
    const rows = rowsFrom(...records);
    await codec.decode(rows);
    expect(seen(rows)).toEqual([[1, 2], 'schema_unknown']);
    expect(rows.messageOf(1)).toContain('Schema 9');
    registry.schemas.set('9', V1);
    const again = rowsFrom(...records);
    await codec.decode(again);
    expect(seen(again)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('a topic full of made-up ids asks for few at a time', async () => {
    const registry = new ListRegistry({});
    const rows = rowsFrom(...Array.from({ length: 100 }, (_, i) => ({ value: id(i + 1) })));
    await codecOf('confluent', { registry }).decode(rows);
    expect(new Set(seen(rows))).toEqual(new Set(['schema_unknown']));
    expect(registry.mostUnderway).toBeLessThanOrEqual(8);
  });

  test('a registry that does not answer throws; after reset the same batch decodes whole', async () => {
    const registry = new ListRegistry({ 1: V1, 2: V2 });
    const codec = codecOf('confluent', { registry });
    await codec.decode(rowsFrom({ value: framed(1, V1, { c0: 0, c1: 0 }) }));
    const rows = rowsFrom({ value: framed(1, V1, { c0: 1, c1: 2 }) }, { value: framed(2, V2, { c0: 3, c1: 4, added: '' }) });
    registry.failure = new WeirError('registry_unavailable', 'down');
    await expect(codec.decode(rows)).rejects.toMatchObject({ code: 'registry_unavailable' });
    registry.failure = undefined;
    rows.reset(rows.slices);
    await codec.decode(rows);
    expect(seen(rows)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('a writer schema that does not resolve fails its rows, and is not asked for again', async () => {
    const registry = new ListRegistry({ 1: record(field('c0', 'string'), field('c1', 'double')), 2: { type: 'nonsense' }, 3: V1 });
    const codec = codecOf('confluent', { registry, readerSchema: READER });
    const make = () => rowsFrom({ value: id(1) }, { value: id(2) }, { value: framed(3, V1, { c0: 1, c1: 2 }) });
    const first = make();
    await codec.decode(first);
    const second = make();
    expect(codec.decode(second)).toBeUndefined();
    for (const rows of [first, second]) {
      expect(seen(rows)).toEqual(['schema_incompatible', 'schema_incompatible', [1, 2]]);
      expect(rows.messageOf(0)).toMatch(/^Writer schema id 1 of subject events-value: ./);
    }
    expect(registry.asked).toHaveLength(3);
  });

  test('warnings of a plan are logged once per schema', async () => {
    const warned: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields) => warned.push(fields) };
    const decimal = record(field('c0', { type: 'long', logicalType: 'timestamp-micros' }), field('c1', 'double'));
    const reader = record(field('c0', { type: 'long', logicalType: 'timestamp-millis' }), field('c1', 'double'));
    const codec = codecOf('confluent', { registry: new ListRegistry({ 1: decimal }), readerSchema: reader, logger });
    for (let i = 0; i < 2; i++)
      await codec.decode(rowsFrom({ value: framed(1, decimal, { c0: 1, c1: 2 }) }, { value: framed(1, decimal, { c0: 1, c1: 2 }) }));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({ schemaId: '1', subject: 'events-value' });
  });

  test('the schema ids that it leaves in the rows say which id holds from where', async () => {
    const rows = rowsFrom(
      { value: framed(1, V1, { c0: 1, c1: 2 }) },
      { value: id(1) },
      { value: 'zz' },
      { value: id(7) },
      { value: framed(1, V1, { c0: 1, c1: 2 }) },
    );
    await codecOf('confluent', { registry: new ListRegistry({ 1: V1 }) }).decode(rows);
    expect([...rows.schemaIds]).toEqual([
      [0, '1'],
      [2, ''],
      [3, '7'],
      [4, '1'],
    ]);
  });

  test('headers formats reach the registry with the right kind of id', async () => {
    const body = encode(V1, { c0: 1, c1: 2 });
    const guid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    const int64 = Buffer.of(0, 0, 0, 0, 0, 0, 0, 5);
    const cases: [InputFormat, TestRecord, string][] = [
      [
        'confluent-header',
        { value: body, headers: [{ key: '__value_schema_id', value: Buffer.concat([Buffer.of(1), guid]) }] },
        'guid 00112233-4455-6677-8899-aabbccddeeff',
      ],
      ['apicurio', { value: Buffer.concat([Buffer.of(0), int64, body]) }, 'globalId 5'],
      ['apicurio-header', { value: body, headers: [{ key: 'apicurio.value.contentId', value: int64 }] }, 'contentId 5'],
    ];
    for (const [format, value, asked] of cases) {
      const registry = new ListRegistry({ '00112233-4455-6677-8899-aabbccddeeff': V1, 5: V1 });
      const rows = rowsFrom(value);
      await codecOf(format, { registry }).decode(rows);
      expect([seen(rows), registry.asked]).toEqual([[[1, 2]], [asked]]);
    }
  });
});
