import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptOf, headerSpans, redrivenHeaders } from '../../../src/app/dlq-headers.ts';
import { type LetterFilter, matches } from '../../../src/app/dlq-filter.ts';
import { formatOffsets, RedriveLedger } from '../../../src/app/dlq-ledger.ts';
import { type DeadLetter, type DeadLetterRecord, readDeadLetter } from '../../../src/app/dlq-letter.ts';
import { judge } from '../../../src/app/dlq-plan.ts';
import { createDeadLetterEncoder } from '../../../src/avro/dead-letter-encoder.ts';
import { encodeHeaders, type Header } from '../../../src/core/headers.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { RecordBatch } from '../../../src/core/records.ts';
import { recordBatch, type TestRecord } from '../../support/records.ts';
import { floatLayout, rowsOf } from '../avro/rows-fixture.ts';

const text = (value: string): Buffer => Buffer.from(value);

/** A record as a failed row's dead letter, by way of the encoder of the worker. */
function deadLetterOf(record: TestRecord, maxRecordBytes = Number.POSITIVE_INFINITY, breakHeaders = false): RecordBatch {
  const batch = recordBatch([record], { topic: 'in', partition: 3, firstOffset: 41 });
  if (breakHeaders) batch.buffer[batch.headerStart[0]!] = 0x7f;
  const rows = rowsOf(floatLayout(1), batch);
  rows.schemaIds.set(0, '31');
  rows.fail(0, 'out_of_range', 'too much');
  const into = new OutputRecords('dead');
  createDeadLetterEncoder({ pipeline: 'p', worker: 'w-1', modelVersion: '7', maxRecordBytes }).encodeDeadLetters(rows, 1_700, into);
  return recordBatchOf(into);
}

function recordBatchOf(into: OutputRecords): RecordBatch {
  const empty = recordBatch([{ value: null }], { topic: into.topic, partition: 5, firstOffset: 9 });
  const { buffer, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength } = into;
  return { ...empty, buffer, timestamps, keyStart, keyLength, valueStart, valueLength, headerStart, headerLength };
}

function letterOf(found: DeadLetterRecord): DeadLetter {
  if (found.kind !== 'letter') throw new Error(`not a letter: ${found.kind}`);
  return found.letter;
}

const spansOf = (headers: readonly Header[]): NonNullable<ReturnType<typeof headerSpans>> => {
  const bytes = encodeHeaders(headers);
  return headerSpans(bytes, 0, bytes.length)!;
};

describe('readDeadLetter', () => {
  it('reads what the encoder of the worker writes', () => {
    const headers = [
      { key: 'a', value: text('1') },
      { key: 'a', value: null },
    ];
    const letter = letterOf(readDeadLetter(deadLetterOf({ key: 'k', value: 'v', headers, timestampMs: 55 }), 0));
    expect(letter).toMatchObject({
      ...{ partition: 5, offset: 9, timestampMs: 1_700, code: 'out_of_range', stage: 'validate', message: 'too much' },
      source: { topic: 'in', partition: 3, offset: 41, timestampMs: 55 },
      ...{ schemaId: '31', modelVersion: '7', worker: 'w-1', attempt: 0, omittedBytes: undefined, rawHeaders: undefined },
      ...{ key: text('k'), value: text('v') },
    });
    expect(letter.headers.map(({ key, value }) => ({ key, value }))).toEqual(headers);
  });

  it('gives back the headers of any record byte for byte, also those that look like ours', () => {
    const key = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('weir.error.code', 'weir.error.offset', '__connect.errors.topic', 'weir.redrive.offsets'),
    );
    const value = fc.option(
      fc.uint8Array({ maxLength: 90 }).map((b) => Buffer.from(b)),
      { nil: null },
    );
    fc.assert(
      fc.property(fc.array(fc.record({ key, value }), { maxLength: 70 }), (headers) => {
        const letter = letterOf(readDeadLetter(deadLetterOf({ key: null, value: 'v', headers }), 0));
        expect(letter).toMatchObject({ code: 'out_of_range', source: { topic: 'in', partition: 3, offset: 41 } });
        expect(letter.headers).toEqual(spansOf(headers));
        const again = redrivenHeaders(letter.headers, 4);
        expect(headerSpans(again, 0, again.length)).toEqual(spansOf([...headers, { key: 'weir.redrive.attempt', value: text('4') }]));
      }),
    );
  });

  it('says when the value was left out, and when the headers are none', () => {
    const headers = [{ key: 'a', value: text('1') }];
    const large = letterOf(readDeadLetter(deadLetterOf({ key: 'k', value: Buffer.alloc(5_000), headers }, 3_000), 0));
    expect(large).toMatchObject({ value: null, omittedBytes: 5_000 });
    expect(large.headers).toEqual(spansOf(headers));
    const broken = letterOf(readDeadLetter(deadLetterOf({ key: 'k', value: 'v', headers }, undefined, true), 0));
    expect(broken.headers).toEqual([]);
    expect(broken.rawHeaders?.subarray(1)).toEqual(encodeHeaders(headers).subarray(1));
  });

  it('tells markers and strangers apart; no input record can pass for a marker', () => {
    const marker = { key: null, value: null, headers: [{ key: 'weir.redrive.offsets', value: text('1-3') }] };
    expect(readDeadLetter(recordBatch([marker]), 0)).toEqual({ kind: 'marker', offsets: '1-3' });
    expect(readDeadLetter(deadLetterOf(marker), 0).kind).toBe('letter');
    for (const stranger of [{ value: 'v' }, { ...marker, key: 'k' }, { ...marker, value: '' }, { key: null, value: null, headers: [] }])
      expect(readDeadLetter(recordBatch([stranger]), 0)).toEqual({ kind: 'foreign' });
    const broken = recordBatch([marker]);
    broken.buffer[broken.headerStart[0]!] = 0x7f;
    expect(readDeadLetter(broken, 0)).toEqual({ kind: 'foreign' });
  });
});

