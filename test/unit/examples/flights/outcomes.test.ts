import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areLabelsExact, Outcomes, rankAuc } from '../../../../examples/flights/outcomes.ts';
import { monthsOf, performanceLines } from '../../../../examples/flights/performance-summary.ts';
import { performanceTable } from '../../../../examples/flights/performance-table.ts';
import { createScreen } from '../../../../examples/flights/screen.ts';
import { performanceWindow } from './fixtures.ts';

const { paint } = createScreen({ isTTY: false, write: () => undefined }, { color: false, silent: false });
const APRIL_MS = Date.UTC(2013, 3, 1);
const MAY_MS = Date.UTC(2013, 4, 1);

/** The share of concordant pairs, counted pair by pair. */
function pairAuc(scores: readonly number[], truths: readonly number[]): number | null {
  let [sum, pairs] = [0, 0];
  for (const [i, a] of scores.entries()) {
    for (const [j, b] of scores.entries()) {
      if (truths[i] !== 1 || truths[j] !== 0) continue;
      pairs++;
      sum += a > b ? 1 : a === b ? 0.5 : 0;
    }
  }
  return pairs === 0 ? null : sum / pairs;
}

test('the AUC by ranks is that by pairs, ties included', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0, 1)), { maxLength: 40 }), (rows) => {
      const scores = rows.map(([score]) => score / 8);
      const truths = rows.map(([, truth]) => truth);
      const [byRanks, byPairs] = [rankAuc(scores, truths), pairAuc(scores, truths)];
      if (byPairs === null) expect(byRanks).toBeNull();
      else expect(byRanks).toBeCloseTo(byPairs, 12);
    }),
  );
});

/** Two late and two punctual flights, one that was diverted and one that nobody scored; arrivals may come first. */
function someOutcomes(): Outcomes {
  const outcomes = new Outcomes();
  outcomes.arrival('late-low', 16);
  for (const [id, score] of [
    ['late-low', 0.3],
    ['late-high', 0.9],
    ['punctual-low', 0.1],
    ['punctual-high', 0.4],
    ['diverted', 0.8],
  ] as const) {
    outcomes.prediction(id, score, APRIL_MS);
  }
  outcomes.arrival('late-high', 200);
  outcomes.arrival('punctual-low', -5);
  outcomes.arrival('punctual-high', 15);
  outcomes.arrival('diverted', null);
  outcomes.arrival('not-scored', 20);
  return outcomes;
}

test('windows that say what the topics say are exact', () => {
  // Bins [.., 0.25) and [0.25, ..): one punctual flight below, two late ones and a punctual one above.
  const window = performanceWindow(APRIL_MS, { labelled: 4, auc: 0.75, aucLower: 0.5, aucUpper: 1 }, [
    [1, 0],
    [3, 2],
  ]);
  const check = someOutcomes().check([window]);
  expect(check).toMatchObject({ expected: 4, labelled: 4, apart: 0, auc: { raw: 0.75, lower: 0.5, upper: 1 } });
  expect(areLabelsExact(check)).toBe(true);
  expect(performanceLines(check, paint).at(-1)).toBe(
    '  ✔ 4 of 4 labels have found their prediction; AUC of all 0.750, by the sums between 0.500 and 1.000',
  );
});

test('a label too few, or an AUC that is not that of the scores, is told', () => {
  const few = performanceWindow(APRIL_MS, { labelled: 3, auc: 0.75, aucLower: 0.5, aucUpper: 1 }, [
    [1, 0],
    [2, 2],
  ]);
  expect(areLabelsExact(someOutcomes().check([few]))).toBe(false);
  const wrong = performanceWindow(APRIL_MS, { labelled: 4, auc: 0.9, aucLower: 0.8, aucUpper: 1 }, [
    [1, 0],
    [3, 2],
  ]);
  const check = someOutcomes().check([wrong]);
  expect(check.apart).toBe(1);
  expect(areLabelsExact(check)).toBe(false);
  expect(performanceLines(check, paint).join('\n')).toMatch(
    /✘ 4 of 4 labels[^]*of 1 windows the counts are not those of the topics, or the AUC/,
  );
  expect(areLabelsExact(someOutcomes().check([]))).toBe(false);
  expect(performanceLines(someOutcomes().check([]), paint)[0]).toContain('too few flights to judge');
});

test('a truth that is another is told, however little it does to the AUC', () => {
  const window = performanceWindow(APRIL_MS, { labelled: 4, auc: 0.75, aucLower: 0.5, aucUpper: 1 }, [
    [1, 0],
    [3, 3],
  ]);
  const check = someOutcomes().check([window]);
  expect(check.apart).toBe(1);
  expect(areLabelsExact(check)).toBe(false);
});

test('labels that are counted in another month are told, though there are as many in all', () => {
  const none = performanceWindow(MAY_MS, { labelled: 1, auc: null, aucLower: null, aucUpper: null }, [
    [0, 0],
    [1, 0],
  ]);
  const window = performanceWindow(APRIL_MS, { labelled: 3, auc: 0.75, aucLower: 0.5, aucUpper: 1 }, [
    [1, 0],
    [2, 2],
  ]);
  expect(areLabelsExact(someOutcomes().check([window, none]))).toBe(false);
});

test('a month is a row, for people, for machines and in the README', () => {
  const window = performanceWindow(
    APRIL_MS,
    { labelled: 4, auc: 0.75, aucLower: 0.5, aucUpper: 1 },
    [
      [1, 0],
      [3, 2],
    ],
    { drop: 0.18, status: 'FELL' },
  );
  const lines = performanceLines(someOutcomes().check([window]), paint);
  expect(lines[0]).toContain('in training AUC 0.930');
  expect(lines[0]).toContain('fell in 1 of 1 months');
  expect(lines[2]).toMatch(/Apr 2013 +5 +80\.0 % +0\.750 +0\.940 +50\.0 % +0\.180 {2}fell$/);
  const performance = monthsOf([window]);
  expect(performance).toMatchObject([{ month: '2013-04', labelled: 4, auc: 0.75, aucEstimated: 0.94, drop: 0.18, status: 'FELL' }]);
  expect(
    performanceTable([
      {
        model: 'flights-gbt',
        performance: [
          performance[0]!,
          { ...performance[0]!, status: 'OK', drop: null },
          { ...performance[0]!, status: 'INSUFFICIENT_DATA' },
        ],
      },
    ]),
  ).toEqual([
    '| model | month | AUC | estimated | accuracy | estimated | Brier | late | drop | verdict |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    '| flights-gbt | Apr | 0.750 | 0.940 | 50.0 % | 90.0 % | 0.200 | 50.0 % | 0.180 | **fell** |',
    '|  | Apr | 0.750 | 0.940 | 50.0 % | 90.0 % | 0.200 | 50.0 % | – | ok |',
  ]);
});
