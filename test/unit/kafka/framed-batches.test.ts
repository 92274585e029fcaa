import fc from 'fast-check';
import type { TopicMessages } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { copyBytes, viewOf } from '../../../src/core/bytes.ts';
import { FramedOutputRecords } from '../../../src/core/framed-outputs.ts';
import { decodeHeaders, encodeHeaders, type Header } from '../../../src/core/headers.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { produceRequests, type TopicLimits } from '../../../src/kafka/produce-requests.ts';
import { PartitionDraft, recordBytes, type TopicDraft } from '../../../src/kafka/protocol/partition-draft.ts';
import { BATCH_HEADER_BYTES, sealBatch, writeRecords } from '../../../src/kafka/protocol/record-batch-writer.ts';

interface Run {
  readonly partition: number;
  readonly timestampMs: number;
  readonly records: readonly { readonly key: Uint8Array | null; readonly value: Uint8Array; readonly headers: readonly Header[] }[];
}

const T0 = 1_750_000_000_000;
const CONTEXT = { codec: 0, isTransactional: true, producerId: 7n, producerEpoch: 3, firstSequence: 11 };

function framed(runs: readonly Run[], maxBatchBytes?: number): FramedOutputRecords {
  const into = new FramedOutputRecords('out', 32, maxBatchBytes);
  for (const { partition, timestampMs, records } of runs) {
    into.openRun(partition, timestampMs);
    for (const { key, value, headers } of records) {
      const trailer = headers.length > 0 ? encodeHeaders(headers) : Buffer.alloc(0);
      const put = (at: number, bytes: Uint8Array | null): number => (bytes ? copyBytes(into.view, at, viewOf(bytes), 0, bytes.length) : at);
      let at = into.begin(key?.length ?? -1, (key?.length ?? 0) + value.length + trailer.length);
      at = into.beginValue(put(at, key));
      at = into.endValue(put(at, value));
      at = put(at, trailer);
      expect(into.recordBytes(at)).toBe((key?.length ?? 0) + value.length + trailer.length);
      into.end(at);
    }
  }
  return into;
}

function plain(runs: readonly Run[]): OutputRecords {
  const into = new OutputRecords('out');
  for (const { partition, timestampMs, records } of runs) for (const record of records) into.push({ partition, timestampMs, ...record });
  return into;
}

function batchOf(draft: PartitionDraft): Buffer {
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES + draft.maxBytes);
  const end = writeRecords(draft, bytes, BATCH_HEADER_BYTES);
  sealBatch(draft, CONTEXT, bytes, 0, end);
  return bytes.subarray(0, end);
}

/** Batches of each partition, in the order of sending. */
function sent(outputs: readonly OutputRecords[], limits: TopicLimits): Map<number, { batch: Buffer; count: number }[]> {
  const byPartition = new Map<number, { batch: Buffer; count: number }[]>();
  for (const request of produceRequests(outputs, () => limits)) {
    for (const [partition, draft] of draftsOf(request)) {
      const batches = byPartition.get(partition) ?? [];
      byPartition.set(partition, [...batches, { batch: batchOf(draft), count: draft.length }]);
    }
  }
  return byPartition;
}

const draftsOf = (request: readonly TopicMessages[]): [number, PartitionDraft][] =>
  request.flatMap(({ messages }) => [...(messages as unknown as TopicDraft).partitions]);

/** The same records as batches of the given sizes, written one by one from columns: what the differential tests against stock cover. */
function expected(outputs: OutputRecords, partition: number, counts: readonly number[]): Buffer[] {
  const mine = Array.from({ length: outputs.count }, (_, i) => i).filter((i) => outputs.partition[i] === partition);
  let at = 0;
  return counts.map((count) => {
    const draft = new PartitionDraft();
    for (const i of mine.slice(at, (at += count))) draft.add(outputs, i, recordBytes(outputs, i));
    return batchOf(draft);
  });
}

const LARGE: TopicLimits = { partitions: 4, partitionBytes: 800_000 };
/** Lengths on both sides of where a varint grows, one after the other in any order. */
const bytesOf = (max: number): fc.Arbitrary<Uint8Array> =>
  fc
    .oneof(fc.nat(20), fc.integer({ min: 55, max: 66 }), fc.nat(max))
    .map((length) => Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff));
const record = fc.record({
  key: fc.option(bytesOf(100)),
  value: fc.oneof(
    bytesOf(300),
    fc.integer({ min: 8_100, max: 8_300 }).map((length) => new Uint8Array(length)),
  ),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(bytesOf(30).map((b) => Buffer.from(b))) }), { maxLength: 2 }),
});
const runs = fc
  .array(fc.record({ partition: fc.nat(3), waitMs: fc.nat(20_000), records: fc.array(record, { maxLength: 80 }) }), { maxLength: 8 })
  .map((given) => {
    let timestampMs = T0;
    return given.map(({ waitMs, ...run }): Run => ({ ...run, timestampMs: (timestampMs += waitMs) }));
  });

