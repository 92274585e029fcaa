import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OWNS_NOTHING } from '../../../src/kafka/owned-partitions.ts';
import { assignSticky, type StickyMember, type TopicPartitions } from '../../../src/kafka/sticky-assignment.ts';

type Assignment = ReturnType<typeof assignSticky>;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const member = (memberId: string, topics: readonly string[], owned: Record<string, number[]> = {}, generation = 1): StickyMember => ({
  memberId,
  topics,
  owned: { generation, partitions: new Map(Object.entries(owned)) },
});
const plain = (assignment: Assignment): Record<string, Record<string, number[]>> =>
  Object.fromEntries([...assignment].map(([id, partitions]) => [id, Object.fromEntries(partitions)]));
const loadOf = (partitions: TopicPartitions | undefined): number => [...(partitions?.values() ?? [])].flat().length;
const countOf = (partitions: TopicPartitions): number => loadOf(partitions);

/** Member id by `topic-partition`. */
function holders(assignment: ReadonlyMap<string, TopicPartitions>): Map<string, string> {
  const result = new Map<string, string>();
  for (const [id, partitions] of assignment) {
    for (const [topic, numbers] of partitions) for (const partition of numbers) result.set(`${topic}-${partition}`, id);
  }
  return result;
}

/** How many partitions are with another member than before. */
function moved(before: Assignment, after: Assignment): number {
  const then = holders(before);
  return [...holders(after)].filter(([partition, id]) => then.get(partition) !== id).length;
}

/** The next assignment of a group whose members remember the last one; ids that it does not know have no memory. */
function next(ids: readonly string[], partitions: TopicPartitions, last: Assignment, generation = 1): Assignment {
  const topics = [...partitions.keys()];
  return assignSticky(
    ids.map((memberId) => ({ memberId, topics, owned: { generation, partitions: last.get(memberId) ?? new Map() } })),
    partitions,
  );
}

const ids = (count: number): string[] => range(count).map((i) => `m${i}`);
const topicSizes = fc
  .array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 4 })
  .map((sizes): TopicPartitions => new Map(sizes.map((size, i) => [`t${i}`, range(size)])));
/** Claims of any kind: of partitions that are gone, of others' partitions, of topics that are not subscribed. */
const claims = fc.dictionary(fc.constantFrom('t0', 't1', 't2', 't3', 'gone'), fc.uniqueArray(fc.nat(35), { maxLength: 20 }));
const anyTopics = fc.subarray(['t0', 't1', 't2', 't3', 'unknown']);
const members = (topics: fc.Arbitrary<string[]>): fc.Arbitrary<StickyMember[]> =>
  fc
    .array(fc.tuple(topics, claims, fc.nat(4)), { minLength: 1, maxLength: 8 })
    .map((list) => list.map(([subscribed, owned, generation], i) => member(`m${i}`, subscribed, owned, generation)));
const alike = members(fc.constant(['t0', 't1', 't2', 't3']));

