import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { wholeOf } from '../../../src/core/records.ts';
import { createRowLayout } from '../../../src/core/layout.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { FramedOutputRecords } from '../../../src/core/framed-outputs.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { createDeadLetterGuard, type DeadLetterGuard, guarded } from '../../../src/pipeline/dead-letter-guard.ts';
import { recordBatch } from '../../support/records.ts';

const layout = createRowLayout([], { entities: new Map() });
const OPTIONS = { maxShare: 0.5, forMs: 60_000, minRecords: 1_000 };

/** Rows of which the first `dead` failed, the next `skipped` were skipped and the next `withdrawn` belong to others. */
function rowsOf(count: number, dead: number, { skipped = 0, withdrawn = 0 } = {}): Rows {
  const rows = new Rows(layout, count);
  rows.reset([wholeOf(recordBatch(Array.from({ length: count }, () => ({ value: 'v' }))))]);
  for (let row = 0; row < dead; row++) rows.fail(row, 'decode_failed', 'no');
  for (let row = dead; row < dead + skipped; row++) rows.skip(row);
  for (let row = dead + skipped; row < dead + skipped + withdrawn; row++) rows.withdraw(row);
  return rows;
}

/** Counts batches of 100 rows at even times. @returns seconds until the guard tripped, or undefined */
function feed(guard: DeadLetterGuard, clock: ManualClock, seconds: number, perSecond: number, deadOf100: number): number | undefined {
  const startMs = clock.monotonicMs();
  const batches = (seconds * perSecond) / 100;
  for (let i = 0; i < batches; i++) {
    clock.advance((1_000 * 100) / perSecond);
    guard.count(rowsOf(100, deadOf100), clock.monotonicMs());
    if (guard.failure) return (clock.monotonicMs() - startMs) / 1_000;
  }
  return undefined;
}

describe('createDeadLetterGuard', () => {
  it('trips when the share was above for the whole time, and says how it was', () => {
    const [guard, clock] = [createDeadLetterGuard(OPTIONS), new ManualClock()];
    expect(feed(guard, clock, 30, 1_000, 0)).toBeUndefined();
    const after = feed(guard, clock, 120, 1_000, 80)!;
    expect(after).toBeGreaterThanOrEqual(60);
    expect(after).toBeLessThanOrEqual(70);
    expect(guard.failure).toMatchObject({ code: 'dead_letter_share_exceeded', kind: 'fatal' });
    expect(guard.failure!.message).toMatch(
      /^\d+ of \d+ records \(80\.0 %\) within 6\d s became dead letters\. output\.deadLetters\.guard allows 50 %\. Such as events-0 at offset 0, decode_failed: no$/,
    );
  });

  it('leaves a share at the limit alone, and one that was above for less than the time', () => {
    const [guard, clock] = [createDeadLetterGuard(OPTIONS), new ManualClock()];
    expect(feed(guard, clock, 600, 1_000, 50)).toBeUndefined();
    for (let round = 0; round < 5; round++) {
      expect(feed(guard, clock, 50, 1_000, 100)).toBeUndefined();
      expect(feed(guard, clock, 11, 1_000, 10)).toBeUndefined();
    }
  });

  it('gives little traffic more time, and is not put off by a good record now and then', () => {
    const [guard, clock] = [createDeadLetterGuard(OPTIONS), new ManualClock()];
    guard.count(rowsOf(1, 0), clock.monotonicMs());
    let records = 0;
    // One record in 6 s, every tenth of them good.
    while (!guard.failure && records < 5_000) {
      clock.advance(6_000);
      guard.count(rowsOf(1, ++records % 10 === 0 ? 0 : 1), clock.monotonicMs());
    }
    expect(records).toBeGreaterThanOrEqual(1_000);
    expect(records).toBeLessThanOrEqual(1_200);
  });

  it('does not count idle time as proof: a handful of dead letters over hours is too few', () => {
    const [guard, clock] = [createDeadLetterGuard(OPTIONS), new ManualClock()];
    for (let i = 0; i < 900; i++) {
      clock.advance(3_600_000);
      guard.count(rowsOf(1, 1), clock.monotonicMs());
    }
    expect(guard.failure).toBeUndefined();
  });

  it('stops a worker that has scored nothing since it started after minRecords, without waiting', () => {
    const [guard, clock] = [createDeadLetterGuard(OPTIONS), new ManualClock()];
    expect(feed(guard, clock, 1, 100_000, 100)).toBeCloseTo(0.01);
    expect(guard.failure!.message).toBe(
      '1000 of 1000 records (100.0 %) became dead letters, and not one was scored since the worker started. output.deadLetters.guard allows 50 %. Such as events-0 at offset 0, decode_failed: no',
    );
    // One record that was scored, and the time counts.
    const other = createDeadLetterGuard(OPTIONS);
    other.count(rowsOf(100, 99), clock.monotonicMs());
    expect(feed(other, clock, 59, 1_000, 100)).toBeUndefined();
    expect(feed(other, clock, 20, 1_000, 100)).toBeDefined();
  });

  it('never trips with a share of 1', () => {
    const [guard, clock] = [createDeadLetterGuard({ ...OPTIONS, maxShare: 1 }), new ManualClock()];
    expect(feed(guard, clock, 300, 1_000, 100)).toBeUndefined();
  });

  it('counts neither what was skipped nor what belongs to another worker', () => {
    const guard = createDeadLetterGuard({ ...OPTIONS, minRecords: 10 });
    for (let i = 0; i < 10; i++) guard.count(rowsOf(100, 0, { skipped: 60, withdrawn: 40 }), i);
    expect(guard.failure).toBeUndefined();
    guard.count(rowsOf(100, 9, { skipped: 51, withdrawn: 40 }), 20);
    expect(guard.failure).toBeUndefined();
    guard.count(rowsOf(100, 1, { skipped: 59, withdrawn: 40 }), 21);
    expect(guard.failure?.message).toContain('10 of 10 records');
  });
});

describe('guarded', () => {
  it('encodes until the guard trips, and not the batch that tripped it', () => {
    const clock = new ManualClock();
    let encoded = 0;
    const guard = createDeadLetterGuard({ ...OPTIONS, minRecords: 300 });
    const encoder = guarded({ encode: () => void encoded++ }, guard, clock);
    const scores = new Scores(100, { label: false, extras: [] });
    const encode = (): void => encoder.encode(rowsOf(100, 100), scores, 0, new FramedOutputRecords('p'), new OutputRecords('d'));
    encode();
    encode();
    expect(encode).toThrow(expect.objectContaining({ code: 'dead_letter_share_exceeded' }));
    expect(encoded).toBe(2);
  });
});
