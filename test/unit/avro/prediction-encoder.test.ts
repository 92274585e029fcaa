import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOwnSchema } from '../../../src/core/own-schemas.ts';
import { createPredictionEncoder } from '../../../src/avro/prediction-encoder.ts';
import { decodeHeaders, type Header } from '../../../src/core/headers.ts';
import { FramedOutputRecords } from '../../../src/core/framed-outputs.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import { Scores } from '../../../src/core/rows.ts';
import { recordBatch } from '../../support/records.ts';
import { floatLayout, rowsOf } from './rows-fixture.ts';

const TYPE = avro.Type.forSchema(readOwnSchema('prediction') as avro.Schema);
const PREFIX = Buffer.of(0, 0, 0, 1, 2);
const MODEL = { name: 'flights-gbt', version: '1' };

/** What lies in an output record, as objects. */
function outputAt(into: OutputRecords, i: number) {
  const { buffer } = into;
  const valueStart = into.valueStart[i]!;
  const value = buffer.subarray(valueStart, valueStart + into.valueLength[i]!);
  const keyLength = into.keyLength[i]!;
  return {
    key: keyLength < 0 ? null : Buffer.from(buffer.subarray(into.keyStart[i]!, into.keyStart[i]! + keyLength)),
    prefix: Buffer.from(value.subarray(0, PREFIX.length)),
    // fromBuffer throws when bytes are left over, so this also checks the length.
    value: { ...(TYPE.fromBuffer(Buffer.from(value.subarray(PREFIX.length))) as object) } as Record<string, unknown>,
    headers: decodeHeaders(buffer, into.headerStart[i]!, into.headerLength[i]!).map(({ key, value }) => ({
      key,
      value: value && Buffer.from(value),
    })),
    partition: into.partition[i]!,
    timestampMs: into.timestamps[i]!,
  };
}

interface GivenRow {
  key: Buffer | null;
  headers: Header[];
  score: number;
  label: string | undefined;
  extras: number[];
  degraded: boolean[];
  eventTimeMs: number;
  fails: boolean;
}

const COLUMNS = 35; // more than one word of degraded bits
const layout = floatLayout(COLUMNS);

const givenRow: fc.Arbitrary<GivenRow> = fc.record({
  key: fc.option(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 80 }).map((s) => Buffer.from(s)),
      fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b)),
    ),
    { nil: null },
  ),
  headers: fc.array(
    fc.record({
      key: fc.constantFrom('traceparent', 'tracestate', 'other'),
      value: fc.option(
        fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)),
        { nil: null },
      ),
    }),
    { maxLength: 4 },
  ),
  score: fc.double({ noNaN: true }),
  label: fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }), { nil: undefined }),
  extras: fc.array(fc.float({ noNaN: true }), { minLength: 5, maxLength: 5 }),
  degraded: fc.array(fc.boolean(), { minLength: COLUMNS, maxLength: COLUMNS }),
  eventTimeMs: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
  fails: fc.boolean(),
});

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8')).equals(bytes);

