import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { windowSizeFrom } from '../../../src/core/window-size.ts';
import type { Merger } from '../../../src/drift/merger.ts';
import { getState, piecesOf, putState, type StateValues } from '../../../src/drift/merger-state.ts';
import { encodeProfileDelta } from '../../../src/drift/profile-delta.ts';
import { decodeProfileDelta } from '../../../src/drift/profile-delta-reader.ts';
import { dataOf, deltasOf, feed, finalBytes, HOUR_MS, reference, statisticsOf, WINDOW_START_MS } from './merging.ts';
import { batchOf, mergerOf, PREFIX, randomFrom } from './support.ts';

const NOW_MS = 1_700_000_000_000;
const HERE = { partition: 0, position: 0 };

/** A log of three partitions, one of which gets a new owner, with a shift in the middle, late rows at the end and values of a wrong type. */
function log() {
  const random = randomFrom(11);
  const deltas = [0, 1, 2].flatMap((partition) => {
    const chunks = Array.from({ length: 12 }, (_, i) =>
      dataOf(150, { window: i >> 1, seed: 10 * partition + i, shift: i === 6 || i === 7 ? 40 : 0 }).map((datum, row) =>
        row % 50 === i ? { ...datum, wrongTypes: [0], dead: true } : datum,
      ),
    );
    const of = deltasOf(chunks, { partition, endOffset: 1e6, workerId: `w${partition}`, isAtomic: partition === 1 });
    // The next owner of partition 2 begins before the last two deltas.
    const again =
      partition === 2 ? deltasOf(chunks.slice(10), { partition, firstOffset: 1500, workerId: 'w9', generation: 2, endOffset: 1e6 }) : [];
    return [...of, ...again].map((output, i) => ({ output, key: i + 3 * random() }));
  });
  deltas.push({ output: deltasOf([dataOf(40, { seed: 99 })], { partition: 0, firstOffset: 1800, workerId: 'w0' })[0]!, key: 20 });
  const batch = batchOf(deltas.toSorted((a, b) => a.key - b.key).map(({ output }) => output));
  for (let i = 0; i < batch.count; i++) batch.timestamps[i] = NOW_MS + 4_000 * i;
  return batch;
}

const sizes = (...names: string[]) => names.map((name) => windowSizeFrom(name)!);

/** Writes a saved state as the state topic would hold it. */
function write(values: Map<string, string | null>, merger: Merger, position: number): void {
  const records = merger.save({ partition: 0, position })!;
  const text = (start: number, length: number): string => records.buffer.toString('utf8', start, start + length);
  for (let i = 0; i < records.count; i++) {
    const key = text(records.keyStart[i]!, records.keyLength[i]!);
    if (records.valueLength[i]! < 0) values.delete(key);
    else values.set(key, text(records.valueStart[i]!, records.valueLength[i]!));
  }
}

