import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { createRowLayout } from '../../../src/core/layout.ts';
import type { Model } from '../../../src/core/ports.ts';
import { RunAbandoned } from '../../../src/core/run-abandoned.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { createScorer } from '../../../src/pipeline/score.ts';

const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [{ name: 'a', kind: 'float', binding: { from: 'event', path: ['a'] }, required: false, onInvalid: 'flag' }],
    },
  ],
  { entities: new Map() },
);

/** Inputs that this model fails on, alone or in company. */
const POISON = 666;

/** Scores the double of its input, counting its runs. */
class DoublingModel implements Model {
  readonly name = 'double';
  readonly version = '1';
  runs = 0;
  private readonly failure: () => Error;

  constructor(failure: () => Error = () => new Error('poison\nsecond line')) {
    this.failure = failure;
  }

  async run(rows: Rows, from: number, to: number, scores: Scores): Promise<void> {
    this.runs++;
    for (let row = from; row < to; row++) if (rows.floats[0]![row] === POISON) throw this.failure();
    for (let row = from; row < to; row++) {
      scores.score[row] = rows.floats[0]![row]! * 2;
      scores.label![row] = 'yes';
      scores.extras[0]!.values.fill(row, row * 2, row * 2 + 2);
    }
  }

  createScores(capacity: number): Scores {
    return new Scores(capacity, { label: true, extras: [{ name: 'e', width: 2 }] });
  }

  async close(): Promise<void> {}
}

async function score(values: readonly number[], prepare: (rows: Rows) => void = () => {}, model = new DoublingModel()) {
  const rows = new Rows(layout, values.length);
  rows.count = values.length;
  rows.floats[0]!.set(values);
  prepare(rows);
  const scores = model.createScores(values.length);
  // Leftovers of an earlier batch.
  scores.score.fill(5);
  scores.label!.fill('old');
  await createScorer(model)(rows, scores);
  return { rows, scores, runs: model.runs };
}

describe('createScorer', () => {
  it('scores a good batch in one run', async () => {
    const { rows, scores, runs } = await score([1, 2, 3]);
    expect([...scores.score]).toEqual([2, 4, 6]);
    expect(rows.failed).toBe(0);
    expect(runs).toBe(1);
  });

  it('finds exactly the guilty rows, scores all others, in a bounded number of runs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }),
        fc.array(fc.nat(299), { maxLength: 5 }),
        async (failed, guilty) => {
          const n = failed.length;
          const poisoned = new Set(guilty.filter((row) => row < n));
          const values = failed.map((_, row) => (poisoned.has(row) ? POISON : row));
          const { rows, scores, runs } = await score(values, (r) => {
            for (const [row, isFailed] of failed.entries()) {
              // Rows that failed before hold a harmless value, as the validator leaves them.
              if (isFailed && !poisoned.has(row)) {
                r.fail(row, 'decode_failed', '');
                r.floats[0]![row] = 0;
              }
            }
          });
          for (let row = 0; row < n; row++) {
            const wasFailed = failed[row] && !poisoned.has(row);
            expect(rows.codeOf(row)).toBe(poisoned.has(row) ? 'inference_failed' : wasFailed ? 'decode_failed' : undefined);
            const isOk = rows.codeOf(row) === undefined;
            expect(scores.score[row]).toBe(isOk ? row * 2 : Number.NaN);
            expect(scores.label![row]).toBe(isOk ? 'yes' : undefined);
            expect(scores.extras[0]!.values[row * 2 + 1]).toBe(isOk ? row : Number.NaN);
          }
          expect(runs).toBeLessThanOrEqual(2 * poisoned.size * Math.ceil(Math.log2(n)) + 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps the first line of the reason', async () => {
    const { rows } = await score([1, POISON]);
    expect(rows.messageOf(1)).toBe('Model double 1: poison');
  });

  it('does not run at all when no row is ok', async () => {
    const { scores, runs } = await score([1, 2], (rows) => {
      rows.fail(0, 'decode_failed', '');
      rows.skip(1);
    });
    expect(runs).toBe(0);
    expect([...scores.score]).toEqual([Number.NaN, Number.NaN]);
    expect(scores.label).toEqual([undefined, undefined]);
  });

  it('does not run on parts without an ok row while it looks for the guilty ones', async () => {
    const { rows, runs } = await score([0, 0, 0, 0, POISON, 1, 2, 3], (r) => {
      for (let row = 0; row < 4; row++) r.fail(row, 'decode_failed', '');
    });
    expect(rows.codeOf(4)).toBe('inference_failed');
    // 0–8, 4–8, 4–6, 4, 5, 6–8: never 0–4.
    expect(runs).toBe(6);
  });

  it('gives rows with a score that is not finite to the dead letters', async () => {
    const { rows, scores } = await score([1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect([0, 1, 2, 3].map((row) => rows.codeOf(row))).toEqual([undefined, 'output_invalid', 'output_invalid', 'output_invalid']);
    expect([...scores.score]).toEqual([2, Number.NaN, Number.NaN, Number.NaN]);
    expect(rows.messageOf(1)).toBe('Model double 1 gave a score that is not finite.');
  });

  it('tries the rows of an abandoned run one by one, each once, and the others together', async () => {
    /** Gives no answer for runs that hold a poisoned row, and says so of blocks of four. */
    class HangingModel extends DoublingModel {
      readonly seen: [number, number][] = [];
      override async run(rows: Rows, from: number, to: number, scores: Scores): Promise<void> {
        this.seen.push([from, to]);
        const hung: { fromRow: number; toRow: number }[] = [];
        for (let at = from; at < to; at += 4) {
          const toRow = Math.min(to, at + 4);
          if (rows.floats[0]!.subarray(at, toRow).includes(POISON)) hung.push({ fromRow: at, toRow });
          else await super.run(rows, at, toRow, scores);
        }
        if (hung.length > 0) throw new RunAbandoned('no answer', hung);
      }
    }
    const model = new HangingModel();
    const values = Array.from({ length: 14 }, (_, row) => row);
    values[5] = values[13] = POISON;
    const { rows, scores } = await score(values, (r) => r.fail(6, 'decode_failed', ''), model);
    expect(values.map((_, row) => rows.codeOf(row)).flatMap((code, row) => (code ? [[row, code]] : []))).toEqual([
      [5, 'inference_abandoned'],
      [6, 'decode_failed'],
      [13, 'inference_abandoned'],
    ]);
    expect(rows.messageOf(5)).toBe('Model double 1: no answer');
    expect([...scores.score]).toEqual(values.map((value, row) => ([5, 6, 13].includes(row) ? Number.NaN : value * 2)));
    const alone = ([4, 5, 7] as const).map((row) => [row, row + 1]);
    expect(model.seen).toEqual([[0, 14], [0, 4], ...alone, [8, 12], [12, 13], [13, 14]]);
  });

  it('passes on what the model says of itself, blaming no row', async () => {
    const model = new DoublingModel(() => new WeirError('model_invalid', 'broken'));
    await expect(score([1, POISON], () => {}, model)).rejects.toMatchObject({ code: 'model_invalid' });
    expect(model.runs).toBe(1);
  });
});