describe('createPredictionEncoder', () => {
  test('every row that is ok decodes with avsc to what went in, whatever the rows, also while the buffer grows', () => {
    const encoder = createPredictionEncoder({ layout, framing: { prefix: PREFIX }, model: MODEL, arm: 'shadow' });
    fc.assert(
      fc.property(
        fc.array(givenRow, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.nat(300),
        fc.maxSafeNat().map((n) => Math.max(0, n - 1_000)),
        fc.constantFrom('flights', 'tópico', 't'.repeat(200)),
        (given, hasExtras, partition, firstOffset, topic) => {
          const batch = recordBatch(
            given.map(({ key, headers }) => ({ key, value: 'v', headers })),
            { topic, partition, firstOffset },
          );
          const rows = rowsOf(layout, batch);
          const extras = hasExtras
            ? [
                { name: 'logit', width: 1 },
                { name: 'shares', width: 4 },
              ]
            : [];
          const scores = new Scores(given.length, { label: true, extras });
          given.forEach((row, i) => {
            scores.score[i] = row.score;
            scores.label![i] = row.label;
            if (hasExtras) {
              scores.extras[0]!.values[i] = row.extras[0]!;
              scores.extras[1]!.values.set(row.extras.slice(1), i * 4);
            }
            row.degraded.forEach((is, c) => is && rows.degrade(i, c));
            rows.eventTimeMs[i] = row.eventTimeMs;
            if (row.fails) rows.fail(i, 'decode_failed', 'no');
          });
          const into = new FramedOutputRecords('predictions', 64); // grows at once, and again
          encoder.encodePredictions(rows, scores, 1_700_000_000_123.7, into);

          const wanted = given.map((row, i) => ({ row, offset: firstOffset + i })).filter(({ row }) => !row.fails);
          expect(into.count).toBe(wanted.length);
          wanted.forEach(({ row, offset }, i) => {
            const output = outputAt(into, i);
            const degradedFeatures = row.degraded.flatMap((is, c) => (is ? [`c${c}`] : []));
            expect(output.value).toEqual({
              predictionId: `${topic}-${partition}-${offset}`,
              model: MODEL.name,
              modelVersion: MODEL.version,
              arm: 'shadow',
              entityKey: row.key && isText(row.key) ? row.key.toString() : null,
              eventTime: row.eventTimeMs,
              scoredAt: 1_700_000_000_123,
              score: row.score,
              label: row.label ?? null,
              outputs: hasExtras ? { logit: row.extras.slice(0, 1), shares: row.extras.slice(1) } : null,
              status: degradedFeatures.length > 0 ? 'DEGRADED' : 'OK',
              degradedFeatures,
              source: { topic, partition, offset },
            });
            const last = (key: string) => row.headers.findLast((h) => h.key === key);
            const passedOn = ['traceparent', 'tracestate'].map(last).filter((h) => h?.value != null);
            expect(output.headers).toEqual(passedOn);
            expect(output).toMatchObject({ key: row.key, prefix: PREFIX, partition, timestampMs: 1_700_000_000_123 });
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  const one = (record: Parameters<typeof recordBatch>[0][number], more = {}) => {
    const small = floatLayout(1);
    const rows = rowsOf(small, recordBatch([record]));
    const scores = new Scores(1, { label: false, extras: [] });
    scores.score[0] = 0.25;
    const encoder = createPredictionEncoder({ layout: small, framing: { prefix: PREFIX }, model: MODEL, ...more });
    return { rows, scores, encoder, into: new FramedOutputRecords('predictions') };
  };

  test('the arm is champion unless told otherwise', () => {
    const { rows, scores, encoder, into } = one({ key: 'N14228', value: 'v' });
    encoder.encodePredictions(rows, scores, 1, into);
    expect(outputAt(into, 0).value).toMatchObject({ arm: 'champion', entityKey: 'N14228', label: null, outputs: null });
  });

  test('several slices of several topic-partitions keep their coordinates and row order', () => {
    const small = floatLayout(1);
    const batches = [
      recordBatch([{ value: 'v' }, { value: 'v' }], { topic: 'a', partition: 3, firstOffset: 9 }),
      recordBatch([{ value: 'v' }], { topic: 'b', partition: 0, firstOffset: 100 }),
    ];
    const rows = rowsOf(small, ...batches);
    const scores = new Scores(3, { label: false, extras: [] });
    scores.score.set([0.1, 0.2, 0.3]);
    const into = new FramedOutputRecords('predictions');
    createPredictionEncoder({ layout: small, framing: { prefix: PREFIX }, model: MODEL }).encodePredictions(rows, scores, 1, into);
    const seen = [0, 1, 2].map((i) => [outputAt(into, i).value['predictionId'], outputAt(into, i).value['score'], into.partition[i]]);
    expect(seen).toEqual([
      ['a-3-9', 0.1, 3],
      ['a-3-10', 0.2, 3],
      ['b-0-100', 0.3, 0],
    ]);
  });

  test('an event time that is no exact integer gives way to the record timestamp', () => {
    for (const eventTimeMs of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
      const { rows, scores, encoder, into } = one({ value: 'v', timestampMs: 77 });
      rows.eventTimeMs[0] = eventTimeMs;
      encoder.encodePredictions(rows, scores, 1, into);
      expect(outputAt(into, 0).value['eventTime']).toBe(77);
    }
  });

  test('header bytes that are no headers are left behind', () => {
    const { rows, scores, encoder, into } = one({ value: 'v', headers: [{ key: 'traceparent', value: Buffer.from('00-1-2-01') }] });
    const { records } = rows.slices[0]!;
    records.buffer[records.headerStart[0]!] = 0xff;
    encoder.encodePredictions(rows, scores, 1, into);
    expect(into.headerLength[0]).toBe(0);
  });

  test('a prediction that is too large fails its row and leaves nothing behind', () => {
    const { rows, scores, encoder, into } = one({ key: 'k'.repeat(500), value: 'v' }, { maxRecordBytes: 1_000 });
    encoder.encodePredictions(rows, scores, 1, into);
    expect(into.count).toBe(0);
    expect(into.bytes).toBe(0);
    expect(rows.codeOf(0)).toBe('output_too_large');
    expect(rows.messageOf(0)).toMatch(/^The prediction has 1\d\d\d bytes; topic predictions takes 1000\.$/);
  });

  test('labels without end do not fill memory and stay right', () => {
    const small = floatLayout(1);
    const encoder = createPredictionEncoder({ layout: small, framing: { prefix: PREFIX }, model: MODEL });
    const batch = recordBatch(Array.from({ length: 2_500 }, () => ({ value: 'v' })));
    const rows = rowsOf(small, batch);
    const scores = new Scores(2_500, { label: true, extras: [] });
    for (let i = 0; i < 2_500; i++) scores.label![i] = `label ${i % 2_400}`;
    const into = new FramedOutputRecords('predictions');
    encoder.encodePredictions(rows, scores, 1, into);
    for (const i of [0, 999, 1_000, 1_001, 2_399, 2_400, 2_499]) expect(outputAt(into, i).value['label']).toBe(`label ${i % 2_400}`);
  });
});

test('the schema of predictions documents every field and can grow', () => {
  interface Documented {
    name?: string;
    doc?: string;
    fields?: Documented[];
    type?: unknown;
  }
  const undocumented: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (node === null || typeof node !== 'object') return;
    const { name, doc, fields, type } = node as Documented;
    if (name !== undefined && !doc) undocumented.push(name);
    fields?.forEach(visit);
    visit(type);
  };
  visit(readOwnSchema('prediction'));
  expect(undocumented).toEqual([]);
  expect(TYPE.name).toBe('weir.v1.Prediction');
});
