import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeltaLedger, type LedgerEntry, type LedgerStep } from '../../../src/drift/delta-ledger.ts';
import type { PaneDelta, ProfileDelta } from '../../../src/drift/profile-delta.ts';

/** A pane whose rows are offsets: it counts them by listing them. */
const paneOf = (rows: readonly number[]): PaneDelta => ({
  start: 0,
  durationMs: 1,
  events: rows.length,
  features: [{ cells: [...rows] } as never],
  rejected: 0,
});
const rowsOf = (entries: Iterable<LedgerEntry>): number[] =>
  [...entries].flatMap(({ panes }) => panes.flatMap(({ features }) => features[0]!.cells));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

interface Segment {
  readonly id: string;
  readonly generation: number;
  readonly openedAt: number;
  readonly start: number;
  readonly isElsewhere?: boolean;
}

function delta(segment: Segment, fromOffset: number, toOffset: number, committedOffset = segment.start, part = 0, parts = 1): ProfileDelta {
  const size = Math.ceil((toOffset - fromOffset) / parts);
  const first = fromOffset + part * size;
  return {
    model: 'm',
    modelVersion: '1',
    referenceId: 'r',
    workerId: segment.id,
    segmentId: segment.id,
    generation: segment.generation,
    openedAt: segment.openedAt,
    startOffset: segment.start,
    isElsewhere: segment.isElsewhere ?? false,
    committedOffset,
    inputTopic: 'in',
    inputPartition: 0,
    fromOffset,
    toOffset,
    part,
    parts,
    atEnd: false,
    maxEventTime: 0,
    emittedAt: segment.openedAt + 100,
    deadLetters: 0,
    skipped: 0,
    untimed: 0,
    panes: [paneOf(range(first, Math.min(toOffset, first + size)))],
  };
}

/** Adds up what a ledger says of deltas, as the merger does. */
function tally(deltas: readonly ProfileDelta[]): { ledger: DeltaLedger; settled: number[]; counted: number[]; steps: LedgerStep[] } {
  const ledger = new DeltaLedger();
  const settled: number[] = [];
  const steps = deltas.map((one) => {
    const step = ledger.accept(one);
    settled.push(...rowsOf(step.settled));
    return step;
  });
  return { ledger, settled, counted: [...settled, ...rowsOf(ledger.pending())], steps };
}

const A: Segment = { id: 'a/1', generation: 1, openedAt: 1_000, start: 0 };

