import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Account, quantile } from '../../../../examples/flights/account.ts';

const RANGES = [
  { partition: 0, low: 0, high: 3 },
  { partition: 1, low: 100, high: 102 },
];

function account(): Account {
  const made = new Account('flights-2013.departed', RANGES);
  for (const { partition, low, high } of RANGES) for (let offset = low; offset < high; offset++) made.input(partition, offset, 1_000);
  return made;
}

describe('Account', () => {
  test('is clean when each input has one output', () => {
    const made = account();
    for (const id of ['0-0', '0-1', '0-2', '1-100']) made.prediction(`flights-2013.departed-${id}`, 1_010);
    made.deadLetter('flights-2013.departed-1-101');
    expect(made.totals()).toEqual({
      events: 5,
      deadLetters: 1,
      duplicates: 0,
      missing: 0,
      unexplained: 0,
      latencyMs: { p50: 10, p95: 10, p99: 10 },
      seconds: 0.01,
    });
  });

  test('tells missing, repeated and contradictory outputs apart', () => {
    const made = account();
    made.prediction('flights-2013.departed-0-0', 1_001);
    made.prediction('flights-2013.departed-0-0', 9_999);
    made.prediction('flights-2013.departed-0-0', 9_999);
    made.prediction('flights-2013.departed-0-1', 1_001);
    made.deadLetter('flights-2013.departed-0-1');
    expect(made.totals()).toMatchObject({ events: 5, duplicates: 2, missing: 3, unexplained: 1, latencyMs: { p99: 1 } });
  });

  test.each([
    ['another topic', 'flights.departed-0-0'],
    ['an offset past the end', 'flights-2013.departed-0-3'],
    ['an offset before the beginning', 'flights-2013.departed-1-99'],
    ['another partition', 'flights-2013.departed-2-0'],
    ['no coordinate', 'nonsense'],
    ['a fraction', 'flights-2013.departed-0-0.5'],
  ])('an output of %s is unexplained', (_what, id) => {
    const made = account();
    made.prediction(id, 1_000);
    expect(made.totals()).toMatchObject({ missing: 5, unexplained: 1 });
  });

  test('an output of an offset that holds no record is unexplained', () => {
    const made = new Account('t', [{ partition: 0, low: 0, high: 2 }]);
    made.input(0, 0, 0);
    made.prediction('t-0-0', 1);
    made.prediction('t-0-1', 1);
    expect(made.totals()).toMatchObject({ events: 1, missing: 0, unexplained: 1 });
  });

  test('predictions = events + duplicates + unexplained − missing − dead letters, in any order', () => {
    const output = fc.record({ isDead: fc.boolean(), partition: fc.nat(2), offset: fc.integer({ min: 0, max: 103 }) });
    fc.assert(
      fc.property(fc.array(output, { maxLength: 40 }), (outputs) => {
        const made = account();
        for (const { isDead, partition, offset } of outputs) {
          const id = `flights-2013.departed-${partition}-${offset}`;
          if (isDead) made.deadLetter(id);
          else made.prediction(id, 2_000);
        }
        const { events, duplicates, missing, unexplained, deadLetters } = made.totals();
        const explained = new Map<string, { dead: number; alive: number }>();
        let foreign = 0;
        for (const { isDead, partition, offset } of outputs) {
          const range = RANGES.find((r) => r.partition === partition && offset >= r.low && offset < r.high);
          if (!range) {
            foreign++;
            continue;
          }
          const entry = explained.get(`${partition}-${offset}`) ?? { dead: 0, alive: 0 };
          entry[isDead ? 'dead' : 'alive']++;
          explained.set(`${partition}-${offset}`, entry);
        }
        const entries = [...explained.values()];
        expect(events).toBe(5);
        expect(missing).toBe(5 - entries.length);
        expect(duplicates).toBe(entries.reduce((sum, { alive }) => sum + Math.max(0, alive - 1), 0));
        expect(unexplained).toBe(foreign + entries.filter(({ dead, alive }) => dead > 0 && alive > 0).length);
        expect(deadLetters).toBe(outputs.filter(({ isDead }) => isDead).length);
      }),
    );
  });
});

test('quantile is the nearest rank', () => {
  const values = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([1, 50, 99, 100]);
  expect(quantile(new Float64Array(0), 0.5)).toBe(0);
});
