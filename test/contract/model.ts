import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/core/ports.ts';
import type { Rows, Scores } from '../../src/core/rows.ts';

/** What the contract needs: a model and at least six rows that it can score, with scores that are not all the same. */
export interface ModelFixture {
  readonly model: Model;
  readonly rows: Rows;
}

/** What every adapter of the `Model` port does. `open` is called inside each test. */
export function modelContract(name: string, open: () => Promise<ModelFixture>, tolerance = 1e-6): void {
  const score = async ({ model, rows }: ModelFixture, from: number, to: number, capacity = rows.count): Promise<Scores> => {
    const scores = model.createScores(capacity);
    scores.score.fill(-7);
    await model.run(rows, from, to, scores);
    return scores;
  };

  describe(`model contract: ${name}`, () => {
    it('has a name and a version', async () => {
      const { model } = await open();
      expect(model.name).not.toBe('');
      expect(model.version).not.toBe('');
    });

    it('scores a range into the same places and touches no other', async () => {
      const fixture = await open();
      const whole = await score(fixture, 0, fixture.rows.count);
      const part = await score(fixture, 2, 5);
      for (let row = 0; row < fixture.rows.count; row++) {
        if (row < 2 || row >= 5) expect(part.score[row]).toBe(-7);
        else expect(Math.abs(part.score[row]! - whole.score[row]!)).toBeLessThanOrEqual(tolerance);
      }
      expect(new Set(whole.score).size).toBeGreaterThan(1);
    });

    it('scores a row alike alone and in company', async () => {
      const fixture = await open();
      const whole = await score(fixture, 0, fixture.rows.count);
      for (let row = 0; row < 6; row++) {
        const alone = await score(fixture, row, row + 1);
        expect(Math.abs(alone.score[row]! - whole.score[row]!)).toBeLessThanOrEqual(tolerance);
        expect(alone.label?.[row]).toBe(whole.label?.[row]);
      }
    });

    it('does nothing with no rows', async () => {
      const fixture = await open();
      expect((await score(fixture, 3, 3)).score.every((value) => value === -7)).toBe(true);
    });

    it('keeps runs that overlap in time apart', async () => {
      const fixture = await open();
      const whole = await score(fixture, 0, fixture.rows.count);
      const parts = await Promise.all([score(fixture, 0, 2), score(fixture, 2, 4), score(fixture, 4, 6)]);
      for (let row = 0; row < 6; row++) {
        expect(Math.abs(parts[row >> 1]!.score[row]! - whole.score[row]!)).toBeLessThanOrEqual(tolerance);
      }
    });

    it('can be closed twice', async () => {
      const { model } = await open();
      await model.close();
      await expect(model.close()).resolves.toBeUndefined();
    });

    it('makes scores of the capacity asked for', async () => {
      const { model } = await open();
      const scores = model.createScores(17);
      expect(scores.score.length).toBe(17);
      for (const extra of scores.extras) expect(extra.values.length).toBe(17 * extra.width);
      expect(scores.label?.length ?? 17).toBe(17);
    });
  });
}
