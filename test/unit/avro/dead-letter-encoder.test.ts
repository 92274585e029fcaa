import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDeadLetterEncoder } from '../../../src/avro/dead-letter-encoder.ts';
import { createEncoder } from '../../../src/avro/encoder.ts';
import { decodeHeaders, encodeHeaders, type Header } from '../../../src/core/headers.ts';
import { FramedOutputRecords } from '../../../src/core/framed-outputs.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { Scores } from '../../../src/core/rows.ts';
import { recordBatch } from '../../support/records.ts';
import { floatLayout, rowsOf } from './rows-fixture.ts';

const CONTEXT = { pipeline: 'flights', worker: 'worker-1', modelVersion: '7' };
const layout = floatLayout(1);

function headersAt(into: OutputRecords, i: number): Header[] {
  return decodeHeaders(into.buffer, into.headerStart[i]!, into.headerLength[i]!);
}

function texts(headers: Header[]): Record<string, string> {
  return Object.fromEntries(headers.map(({ key, value }) => [key, Buffer.from(value!).toString()]));
}

function slice(into: OutputRecords, start: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(into.buffer.subarray(start, start + length));
}

describe('createDeadLetterEncoder', () => {
  test('says what, where and why, in our words and in those of Kafka Connect', () => {
    const batch = recordBatch([{ value: 'fine' }, { key: 'k', value: 'bad', timestampMs: 55 }], {
      topic: 'in',
      partition: 4,
      firstOffset: 10,
    });
    const rows = rowsOf(layout, batch);
    rows.schemaIds.set(0, '31');
    rows.fail(1, 'out_of_range', 'Column distanceMiles is too large — much.');
    const into = new OutputRecords('dead');
    createDeadLetterEncoder(CONTEXT).encodeDeadLetters(rows, 99.9, into);
    expect(into.count).toBe(1);
    expect(into.timestamps[0]).toBe(99);
    expect(into.partition[0]).toBe(4);
    expect(texts(headersAt(into, 0))).toEqual({
      'weir.error.code': 'out_of_range',
      'weir.error.stage': 'validate',
      'weir.error.message': 'Column distanceMiles is too large — much.',
      'weir.error.topic': 'in',
      'weir.error.partition': '4',
      'weir.error.offset': '11',
      'weir.error.timestamp': '55',
      'weir.error.schema.id': '31',
      'weir.error.model.version': '7',
      'weir.error.worker': 'worker-1',
      '__connect.errors.topic': 'in',
      '__connect.errors.partition': '4',
      '__connect.errors.offset': '11',
      '__connect.errors.connector.name': 'flights',
      '__connect.errors.task.id': 'worker-1',
      '__connect.errors.stage': 'TRANSFORMATION',
      '__connect.errors.class.name': 'weir',
      '__connect.errors.exception.class.name': 'WeirError.out_of_range',
      '__connect.errors.exception.message': 'Column distanceMiles is too large — much.',
    });
  });

  test('keeps key, value and headers byte for byte; skipped and good rows have no dead letter', () => {
    const bytes = fc.option(
      fc.uint8Array({ maxLength: 100 }).map((b) => Buffer.from(b)),
      { nil: null },
    );
    const given = fc.record({
      key: bytes,
      value: bytes,
      headers: fc.array(fc.record({ key: fc.string({ maxLength: 10 }), value: bytes }), { maxLength: 70 }),
      fate: fc.constantFrom('fails', 'skipped', 'ok'),
    });
    const encoder = createDeadLetterEncoder(CONTEXT);
    fc.assert(
      fc.property(fc.array(given, { maxLength: 6 }), (records) => {
        const rows = rowsOf(layout, recordBatch(records));
        records.forEach(({ fate }, i) => {
          if (fate === 'fails') rows.fail(i, 'decode_failed', `row ${i}`);
          if (fate === 'skipped') rows.skip(i);
        });
        const into = new OutputRecords('dead', 64);
        encoder.encodeDeadLetters(rows, 1, into);
        const failed = records.filter(({ fate }) => fate === 'fails');
        expect(into.count).toBe(failed.length);
        failed.forEach(({ key, value, headers }, i) => {
          expect(slice(into, into.keyStart[i]!, into.keyLength[i]!)).toEqual(key);
          expect(slice(into, into.valueStart[i]!, into.valueLength[i]!)).toEqual(value);
          const kept = headersAt(into, i).slice(0, headers.length);
          expect(encodeHeaders(kept)).toEqual(encodeHeaders(headers));
          expect(texts(headersAt(into, i).slice(headers.length))).toMatchObject({ 'weir.error.code': 'decode_failed' });
        });
      }),
    );
  });

  test('header bytes that are no headers go whole into a header of their own', () => {
    const batch = recordBatch([{ value: 'v', headers: [{ key: 'a', value: Buffer.from('b') }] }]);
    const rows = rowsOf(layout, batch);
    batch.buffer[batch.headerStart[0]!] = 0x7f;
    rows.fail(0, 'frame_invalid', 'no');
    const into = new OutputRecords('dead');
    createDeadLetterEncoder(CONTEXT).encodeDeadLetters(rows, 1, into);
    const [raw, ...rest] = headersAt(into, 0);
    const original = batch.buffer.subarray(batch.headerStart[0]!, batch.headerStart[0]! + batch.headerLength[0]!);
    expect(raw).toEqual({ key: 'weir.error.headers.raw', value: Buffer.from(original) });
    expect(rest).toHaveLength(19);
  });

  test('a message without end is cut', () => {
    const rows = rowsOf(layout, recordBatch([{ value: 'v' }]));
    rows.fail(0, 'schema_incompatible', 'ü'.repeat(100_000));
    const into = new OutputRecords('dead');
    createDeadLetterEncoder(CONTEXT).encodeDeadLetters(rows, 1, into);
    expect(texts(headersAt(into, 0))['weir.error.message']).toBe(`${'ü'.repeat(1_000)}…`);
  });

  test('a record that the topic would refuse loses its value and nothing else, and says how large it was', () => {
    const headers = [{ key: 'trace', value: Buffer.from('t') }];
    const large = { key: 'k', value: Buffer.alloc(3_000, 1), headers };
    const rows = rowsOf(layout, recordBatch([large, { key: 'small', value: 'v', headers }], { topic: 'in', partition: 2, firstOffset: 7 }));
    rows.fail(0, 'decode_failed', 'no');
    rows.fail(1, 'decode_failed', 'no');
    const into = new OutputRecords('dead', 64);
    createDeadLetterEncoder({ ...CONTEXT, maxRecordBytes: 2_500 }).encodeDeadLetters(rows, 1, into);
    expect(into.count).toBe(2);
    expect(slice(into, into.keyStart[0]!, into.keyLength[0]!)).toEqual(Buffer.from('k'));
    expect(into.valueLength[0]).toBe(-1);
    const [trace, ...said] = headersAt(into, 0);
    expect(trace).toEqual(headers[0]);
    expect(said).toHaveLength(20); // the nineteen of every dead letter, and the size
    expect(texts(said)).toMatchObject({
      'weir.error.code': 'decode_failed',
      'weir.error.topic': 'in',
      'weir.error.partition': '2',
      'weir.error.offset': '7',
      'weir.error.value.bytes': '3000',
    });
    // The next one fits and is whole.
    expect(slice(into, into.valueStart[1]!, into.valueLength[1]!)).toEqual(Buffer.from('v'));
    expect(texts(headersAt(into, 1))).not.toHaveProperty('weir.error.value.bytes');
  });

  test('no dead letter with its value is larger than the topic takes, and none loses its value without need', () => {
    const maxRecordBytes = 4_000;
    // What may be lost to the bound being one: a varint here, three bytes for a character of one there.
    const slack = 1_000;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 * maxRecordBytes }),
        fc.integer({ min: 0, max: 40 }),
        fc.boolean(),
        (bytes, keyBytes, isBroken) => {
          const headers = [{ key: 'h', value: Buffer.alloc(20, 2) }];
          const batch = recordBatch([{ key: Buffer.alloc(keyBytes, 3), value: Buffer.alloc(bytes, 1), headers }]);
          if (isBroken) batch.buffer[batch.headerStart[0]!] = 0x7f;
          const rows = rowsOf(layout, batch);
          rows.fail(0, 'decode_failed', 'grün');
          const into = new OutputRecords('dead', 64);
          createDeadLetterEncoder({ ...CONTEXT, maxRecordBytes }).encodeDeadLetters(rows, 1, into);
          const size = into.keyLength[0]! + Math.max(0, into.valueLength[0]!) + into.headerLength[0]!;
          expect(size).toBeLessThanOrEqual(maxRecordBytes);
          const said = texts(headersAt(into, 0));
          if (into.valueLength[0] === bytes) {
            expect(said).not.toHaveProperty('weir.error.value.bytes');
          } else {
            expect(into.valueLength[0]).toBe(-1);
            expect(said['weir.error.value.bytes']).toBe(String(bytes));
            expect(size + bytes).toBeGreaterThan(maxRecordBytes - slack);
          }
        },
      ),
    );
  });

  test('the schema id of a row is the one given last at or before it', () => {
    const rows = rowsOf(layout, recordBatch([{ value: '0' }, { value: '1' }, { value: '2' }, { value: '3' }]));
    rows.schemaIds.set(0, '5').set(2, '').set(3, '6');
    for (let row = 0; row < 4; row++) rows.fail(row, 'decode_failed', '');
    const into = new OutputRecords('dead');
    createDeadLetterEncoder(CONTEXT).encodeDeadLetters(rows, 1, into);
    expect([0, 1, 2, 3].map((i) => texts(headersAt(into, i))['weir.error.schema.id'])).toEqual(['5', '5', '', '6']);
  });
});

test('createEncoder turns a prediction that is too large into a dead letter', () => {
  const rows = rowsOf(layout, recordBatch([{ value: 'a' }, { key: 'k'.repeat(900), value: 'b' }, { value: 'c' }]));
  rows.fail(2, 'decode_failed', 'broken');
  const predictions = new FramedOutputRecords('out');
  const deadLetters = new OutputRecords('dead');
  const encoder = createEncoder({
    layout,
    framing: { prefix: Buffer.alloc(0) },
    model: { name: 'm', version: '7' },
    maxRecordBytes: 1_500,
    deadLetters: { pipeline: 'p', worker: 'w' },
  });
  encoder.encode(rows, new Scores(3, { label: false, extras: [] }), 1, predictions, deadLetters);
  expect(predictions.count).toBe(1);
  expect([0, 1].map((i) => texts(headersAt(deadLetters, i))['weir.error.code'])).toEqual(['output_too_large', 'decode_failed']);
});