describe('any members, any claims', () => {
  test('every partition that somebody subscribes is assigned once, and only to subscribers', () => {
    fc.assert(
      fc.property(members(anyTopics), topicSizes, (group, partitions) => {
        const assignment = assignSticky(group, partitions);
        expect([...assignment.keys()]).toEqual(group.map(({ memberId }) => memberId));
        const wanted = [...partitions].filter(([topic]) => group.some(({ topics }) => topics.includes(topic)));
        const all = wanted.flatMap(([topic, numbers]) => numbers.map((partition) => `${topic}-${partition}`));
        const given = [...assignment.values()].flatMap((held) => [...held].flatMap(([topic, n]) => n.map((p) => `${topic}-${p}`)));
        expect(given.toSorted()).toEqual(all.toSorted());
        for (const { memberId, topics } of group) expect(topics).toEqual(expect.arrayContaining([...assignment.get(memberId)!.keys()]));
      }),
    );
  });

  test('nobody has two more than another that could take one of its partitions', () => {
    fc.assert(
      fc.property(members(anyTopics), topicSizes, (group, partitions) => {
        const assignment = assignSticky(group, partitions);
        for (const { memberId: giver } of group) {
          const held = assignment.get(giver)!;
          for (const { memberId: taker, topics } of group) {
            if (topics.some((topic) => held.has(topic))) {
              expect(loadOf(held) - loadOf(assignment.get(taker))).toBeLessThanOrEqual(1);
            }
          }
        }
      }),
    );
  });

  test('the order in which members, topics and partitions are listed does not matter', () => {
    fc.assert(
      fc.property(members(anyTopics), topicSizes, (group, partitions) => {
        const reversed = new Map([...partitions].toReversed().map(([topic, numbers]) => [topic, numbers.toReversed()]));
        expect(plain(assignSticky(group.toReversed(), reversed))).toEqual(plain(assignSticky(group, partitions)));
      }),
    );
  });

  test('once balanced it stays as it is', () => {
    fc.assert(
      fc.property(members(anyTopics), topicSizes, (group, partitions) => {
        const first = assignSticky(group, partitions);
        const again = group.map((m) => ({ ...m, owned: { generation: 9, partitions: first.get(m.memberId)! } }));
        expect(plain(assignSticky(again, partitions))).toEqual(plain(first));
      }),
    );
  });
});

describe('members that subscribe to the same topics', () => {
  test('are balanced, and keep as many partitions as any balanced assignment can leave them', () => {
    fc.assert(
      fc.property(alike, topicSizes, (group, partitions) => {
        const assignment = assignSticky(group, partitions);
        const loads = [...assignment.values()].map(loadOf);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        // Who owns what, found in another way: claims in the order of their force, the first of which wins.
        const force = group.toSorted((a, b) => b.owned.generation - a.owned.generation || (a.memberId < b.memberId ? -1 : 1));
        const owner = new Map<string, string>();
        for (const { memberId, owned } of force) {
          for (const [topic, numbers] of owned.partitions) {
            for (const p of numbers.filter((n) => partitions.get(topic)?.includes(n))) {
              if (!owner.has(`${topic}-${p}`)) owner.set(`${topic}-${p}`, memberId);
            }
          }
        }
        const now = holders(assignment);
        const kept = [...owner].filter(([partition, id]) => now.get(partition) === id).length;
        const ownedCounts = group.map(({ memberId }) => [...owner.values()].filter((id) => id === memberId).length);
        const [low, ofHigh] = [Math.floor(countOf(partitions) / group.length), countOf(partitions) % group.length];
        const most = ownedCounts.toSorted((a, b) => b - a).map((count, i) => Math.min(count, i < ofHigh ? low + 1 : low));
        expect(kept).toBe(most.reduce((a, b) => a + b));
      }),
    );
  });

  const groupSize = fc.integer({ min: 1, max: 12 });

  test('one that joins takes at most its share, and nothing else moves', () => {
    fc.assert(
      fc.property(groupSize, topicSizes, (size, partitions) => {
        const before = next(ids(size), partitions, new Map());
        const after = next([...ids(size), 'joined'], partitions, before);
        expect(moved(before, after)).toBe(loadOf(after.get('joined')));
        expect(moved(before, after)).toBeLessThanOrEqual(Math.ceil(countOf(partitions) / (size + 1)));
      }),
    );
  });

  test('one that leaves gives up its partitions, and nothing else moves', () => {
    fc.assert(
      fc.property(groupSize, topicSizes, (size, partitions) => {
        const before = next(['leaves', ...ids(size)], partitions, new Map());
        const after = next(ids(size), partitions, before);
        expect(moved(before, after)).toBe(loadOf(before.get('leaves')));
      }),
    );
  });

  test('a rolling restart moves what the restarted workers hold: away once, and their share back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), topicSizes, (size, partitions) => {
        const total = countOf(partitions);
        let assignment = next(ids(size), partitions, new Map());
        for (const restarted of ids(size)) {
          const others = [...assignment.keys()].filter((id) => id !== restarted);
          const without = next(others, partitions, assignment);
          expect(moved(assignment, without)).toBeLessThanOrEqual(Math.ceil(total / size));
          // It comes back under a new id and with no memory, as a process does.
          const back = next([...others, `${restarted}-again`], partitions, without);
          expect(moved(without, back)).toBeLessThanOrEqual(Math.floor(total / size));
          assignment = back;
        }
      }),
    );
  });

  test('added partitions go to those with the fewest, and nothing moves for a few of them', () => {
    fc.assert(
      fc.property(groupSize, fc.nat(40), fc.nat(40), (size, few, more) => {
        const before = next(ids(size), new Map([['t', range(few)]]), new Map());
        const after = next(ids(size), new Map([['t', range(few + more)]]), before);
        expect(moved(before, after)).toBe(more);
      }),
    );
  });
});

