import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import type { LogEnds } from '../../../src/kafka/group-positions.ts';
import { END_MAX_AGE_MS, PartitionEnds } from '../../../src/kafka/partition-ends.ts';

/** Brokers in memory that count how often they are asked, and answer when `answer` is called. */
function setUp(startFrom: 'earliest' | 'latest' = 'earliest') {
  const clock = new ManualClock();
  const log = new Map<number, LogEnds>();
  const committed = new Map<number, number>();
  const brokers = { asked: 0, askedForCommits: 0, failure: undefined as Error | undefined, gate: Promise.resolve() };
  const positions = {
    async logEnds() {
      brokers.asked++;
      await brokers.gate;
      if (brokers.failure) throw brokers.failure;
      return new Map(log);
    },
    async committed() {
      brokers.askedForCommits++;
      return new Map(committed);
    },
  };
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
  const ends = new PartitionEnds({ positions, startFrom, clock, logger });
  const fetched = (partition: number, firstOffset: number, count: number, lastStableOffset: number): void =>
    ends.fetched({
      partition,
      fetchedOffset: firstOffset,
      nextOffset: firstOffset + count,
      lastStableOffset,
      seenAtMs: clock.monotonicMs(),
    });
  return { clock, log, committed, positions, brokers, ends, fetched, warnings };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('PartitionEnds', () => {
  it('asks for the ends of what was not fetched lately, at most once in that time, and never for what was', async () => {
    const { clock, log, brokers, ends, fetched } = setUp();
    fetched(0, 10, 5, 20);
    ends.refresh([0]);
    expect(brokers.asked).toBe(0);
    clock.advance(END_MAX_AGE_MS);
    log.set(0, { low: 0, high: 1_000 });
    ends.refresh([0]);
    ends.refresh([0]);
    await settled();
    ends.refresh([0]);
    expect([brokers.asked, brokers.askedForCommits]).toEqual([1, 0]);
    expect([ends.lag().get(0), ends.unread().get(0)]).toEqual([990, 985]);
    ends.committed(0, 15);
    expect(ends.lag().get(0)).toBe(985);
    clock.advance(END_MAX_AGE_MS);
    fetched(0, 15, 5, 1_000);
    ends.refresh([0]);
    expect(brokers.asked).toBe(1);
  });

  it.each([
    ['earliest', 100],
    ['latest', 0],
  ] as const)('knows the lag of partitions that it has never fetched: %s', async (startFrom, lag) => {
    const { log, committed, ends } = setUp(startFrom);
    log.set(0, { low: 400, high: 500 }).set(1, { low: 0, high: 500 });
    committed.set(1, 200);
    ends.refresh([0, 1, 2]);
    expect(ends.lag().size).toBe(0);
    await settled();
    expect(ends.lag()).toEqual(
      new Map([
        [0, lag],
        [1, 300],
      ]),
    );
  });

  it('drops an answer that arrives after the partitions are gone', async () => {
    const { clock, log, brokers, ends } = setUp();
    let answer = (): void => {};
    brokers.gate = new Promise((resolve) => {
      answer = resolve;
    });
    log.set(0, { low: 0, high: 500 });
    ends.refresh([0]);
    ends.drop([0]);
    answer();
    await settled();
    expect(ends.lag().size).toBe(0);
    clock.advance(END_MAX_AGE_MS);
    ends.refresh([0]);
    await settled();
    expect(ends.lag().get(0)).toBe(500);
  });

  it('never goes back behind what a fetch has seen', async () => {
    const { clock, log, ends, fetched } = setUp();
    fetched(0, 0, 1, 50);
    clock.advance(END_MAX_AGE_MS);
    log.set(0, { low: 0, high: 40 });
    ends.refresh([0]);
    await settled();
    expect(ends.lag().get(0)).toBe(50);
  });

  it('says when the brokers do not answer, and asks again later', async () => {
    const { clock, log, brokers, ends, warnings } = setUp();
    brokers.failure = new Error('away');
    ends.refresh([0]);
    await settled();
    expect(warnings).toHaveLength(1);
    brokers.failure = undefined;
    log.set(0, { low: 0, high: 7 });
    clock.advance(END_MAX_AGE_MS);
    ends.refresh([0]);
    await settled();
    expect(ends.lag().get(0)).toBe(7);
  });
});