describe('framed output records', () => {
  it('are sent as the same bytes that records written one by one are', () => {
    fc.assert(
      fc.property(runs, fc.constantFrom(400, 9_000, 800_000), (given, maxBatchBytes) => {
        const outputs = framed(given, maxBatchBytes);
        expect(outputs.batches).toBeDefined();
        const reference = plain(given);
        const batches = sent([outputs], LARGE);
        for (let partition = 0; partition < 4; partition++) {
          const mine = batches.get(partition) ?? [];
          const wanted = expected(
            reference,
            partition,
            mine.map(({ count }) => count),
          );
          expect(mine.reduce((sum, { count }) => sum + count, 0)).toBe(
            reference.partition.subarray(0, reference.count).filter((p) => p === partition).length,
          );
          for (const [i, { batch, count }] of mine.entries()) {
            expect(batch.equals(wanted[i]!)).toBe(true);
            if (count > 1) expect(batch.length - BATCH_HEADER_BYTES).toBeLessThanOrEqual(maxBatchBytes);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('can be read by their columns', () => {
    fc.assert(
      fc.property(runs, (given) => {
        const [outputs, reference] = [framed(given), plain(given)];
        const seen = (from: OutputRecords): unknown[] =>
          Array.from({ length: from.count }, (_, i) => {
            const part = (start: number, length: number): string | null =>
              length < 0 ? null : from.buffer.toString('hex', start, start + length);
            return [
              from.partition[i],
              from.timestamps[i],
              part(from.keyStart[i]!, from.keyLength[i]!),
              part(from.valueStart[i]!, from.valueLength[i]!),
              decodeHeaders(from.buffer, from.headerStart[i]!, from.headerLength[i]!),
            ];
          });
        expect(seen(outputs)).toEqual(seen(reference));
      }),
      { numRuns: 30 },
    );
  });

  const two = (partition: number, timestampMs = T0): Run => ({
    partition,
    timestampMs,
    records: ['a', 'b'].map((text) => ({ key: Buffer.from(text), value: Buffer.from(`value ${text}`), headers: [] })),
  });
  const bytesSent = (batches: ReturnType<typeof sent>): unknown =>
    [...batches].map(([partition, all]) => [partition, all.map(({ batch }) => batch.toString('hex'))]);

  it('are written one by one when the clock was set back, so that the first timestamp of a batch is its smallest', () => {
    const given = [two(0, T0), two(0, T0 - 1)];
    const outputs = framed(given);
    expect(outputs.batches).toBeUndefined();
    expect(bytesSent(sent([outputs], LARGE))).toEqual(bytesSent(sent([plain(given)], LARGE)));
  });

  it('are written one by one when the topic lacks a partition or takes smaller batches', () => {
    const given = [two(0), two(1), two(0)];
    for (const limits of [
      { partitions: 1, partitionBytes: 800_000 },
      { partitions: 2, partitionBytes: 50 },
    ]) {
      const outputs = framed(given);
      expect(outputs.batches).toHaveLength(2);
      expect(bytesSent(sent([outputs], limits))).toEqual(bytesSent(sent([plain(given)], limits)));
    }
  });

  it('are written one by one when a record was added in another way', () => {
    const outputs = framed([two(0)]);
    outputs.push({ partition: 0, timestampMs: T0, key: null, value: Buffer.from('x') });
    expect(outputs.batches).toBeUndefined();
    expect([...sent([outputs], LARGE).values()].flat().map(({ count }) => count)).toEqual([3]);
  });

  it('share no batch with other outputs of their topic, and no request with another batch of their partition', () => {
    const requests = [...produceRequests([framed([two(0), two(1)]), plain([two(1)]), framed([two(1)])], () => LARGE)].length;
    expect(requests).toBe(3);
    const batches = sent([framed([two(0), two(1)]), plain([two(1)]), framed([two(1)])], LARGE);
    expect([...batches].map(([partition, all]) => [partition, all.map(({ count }) => count)])).toEqual([
      [0, [2]],
      [1, [2, 2, 2]],
    ]);
  });

  it('are cut where a request would become too large for a broker', () => {
    const values = Array.from(
      { length: 60 },
      (_, partition): Run => ({
        partition,
        timestampMs: T0,
        records: [{ key: null, value: new Uint8Array(700_000), headers: [] }],
      }),
    );
    const outputs = framed(values);
    const sizes = [...produceRequests([outputs], () => ({ partitions: 60, partitionBytes: 800_000 }))].map(
      (request) => draftsOf(request).length,
    );
    expect(sizes).toEqual([47, 13]);
  });

  it('leave nothing of a record that was not ended, and begin anew when cleared', () => {
    const outputs = framed([two(0)]);
    outputs.begin(3, 100);
    outputs.openRun(0, T0);
    expect(bytesSent(sent([outputs], LARGE))).toEqual(bytesSent(sent([plain([two(0)])], LARGE)));
    outputs.clear();
    expect([outputs.count, outputs.bytes, outputs.batches]).toEqual([0, 0, []]);
    outputs.openRun(2, T0);
    expect(sent([outputs], LARGE).size).toBe(0);
  });
});
