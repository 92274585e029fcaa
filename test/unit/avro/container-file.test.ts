import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import avro from 'avsc';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAvroContainer } from '../../../src/avro/container-file.ts';
import { encodeString } from '../../../src/avro/primitives.ts';
import { WeirError } from '../../../src/core/errors.ts';

const SCHEMA = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'n', type: 'int' },
    { name: 's', type: 'string' },
  ],
};
const TYPE = avro.Type.forSchema(SCHEMA as avro.Schema);
const LONG = avro.Type.forSchema('long');
const SYNC = createHash('md5').update('sync').digest();

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'weir-container-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** A container written by hand: header with the given metadata, then blocks. */
function container(metadata: Record<string, string>, blocks: { count: number; data: Buffer }[], magic = 'Obj\x01'): Buffer {
  const entries = Object.entries(metadata).flatMap(([key, value]) => [encodeString(key), encodeString(value)]);
  const parts = [
    Buffer.from(magic, 'latin1'),
    LONG.toBuffer(entries.length / 2),
    ...entries,
    ...(entries.length > 0 ? [Buffer.of(0)] : []),
    SYNC,
  ];
  for (const { count, data } of blocks) parts.push(LONG.toBuffer(count), LONG.toBuffer(data.length), data, SYNC);
  return Buffer.concat(parts);
}

function fileOf(bytes: Buffer): string {
  const path = join(folder, 'file.avro');
  writeFileSync(path, bytes);
  return path;
}

function rowsOf(path: string): unknown[] {
  const rows: unknown[] = [];
  for (const { count, data } of readAvroContainer(path).blocks()) {
    for (let i = 0, at = 0; i < count; i++) {
      const { value, offset } = TYPE.decode(data, at);
      rows.push({ ...(value as object) });
      at = offset;
    }
  }
  return rows;
}

const encodeRows = (rows: object[]): Buffer => Buffer.concat(rows.map((row) => TYPE.toBuffer(row)));
const META = { 'avro.schema': JSON.stringify(SCHEMA) };

describe('readAvroContainer', () => {
  for (const codec of ['null', 'deflate'] as const) {
    test(`reads what avsc writes with codec ${codec}, several blocks, twice`, async () => {
      const path = join(folder, `avsc-${codec}.avro`);
      const rows = Array.from({ length: 5_000 }, (_, n) => ({ n, s: `row ${n}`.repeat(n % 9) }));
      await new Promise<void>((resolve, reject) => {
        const encoder = avro.createFileEncoder(path, SCHEMA as avro.Schema, { codec, blockSize: 4_096 });
        encoder.on('finish', () => resolve());
        encoder.on('error', reject);
        for (const row of rows) encoder.write(row);
        encoder.end();
      });
      // avsc says "finish" when all is handed over; the file is whole when its stream has closed.
      await expect.poll(() => rowsOf(path).length).toBe(rows.length);
      const file = readAvroContainer(path);
      expect([...file.blocks()].length).toBeGreaterThan(2);
      expect(file.schema).toMatchObject({ name: 'Row' });
      expect(rowsOf(path)).toEqual(rows);
    });
  }

  test('any rows in any blocks come back', () => {
    const row = fc.record({ n: fc.integer(), s: fc.string() });
    fc.assert(
      fc.property(
        fc.array(fc.array(row, { maxLength: 5 }), { maxLength: 6 }),
        fc.boolean(),
        fc.nat(9_000),
        (blocks, isDeflated, padding) => {
          const path = fileOf(
            container(
              { ...META, 'avro.codec': isDeflated ? 'deflate' : 'null', padding: 'p'.repeat(padding) },
              blocks.map((rows) => ({ count: rows.length, data: isDeflated ? deflateRawSync(encodeRows(rows)) : encodeRows(rows) })),
            ),
          );
          expect(rowsOf(path)).toEqual(blocks.flat());
          expect(readAvroContainer(path).metadata.get('padding')?.length).toBe(padding);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('metadata may come in blocks with a size', () => {
    const entry = Buffer.concat([encodeString('avro.schema'), encodeString('"int"')]);
    const bytes = Buffer.concat([
      Buffer.from('Obj\x01', 'latin1'),
      LONG.toBuffer(-1),
      LONG.toBuffer(entry.length),
      entry,
      Buffer.of(0),
      SYNC,
    ]);
    const file = readAvroContainer(fileOf(bytes));
    expect(file.schema).toBe('int');
    expect([...file.blocks()]).toEqual([]);
  });

  const rows = encodeRows([{ n: 1, s: 'a' }]);
  const cases: [string, () => Buffer, string][] = [
    ['another magic', () => container(META, [], 'Obj\x02'), 'does not begin with'],
    ['an empty file', () => Buffer.alloc(0), 'truncated'],
    ['a codec that is not read', () => container({ ...META, 'avro.codec': 'snappy' }, []), 'snappy'],
    ['no schema', () => container({}, []), 'no avro.schema'],
    ['a schema that is no JSON', () => container({ 'avro.schema': '{' }, []), 'not JSON'],
    ['a negative count', () => container(META, [{ count: -1, data: rows }]), 'count -1'],
    [
      'data that cannot be inflated',
      () => container({ ...META, 'avro.codec': 'deflate' }, [{ count: 1, data: Buffer.from('zzzz') }]),
      'inflated',
    ],
    [
      'a wrong sync marker',
      () => Buffer.concat([container(META, [{ count: 1, data: rows }]).subarray(0, -1), Buffer.of(0)]),
      'sync marker',
    ],
    ['truncation', () => container(META, [{ count: 1, data: rows }]).subarray(0, -1), 'truncated'],
    ['a block size past the end', () => Buffer.concat([container(META, []), LONG.toBuffer(1), LONG.toBuffer(1e12)]), 'cannot hold'],
    ['a number without end', () => Buffer.concat([container(META, []), Buffer.alloc(20, 0xff)]), 'too large'],
    ['metadata without end', () => Buffer.concat([Buffer.from('Obj\x01', 'latin1'), LONG.toBuffer(1e9)]), 'metadata entries'],
  ];
  test.each(cases)('%s is refused', (_, bytes, named) => {
    const path = fileOf(bytes());
    expect(() => rowsOf(path)).toThrow(expect.objectContaining({ code: 'input_file_invalid', message: expect.stringContaining(named) }));
  });

  test('a file that is not there is named', () => {
    expect(() => readAvroContainer(join(folder, 'nothing.avro'))).toThrow(/nothing\.avro cannot be read: ENOENT/);
  });

  test('whatever is broken in a file, it is refused or read, in our words', () => {
    const good = container({ ...META, 'avro.codec': 'deflate' }, [{ count: 1, data: deflateRawSync(rows) }]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const bytes = Buffer.from(good);
        bytes[at] = byte;
        const path = fileOf(bytes.subarray(0, length));
        try {
          for (const block of readAvroContainer(path).blocks()) expect(block.count).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(WeirError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