describe('DeltaLedger', () => {
  it('counts at once, and settles what is committed', () => {
    const { settled, counted, ledger } = tally([delta(A, 0, 3), delta(A, 3, 5, 3), delta(A, 5, 5, 5)]);
    expect([settled, counted]).toEqual([range(0, 5), range(0, 5)]);
    expect(ledger.counts).toEqual({ deltas: 2, duplicatesDropped: 1, retracted: 0, gaps: 0, gapOffsets: 0 });
  });

  it('leaves out what was written twice, and takes the parts of a delta together or not at all', () => {
    const parts = range(0, 3).map((part) => delta(A, 0, 9, 0, part, 3));
    expect(tally(parts.slice(0, 2)).counted).toEqual([]);
    const twice = tally([...parts.slice(0, 2), ...parts, ...parts, delta(A, 9, 10, 9)]);
    expect(twice.counted).toEqual(range(0, 10));
    expect(twice.ledger.counts).toMatchObject({ deltas: 2, duplicatesDropped: 1, gaps: 0 });
  });

  it('takes back what the last owner had not committed when the next one begins before it', () => {
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 2_000, start: 5 };
    const { counted, ledger, steps } = tally([
      delta(A, 0, 5),
      delta(A, 5, 9, 5),
      delta(B, 5, 7, 5),
      delta(A, 9, 12, 5),
      delta(B, 7, 12, 7),
    ]);
    expect(counted).toEqual(range(0, 12));
    expect(steps[2]!.retracted.map(({ fromOffset, toOffset }) => [fromOffset, toOffset])).toEqual([[5, 9]]);
    expect(ledger.counts).toEqual({ deltas: 3, duplicatesDropped: 1, retracted: 1, gaps: 0, gapOffsets: 0 });
  });

  it('knows an earlier owner by its generation, and of a group that was made anew by its clock', () => {
    const zombie: Segment = { id: 'z/1', generation: 3, openedAt: 900, start: 0 };
    const owner: Segment = { id: 'o/1', generation: 4, openedAt: 1_000, start: 0 };
    expect(tally([delta(owner, 0, 4), delta(zombie, 0, 3)]).counted).toEqual(range(0, 4));
    expect(tally([delta(zombie, 0, 3), delta(owner, 0, 4)]).counted).toEqual(range(0, 4));
    const anew: Segment = { id: 'n/1', generation: 1, openedAt: 50_000, start: 4 };
    expect(tally([delta(owner, 0, 4, 4), delta(anew, 4, 6)]).counted).toEqual(range(0, 6));
    // The same worker, after it had its partition read again.
    const again: Segment = { id: 'o/2', generation: 4, openedAt: 1_500, start: 0 };
    expect(tally([delta(owner, 0, 4), delta(again, 0, 6), delta(owner, 4, 5)]).counted).toEqual(range(0, 6));
  });

  it('tells stretches that nobody has counted, but not what is older than its topic', () => {
    const late: Segment = { ...A, start: 0 };
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 2_000, start: 20 };
    const { counted, ledger } = tally([delta(late, 7, 9, 9), delta(late, 12, 15, 15), delta(B, 20, 22)]);
    expect(counted).toEqual([7, 8, 12, 13, 14, 20, 21]);
    expect(ledger.counts).toMatchObject({ gaps: 2, gapOffsets: 8 });
  });

  it('counts nothing again when the group is moved back by hand', () => {
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 2_000, start: 2 };
    const { counted, ledger } = tally([delta(A, 0, 5, 5), delta(B, 2, 4, 2), delta(B, 4, 7, 4), delta(B, 7, 9, 7)]);
    // [4, 7) is half counted: it cannot be divided.
    expect(counted).toEqual([0, 1, 2, 3, 4, 7, 8]);
    expect(ledger.counts).toMatchObject({ duplicatesDropped: 2, gaps: 1, gapOffsets: 2 });
  });
});

describe('what a review has found', () => {
  it('counts an owner that goes on after another one, under the generation that lets it', () => {
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 20_000, start: 5 };
    const again: Segment = { id: 'a/1/2', generation: 3, openedAt: 40_000, start: 5 };
    const { counted } = tally([delta(A, 0, 5, 5), delta(B, 5, 7, 5), delta(again, 5, 9, 5), delta(again, 9, 20, 9)]);
    expect(counted).toEqual(range(0, 20));
  });

  it('is not misled by a clock that is ahead', () => {
    const owner: Segment = { id: 'b/1', generation: 4, openedAt: 10_000, start: 5 };
    const zombie: Segment = { id: 'a/1', generation: 3, openedAt: 13_000, start: 0 };
    const { counted } = tally([delta(zombie, 0, 5), delta(owner, 5, 8, 5), delta(zombie, 5, 7), delta(owner, 8, 10, 8)]);
    expect(counted).toEqual(range(0, 10));
  });

  it('counts a log that has begun again, and tells what a jump has left out', () => {
    const jump: Segment = { id: 'a/2', generation: 1, openedAt: 2_000, start: 0, isElsewhere: true };
    const deltas = [delta(A, 0, 9, 5), delta(A, 9, 20, 9), delta(jump, 0, 6, 0), delta(jump, 6, 12, 6)];
    expect(tally(deltas).counted).toEqual([...range(0, 9), ...range(9, 20), ...range(0, 6), ...range(6, 12)]);
    // The next owner jumps too, for nothing of the new log was committed.
    const next: Segment = { id: 'b/1', generation: 2, openedAt: 30_000, start: 0, isElsewhere: true };
    const { counted, ledger } = tally([...deltas.slice(0, 3), delta(next, 0, 8, 0)]);
    expect(counted).toEqual([...range(0, 20), ...range(0, 8)]);
    expect(ledger.counts).toMatchObject({ retracted: 1, gaps: 0, duplicatesDropped: 0 });
    const ahead: Segment = { id: 'a/2', generation: 1, openedAt: 2_000, start: 500, isElsewhere: true };
    expect(tally([delta(A, 0, 9, 9), delta(ahead, 500, 510, 500)]).ledger.counts).toMatchObject({ gaps: 1, gapOffsets: 491 });
  });

  it('calls nothing a gap that its topic has no more', () => {
    expect(tally([delta(A, 0, 9, 0, 1, 3), delta(A, 0, 9, 0, 2, 3), delta(A, 9, 12, 9)]).ledger.counts).toMatchObject({
      deltas: 1,
      gaps: 0,
    });
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 20_000, start: 3 };
    const { counted, ledger } = tally([delta(A, 5, 9), delta(B, 3, 7, 3), delta(B, 7, 12, 7)]);
    expect([counted, ledger.counts.gaps]).toEqual([range(3, 12), 0]);
  });

  it('counts what is left of a delta whose beginning is gone from the input', () => {
    const B: Segment = { id: 'b/1', generation: 2, openedAt: 20_000, start: 3 };
    const { counted, ledger } = tally([delta(A, 0, 5), delta(B, 3, 8, 3), delta(B, 8, 10, 8)]);
    expect(counted).toEqual(range(3, 10));
    expect(ledger.counts).toMatchObject({ retracted: 1 });
  });
});