describe('attempts', () => {
  it('are read from the last header that is a number, and replaced wherever the old one stood', () => {
    const attempt = (value: string): Header => ({ key: 'weir.redrive.attempt', value: text(value) });
    expect([[], [attempt('2')], [attempt('7'), attempt('1')], [attempt('x')], [attempt('-1')]].map((h) => attemptOf(spansOf(h)))).toEqual([
      0, 2, 1, 0, 0,
    ]);
    const other = { key: 'b', value: text('2') };
    const bytes = redrivenHeaders(spansOf([attempt('1'), other, attempt('2')]), 3);
    expect(bytes).toEqual(encodeHeaders([other, attempt('3')]));
  });
});

describe('RedriveLedger', () => {
  it('knows the offsets of its markers, in whatever order and overlap they come', () => {
    const offsets = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 60 }).map((list) => list.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(offsets, { maxLength: 5 }), (markers) => {
        const ledger = new RedriveLedger();
        for (const list of markers) ledger.add(1, formatOffsets(list));
        const all = new Set(markers.flat());
        for (let offset = 0; offset <= 201; offset++) expect(ledger.has(1, offset)).toBe(all.has(offset));
        expect(ledger.has(0, 5)).toBe(false);
      }),
    );
  });

  it('writes runs short and ignores what is no offset', () => {
    expect(formatOffsets([3, 4, 5, 9, 11, 12])).toBe('3-5,9,11-12');
    const ledger = new RedriveLedger();
    ledger.add(0, 'x,,5-,-3,1e3,7');
    expect([3, 5, 7, 1_000].map((offset) => ledger.has(0, offset))).toEqual([false, false, true, false]);
  });
});

describe('matches', () => {
  const letter = letterOf(readDeadLetter(deadLetterOf({ key: 'k', value: 'v' }), 0));
  it.each<[LetterFilter, boolean]>([
    [{}, true],
    [{ codes: ['decode_failed', 'out_of_range'] }, true],
    [{ codes: ['decode_failed'] }, false],
    [{ stages: ['validate'] }, true],
    [{ stages: ['decode'] }, false],
    [{ sinceMs: 1_700, untilMs: 1_701 }, true],
    [{ sinceMs: 1_701 }, false],
    [{ untilMs: 1_700 }, false],
    [{ partitions: [5] }, true],
    [{ partitions: [3] }, false],
    [{ sourcePartitions: [3] }, true],
    [{ sourcePartitions: [5] }, false],
    [{ codes: ['out_of_range'], stages: ['decode'] }, false],
  ])('%j: %s', (filter, expected) => expect(matches(filter, letter)).toBe(expected));
});

describe('judge', () => {
  const letter = letterOf(readDeadLetter(deadLetterOf({ key: 'k', value: 'vvvv' }), 0));
  const rules = { ledger: new RedriveLedger(), maxAttempts: 3, again: false, maxRecordBytes: 1_000 };
  const done = new RedriveLedger();
  done.add(5, '9');
  it.each([
    ['redrive', letter, rules],
    ['already', letter, { ...rules, ledger: done }],
    ['redrive', letter, { ...rules, ledger: done, again: true }],
    ['redrive', { ...letter, attempt: 2 }, rules],
    ['exhausted', { ...letter, attempt: 3 }, rules],
    ['exhausted', { ...letter, attempt: 3 }, { ...rules, again: true }],
    ['without-value', { ...letter, value: null, omittedBytes: 9 }, rules],
    ['unreadable-headers', { ...letter, rawHeaders: text('x') }, rules],
    ['too-large', letter, { ...rules, maxRecordBytes: 20 }],
    // Labels go back to their topic, and nothing else does.
    ['redrive', letter, { ...rules, labels: { topic: 'labels', isTarget: false } }],
    ['other-topic', letter, { ...rules, labels: { topic: 'labels', isTarget: true } }],
    ['other-topic', letter, { ...rules, labels: { topic: letter.source.topic, isTarget: false } }],
    ['redrive', letter, { ...rules, labels: { topic: letter.source.topic, isTarget: true } }],
  ] as const)('%s', (verdict, given, by) => expect(judge(given, by)).toBe(verdict));
});
