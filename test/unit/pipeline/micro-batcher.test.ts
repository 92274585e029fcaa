import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/core/records.ts';
import { type BatchLimits, type MicroBatch, MicroBatcher } from '../../../src/pipeline/micro-batcher.ts';
import { recordBatch } from '../../support/records.ts';

const limits: BatchLimits = { maxRows: 4, maxBytes: 100, targetMs: 50, maxDelayMs: 10, eager: false };
const records = (count: number, context: Parameters<typeof recordBatch>[1] = {}, value = 'x') =>
  recordBatch(
    Array.from({ length: count }, () => ({ value })),
    context,
  );

describe('MicroBatcher', () => {
  it('closes when it has enough rows, and keeps the rest', () => {
    const batcher = new MicroBatcher(limits);
    batcher.add(records(3));
    expect(batcher.take(0, false, false)).toBeUndefined();
    batcher.add(records(3, { partition: 1 }));
    const batch = batcher.take(0, false, false)!;
    expect(batch).toMatchObject({ rows: 4, reason: 'rows' });
    expect(batch.slices.map((s) => [s.records.partition, s.from, s.to, s.fromRow])).toEqual([
      [0, 0, 3, 0],
      [1, 0, 1, 3],
    ]);
    expect(batcher.pendingRows).toBe(2);
  });

  it('lets full micro-batches grow as long as they are quick', () => {
    const batcher = new MicroBatcher({ ...limits, maxRows: 1_000, maxBytes: 1 << 20 });
    batcher.add(records(5_000));
    const rows = Array.from({ length: 4 }, () => {
      const batch = batcher.take(0, false, false)!;
      batcher.scored(batch, 10);
      return batch.rows;
    });
    expect(rows).toEqual([512, 640, 768, 896]);
    batcher.scored(batcher.take(0, false, false)!, 60);
    expect(batcher.limitRows).toBe(800);
    // Closed because nothing more comes: it says nothing about how many rows fit.
    const last = batcher.take(0, false, true)!;
    batcher.scored({ ...last, reason: 'drain' }, 1_000);
    expect(batcher.limitRows).toBe(800);
  });

  it('counts the delay from the oldest record, not from the last close', () => {
    const batcher = new MicroBatcher(limits);
    batcher.add(records(1, { arrivedAtMs: 5 }));
    batcher.add(records(1, { arrivedAtMs: 12, partition: 1 }));
    expect(batcher.msUntilDue(12)).toBe(3);
    expect(batcher.take(14, false, false)).toBeUndefined();
    expect(batcher.take(15, false, false)).toMatchObject({ rows: 2, reason: 'delay' });
    expect(batcher.msUntilDue(15)).toBe(Number.POSITIVE_INFINITY);
  });

  it('closes at once when the pipeline is idle, if eager', () => {
    const eager = new MicroBatcher({ ...limits, eager: true });
    eager.add(records(1));
    expect(eager.take(0, false, false)).toBeUndefined();
    expect(eager.take(0, true, false)).toMatchObject({ rows: 1, reason: 'eager' });
    const patient = new MicroBatcher(limits);
    patient.add(records(1));
    expect(patient.take(0, true, false)).toBeUndefined();
    expect(patient.take(0, true, true)).toMatchObject({ rows: 1, reason: 'drain' });
  });

  it('never exceeds its bytes, but lets a single large record through', () => {
    const batcher = new MicroBatcher(limits);
    batcher.add(recordBatch([{ value: 'a'.repeat(60) }, { value: 'b'.repeat(60) }, { value: 'c'.repeat(400) }]));
    expect(batcher.take(0, false, false)).toMatchObject({ rows: 1, bytes: 60, reason: 'bytes' });
    expect(batcher.take(0, false, false)).toMatchObject({ rows: 1, bytes: 60, reason: 'bytes' });
    expect(batcher.take(0, false, false)).toMatchObject({ rows: 1, bytes: 400, reason: 'bytes' });
    expect(batcher.take(0, false, true)).toBeUndefined();
  });

  it('drops what waits of lost partitions and says how much', () => {
    const batcher = new MicroBatcher({ ...limits, maxRows: 2 });
    batcher.add(records(3));
    batcher.add(records(2, { partition: 1 }, 'yy'));
    batcher.take(0, false, false);
    expect(batcher.drop([{ topic: 'events', partition: 0 }]).map(({ from, to }) => [from, to])).toEqual([[2, 3]]);
    expect(batcher.pendingRows).toBe(2);
    expect(batcher.take(0, false, true)!.slices.map((s) => s.records.partition)).toEqual([1]);
  });

  it('hands every record out once, in order per partition, within its bounds (property)', () => {
    const arrival = fc.record({
      partition: fc.integer({ min: 0, max: 2 }),
      sizes: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 9 }),
    });
    fc.assert(
      fc.property(
        fc.array(arrival, { maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 120 }),
        (arrivals, maxRows, maxBytes) => {
          const batcher = new MicroBatcher({ maxRows, maxBytes, targetMs: 50, maxDelayMs: 10, eager: false });
          const next = [0, 0, 0];
          const batches: MicroBatch[] = [];
          const takeAll = (draining: boolean): void => {
            for (let b = batcher.take(0, false, draining); b; b = batcher.take(0, false, draining)) batches.push(b);
          };
          for (const { partition, sizes } of arrivals) {
            batcher.add(
              recordBatch(
                sizes.map((size) => ({ value: 'v'.repeat(size) })),
                { partition, firstOffset: next[partition]! },
              ),
            );
            next[partition]! += sizes.length;
            takeAll(false);
          }
          takeAll(true);
          const seen = [0, 0, 0];
          for (const batch of batches) {
            expect(batch.rows).toBeGreaterThan(0);
            expect(batch.rows).toBeLessThanOrEqual(maxRows);
            if (batch.rows > 1) expect(batch.bytes).toBeLessThanOrEqual(maxBytes);
            let row = 0;
            let bytes = 0;
            for (const { records: r, from, to, fromRow } of batch.slices) {
              expect(fromRow).toBe(row);
              row += to - from;
              bytes += bytesOf(r, from, to);
              for (let i = from; i < to; i++) expect(r.offsets[i]).toBe(seen[r.partition]!++);
            }
            expect(row).toBe(batch.rows);
            expect(bytes).toBe(batch.bytes);
          }
          expect(seen).toEqual(next);
          expect(batcher.pendingRows).toBe(0);
        },
      ),
    );
  });
});