/**
 * Workers that own one partition in turn, as a random history: each writes deltas and then commits; it crashes anywhere in between, or is
 * replaced without noticing and goes on to write for a while (its commits are refused).
 */
const END = 400;

describe('any history of crashes', () => {
  const step = fc.record({
    rows: fc.integer({ min: 0, max: 9 }),
    parts: fc.integer({ min: 1, max: 3 }),
    isCommitted: fc.boolean(),
    isWrittenTwice: fc.boolean(),
    /** Parts that are written when the worker crashes within a delta. */
    partsWritten: fc.integer({ min: 0, max: 3 }),
  });
  const owner = fc.record({
    steps: fc.array(step, { maxLength: 6 }),
    crashes: fc.boolean(),
    /** By which its clock is wrong. */
    skewMs: fc.integer({ min: -2_400, max: 2_400 }),
    /** Deltas that it writes once it was replaced, and how many of its successor's go before each. */
    zombie: fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }).map((after) => after.toSorted((a, b) => a - b)),
  });

  it('counts each record once', () => {
    fc.assert(
      fc.property(fc.array(owner, { minLength: 1, maxLength: 6 }), fc.boolean(), (owners, knowsCommits) => {
        const log: ProfileDelta[] = [];
        let committed = 0;
        let zombies: { after: number; delta: ProfileDelta }[] = [];
        for (const [index, { steps, crashes, zombie, skewMs }] of owners.entries()) {
          const segment: Segment = { id: `w${index}/1`, generation: index + 1, openedAt: 10_000 * index + skewMs, start: committed };
          let at = committed;
          const written: ProfileDelta[] = [];
          for (const [n, { rows, parts, isCommitted, isWrittenTwice, partsWritten }] of steps.entries()) {
            if (rows === 0) continue;
            const whole = range(0, parts).map((part) =>
              delta(segment, at, at + rows, knowsCommits ? committed : segment.start, part, parts),
            );
            if (crashes && n === steps.length - 1) {
              written.push(...whole.slice(0, partsWritten));
              break;
            }
            written.push(...whole, ...(isWrittenTwice ? whole : []));
            at += rows;
            if (isCommitted) committed = at;
          }
          // What the last owner still writes falls before and among what this one writes.
          const before = zombies.filter(({ after }) => after < 0);
          log.push(...before.map((of) => of.delta));
          for (const [n, one] of written.entries()) {
            log.push(one);
            log.push(...zombies.filter(({ after }) => after === n).map((of) => of.delta));
          }
          if (written.length > 0) zombies = [];
          zombies.push(...zombie.map((after, n) => ({ after, delta: delta(segment, at + n, at + n + 1, segment.start) })));
        }
        // The last one finds a quiet end, and counts all that is left.
        const last: Segment = { id: 'last/1', generation: owners.length + 1, openedAt: 1e6, start: committed };
        const { counted } = tally([...log, delta(last, committed, END, committed)]);
        expect(counted.toSorted((a, b) => a - b)).toEqual(range(0, END));
      }),
      { numRuns: 2_000 },
    );
  });
});
