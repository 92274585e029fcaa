import { describe, expect, it } from 'vitest';
import { Scores } from '../../../src/core/rows.ts';
import type { Model } from '../../../src/core/ports.ts';
import type { MicroBatch } from '../../../src/pipeline/micro-batcher.ts';
import { WorkPool } from '../../../src/pipeline/work.ts';
import { recordBatch } from '../../support/records.ts';
import { layout } from './path-harness.ts';

const model: Model = {
  name: 'm',
  version: '1',
  run: async () => {},
  createScores: (capacity) => new Scores(capacity, { label: false, extras: [] }),
  close: async () => {},
};

function batchOf(value: string): MicroBatch {
  const records = recordBatch([{ value }]);
  return { slices: [{ records, from: 0, to: 1, fromRow: 0 }], rows: 1, bytes: records.bytes, reason: 'rows' };
}

describe('WorkPool', () => {
  it('makes room for a whole batch, and separate room for each batch in flight', () => {
    const pool = new WorkPool(layout, model, 8);
    const first = pool.take(batchOf('a'));
    const second = pool.take(batchOf('b'));
    expect(first.rows.capacity).toBe(8);
    expect(first.scores.score.length).toBe(8);
    expect(first.isScored).toBe(false);
    expect(second.rows).not.toBe(first.rows);
    expect(second.scores).not.toBe(first.scores);
  });

  it('gives room out again as if it were new: another batch, not scored yet', () => {
    const pool = new WorkPool(layout, model, 8);
    const work = pool.take(batchOf('a'));
    const { rows, scores } = work;
    work.isScored = true;
    pool.give(work);
    const batch = batchOf('b');
    const again = pool.take(batch);
    expect(again.rows).toBe(rows);
    expect(again.scores).toBe(scores);
    expect(again.batch).toBe(batch);
    expect(again.isScored).toBe(false);
    expect(pool.take(batchOf('c')).rows).not.toBe(rows);
  });

  it('holds no records while nobody uses it', () => {
    const pool = new WorkPool(layout, model, 8);
    const work = pool.take(batchOf('a'));
    work.rows.reset(work.batch.slices);
    pool.give(work);
    expect(work.rows.slices).toEqual([]);
    expect(work.batch.slices).toEqual([]);
  });
});
