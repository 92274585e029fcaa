import { describe, expect, it } from 'vitest';
import { encodeEvent, entityOf, KEYS, keyOf, sequenceIn } from '../../chaos/events.ts';
import { killSchedule, quantile } from '../../chaos/faults.ts';
import { randomFrom } from '../../chaos/random.ts';
import { jsonOf, type Row, tableOf } from '../../chaos/report.ts';
import type { Scenario } from '../../chaos/scenario.ts';
import { planOf } from '../../chaos/suite.ts';

const OPTIONS = { kills: 10, durationMs: 90_000, slots: 3, freezeMs: 15_000 };

describe('what a seed decides', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(killSchedule(randomFrom(5), OPTIONS)).toEqual(killSchedule(randomFrom(5), OPTIONS));
    expect(killSchedule(randomFrom(5), OPTIONS)).not.toEqual(killSchedule(randomFrom(6), OPTIONS));
    expect(encodeEvent(5, 77)).toEqual(encodeEvent(5, 77));
    expect(encodeEvent(5, 77)).not.toEqual(encodeEvent(6, 77));
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'has all faults within the time, and none on a worker that is away (seed %i)',
    (seed) => {
      const schedule = killSchedule(randomFrom(seed), OPTIONS);
      expect(schedule.filter(({ kind }) => kind === 'kill').length).toBe(10);
      const freeze = schedule.find(({ kind }) => kind === 'freeze')!;
      expect(freeze.forMs).toBe(15_000);
      for (const fault of schedule) {
        expect(fault.atMs).toBeLessThan(90_000);
        const others = schedule.filter((other) => other !== fault && other.slot === fault.slot && other.atMs <= fault.atMs);
        for (const other of others) expect(other.atMs + other.forMs).toBeLessThan(fault.atMs);
      }
    },
  );

  it('spreads keys over all numbers and gives every event an entity', () => {
    const keys = new Set(Array.from({ length: KEYS * 2 }, (_, sequence) => keyOf(-3, sequence)));
    expect(keys.size).toBe(KEYS);
    expect(Math.min(...keys)).toBe(0);
    expect(entityOf(-3, 5)).toBeGreaterThanOrEqual(0);
  });

  it('reads a sequence number back, behind a framing and before fields of a newer schema', () => {
    const event = encodeEvent(1, 4_711);
    expect(sequenceIn(event)).toBe(4_711);
    expect(sequenceIn(Buffer.concat([Buffer.alloc(5), event, Buffer.alloc(2)]), 5)).toBe(4_711);
    expect(sequenceIn(event.subarray(0, 20))).toBeUndefined();
  });
});

describe('the plan', () => {
  const scenario = (name: string): Scenario => ({
    ...{ name, faults: '', holds: '', deliveries: ['exactly-once', 'at-least-once'] },
    run: () => Promise.reject(new Error('not run')),
  });
  const all = [scenario('kill'), scenario('poison')];

  it('holds a row for each mode, all of them unless some are named', () => {
    expect(planOf(all, []).length).toBe(4);
    expect(planOf(all, ['kill']).map(({ delivery }) => delivery)).toEqual(['exactly-once', 'at-least-once']);
    expect(planOf(all, ['poison/at-least-once']).map(({ scenario: { name }, delivery }) => [name, delivery])).toEqual([
      ['poison', 'at-least-once'],
    ]);
    const once = { ...scenario('once'), deliveries: ['exactly-once'] as const };
    expect(planOf([once], ['once/at-least-once']).length).toBe(1);
    expect(() => planOf(all, ['kill/twice'])).toThrow('There is no scenario kill/twice');
    expect(() => planOf(all, ['kil'])).toThrow('There is no scenario kil');
  });
});

describe('the report', () => {
  const row: Row = {
    ...{ name: 'kill', delivery: 'exactly-once', inputs: 60_000, faults: 11, lost: 0, duplicated: 2, reordered: 0, wrong: 0 },
    ...{ isTrial: false, seconds: 95.26, problems: ['2 duplicated'], notes: ['a note'] },
  };

  it('ends with one JSON object that a program can read', () => {
    expect(JSON.parse(jsonOf([row]))).toEqual({
      chaos: [
        {
          ...{ name: 'kill', delivery: 'exactly-once', inputs: 60_000, faults: 11, lost: 0, duplicated: 2, reordered: 0, wrong: 0 },
          ...{ seconds: 95.3, verdict: 'FAIL' },
        },
      ],
    });
  });

  it('has a table with a verdict and says what failed', () => {
    const table = tableOf([row]);
    expect(table).toMatch(/\| kill +\| exactly-once \| +60000 \| .* \| FAIL +\|/);
    expect(table).toContain('FAIL kill (exactly-once): 2 duplicated');
    expect(tableOf([{ ...row, problems: [] }])).toMatch(/\| pass +\|/);
    expect(tableOf([{ ...row, problems: [], isTrial: true }])).toMatch(/\| broken exactly-once \| .* \| caught +\|/);
  });

  it('takes quantiles of what was measured', () => {
    expect(quantile([3, 1, 2], 0.99)).toBe(3);
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
