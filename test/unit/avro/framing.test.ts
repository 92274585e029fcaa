import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createInputFraming, type InputFormat, type WriterIdKind, writerIdText } from '../../../src/avro/framing.ts';
import type { Header } from '../../../src/core/headers.ts';
import { recordBatch } from '../../support/records.ts';

const BODY = Buffer.from('body');
const GUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

/** Reads one record, placed second in its batch so that positions are not 0. */
function read(format: InputFormat, value: Buffer, headers?: Header[], options = {}) {
  const framing = createInputFraming(format, options);
  const records = recordBatch([{ key: 'k', value: 'first' }, headers ? { value, headers } : { value }]);
  const isFramed = framing.read(records, 1);
  const { frame } = framing;
  if (!isFramed) return { problem: frame.problem };
  const end = records.valueStart[1]! + records.valueLength[1]!;
  return {
    kind: frame.kind,
    id: writerIdText(frame.kind, records.buffer, frame.idStart),
    idLength: frame.idLength,
    body: records.buffer.toString('utf8', frame.bodyStart, end),
  };
}

const framed = (kind: WriterIdKind, id: string, idLength: number) => ({ kind, id, idLength, body: 'body' });
const value = (...prefix: number[]): Buffer => Buffer.concat([Buffer.from(prefix), BODY]);
const int64 = (n: number): Buffer => Buffer.from([0, 0, 0, 0, 0, 0, n >> 8, n & 255]);

describe('createInputFraming', () => {
  test('confluent: 00 and a big-endian int32', () => {
    expect(read('confluent', value(0, 0, 0, 1, 2))).toEqual(framed('id', '258', 4));
    expect(read('confluent', value(1, 0, 0, 1, 2))).toEqual({
      problem: 'The value begins with 0x01; the format confluent begins with 0x00.',
    });
    expect(read('confluent', Buffer.of(0, 0, 0, 1)).problem).toContain('has 4 bytes');
    expect(read('confluent', Buffer.alloc(0)).problem).toContain('has 0 bytes');
  });

  test('confluent-header: GUID or id in the header, the payload untouched', () => {
    const header = (bytes: Buffer | null): Header[] => [{ key: '__value_schema_id', value: bytes }];
    expect(read('confluent-header', BODY, header(Buffer.concat([Buffer.of(1), GUID])))).toEqual(
      framed('guid', '00112233-4455-6677-8899-aabbccddeeff', 16),
    );
    expect(read('confluent-header', BODY, header(Buffer.of(0, 0, 0, 0, 9)))).toEqual(framed('id', '9', 4));
    for (const bad of [Buffer.alloc(0), Buffer.of(2, 0, 0, 0, 9), Buffer.of(1, 0, 0, 0, 9), Buffer.of(0, 9)]) {
      expect(read('confluent-header', BODY, header(bad)).problem).toContain('__value_schema_id');
    }
  });

  test('confluent-header: without the header the payload prefix counts', () => {
    expect(read('confluent-header', value(0, 0, 0, 0, 7))).toEqual(framed('id', '7', 4));
    expect(read('confluent-header', BODY, [{ key: '__key_schema_id', value: Buffer.of(0, 0, 0, 0, 9) }]).problem).toContain(
      'no header __value_schema_id',
    );
  });

  test('apicurio: 00 and a big-endian int64, a global id unless told otherwise', () => {
    expect(read('apicurio', value(0, ...int64(513)))).toEqual(framed('globalId', '513', 8));
    expect(read('apicurio', value(0, ...int64(513)), undefined, { apicurioId: 'contentId' })).toEqual(framed('contentId', '513', 8));
    expect(read('apicurio', Buffer.alloc(8)).problem).toContain('at least 9');
  });

  test('apicurio-header: content id before global id, BINARY only', () => {
    const globalId = { key: 'apicurio.value.globalId', value: int64(3) };
    const contentId = { key: 'apicurio.value.contentId', value: int64(4) };
    expect(read('apicurio-header', BODY, [globalId])).toEqual(framed('globalId', '3', 8));
    expect(read('apicurio-header', BODY, [globalId, contentId])).toEqual(framed('contentId', '4', 8));
    expect(read('apicurio-header', BODY, [globalId, { key: 'apicurio.value.encoding', value: Buffer.from('BINARY') }])).toEqual(
      framed('globalId', '3', 8),
    );
    expect(read('apicurio-header', BODY, [globalId, { key: 'apicurio.value.encoding', value: Buffer.from('JSON') }]).problem).toContain(
      'says JSON',
    );
    expect(read('apicurio-header', BODY).problem).toContain('neither header');
    expect(read('apicurio-header', BODY, [{ key: 'apicurio.value.globalId', value: Buffer.of(1) }]).problem).toContain('has 1 bytes');
  });

  test('single-object: C3 01 and a fingerprint', () => {
    expect(read('single-object', value(0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8))).toEqual(framed('fingerprint', '0102030405060708', 8));
    expect(read('single-object', value(0xc3, 2, 1, 2, 3, 4, 5, 6, 7, 8)).problem).toContain('begins with 0xc3 0x02');
    expect(read('single-object', Buffer.of(0xc3, 1, 0)).problem).toContain('at least 10');
  });

  test('plain: everything is body', () => {
    expect(read('plain', BODY)).toEqual(framed('none', '', 0));
  });

  test('whatever the bytes of value and headers are, a frame lies within its record or there is a reason', () => {
    const formats: InputFormat[] = ['confluent', 'confluent-header', 'apicurio', 'apicurio-header', 'single-object', 'plain'];
    fc.assert(
      fc.property(
        fc.constantFrom(...formats),
        fc.uint8Array({ maxLength: 24 }),
        fc.uint8Array({ maxLength: 40 }),
        (format, bytes, headers) => {
          const records = recordBatch([{ value: Buffer.from(bytes) }]);
          const buffer = Buffer.concat([records.buffer, headers, Buffer.alloc(32, 0)]);
          const framing = createInputFraming(format);
          const batch = { ...records, buffer, headerStart: Int32Array.of(bytes.length), headerLength: Int32Array.of(headers.length) };
          if (framing.read(batch, 0)) {
            expect(framing.frame.bodyStart).toBeLessThanOrEqual(bytes.length);
            expect(framing.frame.idStart + framing.frame.idLength).toBeLessThanOrEqual(bytes.length + headers.length);
          } else {
            expect(framing.frame.problem).not.toBe('');
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