describe('a merger that goes on from a saved state', () => {
  test.each([
    { minSamples: 200, windows: sizes('1h', '3h'), runs: 40 },
    // Enough of them for over-dispersion to be estimated.
    { minSamples: 40, windows: sizes('5m'), runs: 3 },
    // Compared with windows that were let go.
    {
      minSamples: 200,
      windows: sizes('1h', '2h'),
      runs: 6,
      reviseMs: 0,
      previous: { agoMs: 2 * HOUR_MS },
      decidedBy: 'previous' as const,
    },
    { minSamples: 200, windows: sizes('500 rows', '2h', '1200 rows'), runs: 8, previous: { windows: 1 }, decidedBy: 'previous' as const },
    { minSamples: 100, windows: sizes('300 rows'), runs: 5, previous: { windows: 3 }, reviseMs: 0 },
    { minSamples: 200, windows: sizes('30m', '1h'), runs: 8, previous: { windows: 1 }, decidedBy: 'previous' as const },
  ])(
    'publishes what one that was never disturbed does, byte for byte, wherever the others ended: $windows.0.name',
    ({ runs, ...change }) => {
      const options = { partitions: 3, ...change };
      const batch = log();
      const read = (next: number, merger: Merger): { next: number; values: Buffer[] } => {
        const reached = merger.apply(batch, next);
        return { next: reached, values: finalBytes(merger) };
      };
      const { merger: whole } = mergerOf(reference, options);
      whole.restore(new Map(), HERE);
      const expected: Buffer[] = [];
      for (let next = 0; next < batch.count; ) {
        const step = read(next, whole);
        expected.push(...step.values);
        next = step.next;
      }
      expect(expected.length).toBeGreaterThanOrEqual(12);

      fc.assert(
        fc.property(fc.infiniteStream(fc.nat(99)), (dice) => {
          const roll = (): number => dice.next().value as number;
          const values = new Map<string, string | null>();
          const published: Buffer[] = [];
          let saved = 0;
          let restored = 0;
          for (let saves = 0; saved < batch.count; ) {
            // Whoever takes over reads from the saved position; what was not saved is as if it had not been.
            const { merger } = mergerOf(reference, options);
            expect(merger.restore(values as StateValues, { partition: 0, position: saved })).toBe(saves > 0);
            restored++;
            const unsaved: Buffer[] = [];
            for (let next = saved; next < batch.count; ) {
              const step = read(next, merger);
              next = step.next;
              unsaved.push(...step.values);
              if (roll() < 20) merger.due('all');
              if (roll() < 25 || next === batch.count) {
                write(values, merger, next);
                saves++;
                saved = next;
                published.push(...unsaved.splice(0));
              }
              // Killed; sooner or later it gets on.
              if (roll() < 10 && restored < 50) break;
            }
          }
          expect(published).toEqual(expected);
        }),
        { numRuns: runs },
      );
    },
  );

  test('is not begun from a state of another position, reference or pane, and then nothing of it is left', () => {
    const { merger } = mergerOf(reference);
    feed(merger, deltasOf([dataOf(1500)], { isAtomic: true }));
    const values = new Map<string, string | null>();
    write(values, merger, 1);
    const names = [...values.keys()];
    expect(names).toEqual([`toy|1|window|1h|${WINDOW_START_MS}`, 'toy|1|merger', `reference|${reference.referenceId}`]);
    for (const [change, position] of [
      [{}, 2],
      [{ paneMs: 30_000 }, 1],
    ] as const) {
      const other = mergerOf(reference, change).merger;
      expect(other.restore(values, { partition: 0, position })).toBe(false);
      expect(other.counts().events).toBe(0);
      const left = new Map(values);
      write(left, other, position);
      expect([...left.keys()].sort()).toEqual(names.slice(1).sort());
    }
    const same = mergerOf(reference).merger;
    expect(same.restore(values, { partition: 0, position: 1 })).toBe(true);
    expect(statisticsOf(same.due('all'))).toEqual(statisticsOf(merger.due('all')));
  });

  test('begins a size of windows that is new with what comes', () => {
    const { merger } = mergerOf(reference);
    const [first, second] = deltasOf([dataOf(1500), dataOf(300)], { isAtomic: true });
    feed(merger, [first!]);
    const values = new Map<string, string | null>();
    write(values, merger, 1);
    const more = mergerOf(reference, { windows: ['1h', '1d'].map((name) => windowSizeFrom(name)!) }).merger;
    expect(more.restore(values, { partition: 0, position: 1 })).toBe(true);
    feed(more, [second!]);
    expect(statisticsOf(more.due('all')).map(({ window, events }) => [window, events])).toEqual([
      ['1h', 1800],
      ['1d', 300],
    ]);
  });

  test('that was half through a delta goes on with its other half', () => {
    const [delta] = deltasOf([dataOf(50)], { partition: 1, endOffset: 1e6, isAtomic: true });
    const record = batchOf([delta!]);
    const whole = decodeProfileDelta(PREFIX, record.buffer, record.valueStart[0]!, record.valueLength[0]!);
    const half = Math.ceil(whole.panes.length / 2);
    const parts = [whole.panes.slice(0, half), whole.panes.slice(half)].map((panes, part) => {
      const out = new OutputRecords('profiles');
      out.push({ timestampMs: NOW_MS, key: Buffer.from('toy|1'), value: encodeProfileDelta(PREFIX, { ...whole, panes, part, parts: 2 }) });
      return out;
    });
    const { merger } = mergerOf(reference);
    merger.restore(new Map(), HERE);
    feed(merger, [parts[0]!]);
    const values = new Map<string, string | null>();
    write(values, merger, 1);
    const next = mergerOf(reference).merger;
    expect(next.restore(values, { partition: 0, position: 1 })).toBe(true);
    feed(next, [parts[1]!]);
    expect(next.counts()).toMatchObject({ events: 50, deltas: 1 });
  });

  test('knows nothing of a size that was taken out and put in again', () => {
    const values = new Map<string, string | null>();
    const deltas = deltasOf(
      Array.from({ length: 8 }, (_, window) => dataOf(60, { window })),
      { endOffset: 1e6, isAtomic: true },
    );
    const run = (names: string[], from: number, to: number) => {
      const { merger } = mergerOf(reference, { windows: names.map((name) => windowSizeFrom(name)!) });
      merger.restore(values, { partition: 0, position: from });
      const finals = deltas.slice(from, to).flatMap((delta) => feed(merger, [delta]));
      write(values, merger, to);
      return finals;
    };
    run(['1h', '3h'], 0, 2);
    run(['1h'], 2, 5);
    expect([...values.keys()].filter((key) => key.includes('|3h|'))).toEqual([]);
    run(['1h', '3h'], 5, 6);
    const threes = run(['1h', '3h'], 6, 8).filter(
      ({ window, windowStart }) => window === '3h' && windowStart < WINDOW_START_MS + 3 * HOUR_MS,
    );
    expect(threes).toEqual([]);
  });

  test('goes on when retention has passed its position, and tells the gap', () => {
    const deltas = deltasOf([dataOf(100), dataOf(100, { seed: 2 }), dataOf(100, { seed: 3 })], { endOffset: 1e6, isAtomic: true });
    const { merger } = mergerOf(reference);
    feed(merger, [deltas[0]!]);
    const values = new Map<string, string | null>();
    write(values, merger, 1);
    const next = mergerOf(reference).merger;
    expect(next.restore(values, { partition: 0, position: 2, isElsewhere: true })).toBe(true);
    feed(next, [deltas[2]!]);
    expect(next.counts()).toMatchObject({ events: 200, gaps: 1, gapOffsets: 100 });
  });

  test('keeps what is outside the domain to the last bit', () => {
    const { merger } = mergerOf(reference);
    feed(merger, deltasOf([[...dataOf(50), { ...dataOf(1)[0]!, score: -0 }]], { isAtomic: true }));
    const values = new Map<string, string | null>();
    write(values, merger, 1);
    const next = mergerOf(reference).merger;
    next.restore(values, { partition: 0, position: 1 });
    expect(next.snapshot().windows).toEqual(merger.snapshot().windows);
  });

  test('long values are cut into pieces, and half of them is nothing', () => {
    const values = new Map<string, string | null>();
    const state = { start: 1, text: 'ä😀東'.repeat(50_000), more: 'x'.repeat(100_000) };
    putState(values, 'k', state as never);
    expect([...values.keys()]).toEqual(['k', 'k#1', 'k#2', 'k#3']);
    for (const text of values.values()) expect(Buffer.byteLength(text!)).toBeLessThanOrEqual(400_002);
    expect(getState(new Map([...values].map(([key, text]) => [key, Buffer.from(text!).toString()])), 'k')).toEqual(state);
    expect(piecesOf(values.keys(), 'k')).toHaveLength(4);
    values.delete('k#2');
    expect(getState(values, 'k')).toBeUndefined();
    expect(getState(values, 'none')).toBeUndefined();
  });
});