describe('examples', () => {
  test('a split brain: the later generation keeps the partition, in one generation the first member', () => {
    const partitions = new Map([['t', [0, 1]]]);
    const zombie = member('a', ['t'], { t: [0, 1] }, 4);
    const successor = member('b', ['t'], { t: [0] }, 5);
    expect(plain(assignSticky([zombie, successor], partitions))).toEqual({ a: { t: [1] }, b: { t: [0] } });
    const twins = [member('b', ['t'], { t: [1] }), member('a', ['t'], { t: [1] })];
    expect(plain(assignSticky(twins, partitions))).toEqual({ a: { t: [1] }, b: { t: [0] } });
  });

  test('a topic that was removed, or whose subscription ended, is nobody’s past', () => {
    const group = [member('a', ['t'], { t: [0], gone: [0, 1, 2] }), member('b', ['t', 'u'], { u: [0] }), member('c', ['t'], { u: [1] })];
    const partitions = new Map([
      ['t', [0, 1]],
      ['u', [0, 1]],
    ]);
    expect(plain(assignSticky(group, partitions))).toEqual({ a: { t: [0] }, b: { u: [0, 1] }, c: { t: [1] } });
  });

  test('balance reaches along a chain of subscriptions', () => {
    // c can take nothing of a's: b takes it, and passes one of its own on.
    const group = [member('a', ['t'], { t: [0, 1, 2] }), member('b', ['t', 'u'], { u: [0, 1] }), member('c', ['u', 'v'])];
    const partitions = new Map([
      ['t', [0, 1, 2]],
      ['u', [0, 1]],
    ]);
    const loads = [...assignSticky(group, partitions).values()].map(loadOf);
    expect(loads.toSorted((a, b) => a - b)).toEqual([1, 2, 2]);
    const long = [member('a', ['t'], { t: [0, 1, 2] }), member('b', ['t', 'u'], { u: [0, 1] }), member('c', ['u', 'v'], { v: [0] })];
    const wide = new Map([...partitions, ['v', [0]] as const]);
    expect(plain(assignSticky(long, wide))).toEqual({ a: { t: [0, 1] }, b: { t: [2], u: [0] }, c: { u: [1], v: [0] } });
  });

  test('nobody, nothing, and more members than partitions', () => {
    expect(plain(assignSticky([], new Map([['t', [0]]])))).toEqual({});
    expect(plain(assignSticky([{ memberId: 'a', topics: ['t'], owned: OWNS_NOTHING }], new Map()))).toEqual({ a: {} });
    const three = ids(3).map((id) => member(id, ['t']));
    expect(plain(assignSticky(three, new Map([['t', [0]]])))).toEqual({ m0: { t: [0] }, m1: {}, m2: {} });
  });

  test('a thousand members and ten thousand partitions take no time that a rebalance would notice', () => {
    const partitions = new Map([['t', range(10_000)]]);
    const before = next(ids(999), partitions, new Map());
    expect(moved(before, next(ids(1_000), partitions, before))).toBe(10);
  });
});
