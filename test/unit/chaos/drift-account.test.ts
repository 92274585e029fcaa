import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../chaos/accounts.ts';
import type { Output } from '../../chaos/checker.ts';
import { accountForDrift, type Delta, driftProblemsOf } from '../../chaos/drift-account.ts';

const TOPIC = 'events';

function outputOf(partition: number, offset: number, kind: Output['kind'] = 'prediction'): Output {
  const source = { sourceTopic: TOPIC, sourcePartition: partition, sourceOffset: offset };
  return { kind, partition, offset, key: null, ...source };
}

/** What a worker says that has counted all of these offsets. */
function deltaOf(inputPartition: number, fromOffset: number, toOffset: number, change: Partial<Delta> = {}): Delta {
  const position = { inputTopic: TOPIC, inputPartition, segmentId: 'worker/1', fromOffset, toOffset, part: 0 };
  return { ...position, events: toOffset - fromOffset, untimed: 0, deadLetters: 0, tornColumns: 0, ...change };
}

const outputs = [0, 1].flatMap((partition) => Array.from({ length: 30 }, (_, offset) => outputOf(partition, offset)));
const deltas = [0, 1].flatMap((partition) => [0, 10, 20].map((from) => deltaOf(partition, from, from + 10)));
const clean = { predictions: 60, missing: 0, twice: 0, wrong: 0 };

const check = (given: readonly Delta[], of: readonly Output[] = outputs): ReturnType<typeof accountForDrift> =>
  accountForDrift(TOPIC, of, given);

describe('the account of drift', () => {
  it('finds nothing where every row is counted once', () => {
    expect(check(deltas)).toEqual({ ...clean, counted: 60, examples: [] });
    expect(driftProblemsOf(check(deltas))).toEqual([]);
  });

  it('finds rows that no delta counted', () => {
    expect(check(deltas.slice(1))).toMatchObject({ ...clean, counted: 50, missing: 10 });
    expect(check([])).toMatchObject({ ...clean, counted: 0, missing: 60 });
  });

  it('finds rows that were counted twice, by the same worker or another', () => {
    expect(check([...deltas, deltas[4]!])).toMatchObject({ ...clean, counted: 70, twice: 10 });
    expect(check([...deltas, deltaOf(1, 5, 12, { segmentId: 'other/1' })])).toMatchObject({ ...clean, counted: 67, twice: 7 });
  });

  it('finds a row that is counted twice behind one that is not counted, although the sum is right', () => {
    const found = check([...deltas.slice(1), deltas[1]!]);
    expect(found).toMatchObject({ counted: 60, predictions: 60, missing: 10, twice: 10 });
    expect(driftProblemsOf(found)[0]).toContain('10 missing, 10 twice');
  });

  it('finds a delta that counts other rows than the offsets that it covers', () => {
    expect(check([deltaOf(0, 0, 10, { events: 11 }), ...deltas.slice(1)])).toMatchObject({ ...clean, counted: 61, wrong: 1 });
    expect(check([deltaOf(0, 0, 10, { events: 9 }), ...deltas.slice(1)])).toMatchObject({ ...clean, counted: 59, wrong: 1 });
    expect(check([deltaOf(0, 0, 10, { deadLetters: 2 }), ...deltas.slice(1)])).toMatchObject({ ...clean, wrong: 2 });
    expect(check([deltaOf(0, 0, 10, { tornColumns: 1 }), ...deltas.slice(1)])).toMatchObject({ ...clean, wrong: 1 });
  });

  it('finds deltas of what was never written: an aborted transaction must take them along', () => {
    expect(check([...deltas, deltaOf(0, 30, 40)])).toMatchObject({ ...clean, counted: 70, wrong: 10 });
    expect(check([...deltas, deltaOf(7, 0, 3)])).toMatchObject({ ...clean, counted: 63, wrong: 3 });
    expect(check([...deltas, deltaOf(0, 0, 3, { inputTopic: 'other' })])).toMatchObject({ ...clean, counted: 63, wrong: 3 });
  });

  it('adds up the parts of a delta, and takes rows without a time, dead letters and gaps as they are', () => {
    const parts = [deltaOf(0, 0, 10, { events: 4, untimed: 1 }), deltaOf(0, 0, 10, { events: 5, part: 1 })];
    expect(check([...parts, ...deltas.slice(1)])).toMatchObject({ ...clean, counted: 60 });
    const letters = outputs.map((output, i) => (i < 3 ? outputOf(0, i, 'dead-letter') : output)).filter((_, i) => i !== 5);
    const counted = [deltaOf(0, 0, 10, { events: 6, deadLetters: 3 }), ...deltas.slice(1)];
    expect(check(counted, letters)).toMatchObject({ ...clean, predictions: 56, counted: 56 });
  });

  it('adds up: the rows of what is dropped are missing, of what is repeated twice, whatever the mixture', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }), (times) => {
        const found = check(deltas.flatMap((delta, i) => Array.from({ length: times[i]! }, () => delta)));
        const missing = 10 * times.filter((time) => time === 0).length;
        const twice = 10 * times.reduce((sum, time) => sum + Math.max(0, time - 1), 0);
        expect(found).toMatchObject({ missing, twice, wrong: 0, counted: 60 - missing + twice });
        expect(driftProblemsOf(found).length > 0).toBe(times.some((time) => time !== 1));
      }),
    );
  });

  it('fails a run with exactly-once and an orderly one, not one that promises no more', () => {
    const found = { inputs: 60, lost: 0, duplicated: 0, reordered: 0, wrong: 0, examples: [], drift: check(deltas.slice(1)) };
    expect(problemsOf({ delivery: 'exactly-once' }, found, {})[0]).toContain('drift counted 50 rows of 60 predictions: 10 missing');
    expect(problemsOf({ delivery: 'at-least-once' }, found, {})).not.toEqual([]);
    expect(problemsOf({ delivery: 'exactly-once' }, { ...found, drift: check(deltas) }, {})).toEqual([]);
  });
});
