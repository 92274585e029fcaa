import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import type { RecordSlice } from '../../../src/core/records.ts';
import { Assignment } from '../../../src/kafka/assignment.ts';
import { recordBatch } from '../../support/records.ts';

const BYTES = 1_000;
const GENERATION = 7;
const EPOCH_MS = 1_000;

function held(...partitions: [number, number][]): Assignment {
  const assignment = new Assignment('t', BYTES, new ManualClock(EPOCH_MS));
  for (const [partition, offset] of partitions) assignment.begin(partition, offset, GENERATION);
  return assignment;
}

/** Records `from` … `to − 1` of a batch of `count` that begins at an offset. */
function slice(assignment: Assignment, partition: number, firstOffset: number, count: number, from = 0, to = count): RecordSlice {
  const records = recordBatch(
    Array.from({ length: count }, () => ({ value: 'x' })),
    { topic: 't', partition, firstOffset, epoch: assignment.epochOf(partition) ?? -1 },
  );
  return { records, from, to, fromRow: 0 };
}

describe('Assignment', () => {
  it('asks for the next offset of each partition, and expects exactly that', () => {
    const assignment = held([0, 5], [3, 100]);
    expect(assignment.wanted()).toEqual([
      { topic: 't', partition: 0, offset: 5, maxBytes: BYTES },
      { topic: 't', partition: 3, offset: 100, maxBytes: BYTES },
    ]);
    const fetched = { partition: 0, fetchedOffset: 5, nextOffset: 9, partialBytes: 0 };
    expect(assignment.expects(fetched)).toBe(true);
    assignment.advance(fetched, 4);
    expect(assignment.expects(fetched)).toBe(false);
    expect(assignment.wanted()[0]!.offset).toBe(9);
    expect(assignment.expects({ partition: 1, fetchedOffset: 0, nextOffset: 1, partialBytes: 0 })).toBe(false);
  });

  it('gives each beginning an epoch of its own', () => {
    const assignment = held([0, 5]);
    const first = assignment.epochOf(0)!;
    const position = { topic: 't', partition: 0, epoch: first, nextOffset: 6 };
    expect([assignment.owns(position), assignment.owns({ ...position, topic: 'other' })]).toEqual([true, false]);
    expect(assignment.drop([0, 1])).toEqual([0]);
    assignment.begin(0, 5, GENERATION);
    expect([assignment.owns(position), assignment.ownedOf([position])]).toEqual([false, []]);
  });

  it('continues only from where the pipeline let go', () => {
    const assignment = held([0, 5], [1, 0]);
    expect([
      assignment.continuesFrom(0, 5),
      assignment.continuesFrom(0, 4),
      assignment.continuesFrom(0, undefined),
      assignment.continuesFrom(2, 5),
    ]).toEqual([true, false, false, false]);
    assignment.advance({ partition: 0, fetchedOffset: 5, nextOffset: 15, partialBytes: 0 }, 10);
    // Queued, not let go of: the group still stands at 5, and so do we.
    expect(assignment.continuesFrom(0, 5)).toBe(true);
    assignment.release(slice(assignment, 0, 5, 10, 0, 4));
    expect([assignment.continuesFrom(0, 5), assignment.continuesFrom(0, 9)]).toEqual([false, true]);
  });

  it('tells once of offsets that nobody sees, and only when nothing before them is unreleased', () => {
    const assignment = held([0, 5]);
    assignment.advance({ partition: 0, fetchedOffset: 5, nextOffset: 8, partialBytes: 0 }, 3);
    assignment.advance({ partition: 0, fetchedOffset: 8, nextOffset: 12, partialBytes: 0 }, 0);
    expect(assignment.takeIdle()).toEqual([]);
    assignment.release(slice(assignment, 0, 5, 3, 0, 2));
    expect(assignment.takeIdle()).toEqual([]);
    assignment.release(slice(assignment, 0, 5, 3, 2, 3));
    expect(assignment.takeIdle()).toEqual([{ topic: 't', partition: 0, epoch: assignment.epochOf(0), nextOffset: 12 }]);
    expect(assignment.takeIdle()).toEqual([]);
    expect(assignment.continuesFrom(0, 12)).toBe(true);
  });

  it('pays no attention to what an earlier epoch releases', () => {
    const assignment = held([0, 5]);
    const old = slice(assignment, 0, 5, 3);
    assignment.drop();
    assignment.begin(0, 5, GENERATION);
    assignment.release(old);
    expect(assignment.continuesFrom(0, 5)).toBe(true);
  });

  it('asks for more bytes until a batch fits, and then for as many as before', () => {
    const assignment = held([0, 5]);
    assignment.askForMore(0, 10);
    assignment.askForMore(0, 4_500);
    expect(assignment.wanted()[0]!.maxBytes).toBe(4_500);
    assignment.advance({ partition: 0, fetchedOffset: 5, nextOffset: 6, partialBytes: 0 }, 1);
    expect(assignment.wanted()[0]!.maxBytes).toBe(BYTES);
  });

  it('goes on elsewhere when its position is not in the log', () => {
    const assignment = held([0, 5]);
    assignment.seek(0, 70);
    expect([assignment.wanted()[0]!.offset, assignment.takeIdle().map((p) => p.nextOffset)]).toEqual([70, [70]]);
  });

  it('asks for more where large batches are cut off, and for what is set again where they are not', () => {
    const assignment = new Assignment('t', 1_000, new ManualClock(EPOCH_MS));
    assignment.begin(0, 0, GENERATION);
    const asked = (partialBytes: number): number => {
      const { offset } = assignment.wanted()[0]!;
      assignment.advance({ partition: 0, fetchedOffset: offset, nextOffset: offset + 1, partialBytes }, 1);
      return assignment.wanted()[0]!.maxBytes;
    };
    expect([100, 400, 1 << 20, 0].map(asked)).toEqual([1_000, 3_200, 4_000, 1_000]);
  });

  it('tells how each stretch began: with the assignment, with a rebalance that left it, with a jump', () => {
    const assignment = held([0, 5]);
    const epoch = assignment.epochOf(0)!;
    const of = (): unknown => assignment.originOf(0);
    expect(of()).toEqual({ epoch, startOffset: 5, ...{ generation: 7, beganAtMs: 1_000 }, isElsewhere: false });
    assignment.continue(0, 8);
    expect(of()).toEqual({ epoch, startOffset: 5, generation: 8, beganAtMs: 1_001, isElsewhere: false });
    assignment.seek(0, 900);
    expect(of()).toEqual({ epoch, startOffset: 900, generation: 8, beganAtMs: 1_002, isElsewhere: true });
    assignment.continue(1, 9);
    assignment.seek(1, 3);
    expect(assignment.originOf(1)).toBeUndefined();
  });
});
