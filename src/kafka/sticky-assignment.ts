import type { OwnedPartitions } from './owned-partitions.ts';

/** A member of a consumer group that wants partitions. */
export interface StickyMember {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly owned: OwnedPartitions;
}

/** Partition numbers by topic. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>;

interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A member while partitions are handed out. */
interface Share {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  /** By topic; the ones that it did not own before are last. */
  readonly held: Map<string, number[]>;
  load: number;
}

/**
 * Hands out all partitions, each to one member that subscribes its topic.
 *
 * 1. Every member keeps what it owned, as far as it still exists and is subscribed. Of two that claim the same partition
 *    (one was cut off and came back), the one with the later generation has it; in the same generation the first by id.
 * 2. What is left goes, in order, to the member with the fewest.
 * 3. As long as a member has at least two more than another one that could take from it, one partition moves: directly,
 *    or, where subscriptions differ, along a shortest chain of members.
 *
 * So no member has two more than another that could take one of its partitions, which is max − min ≤ 1 where all
 * subscribe to the same; there no other balanced assignment leaves more partitions with their owners. The result depends
 * on the members and partitions alone, not on their order.
 * @param partitions of all topics that exist; a topic without subscriber is left out, one that is missing is not assigned
 * @returns the partitions of every member by id, in ascending order
 */
export function assignSticky(members: readonly StickyMember[], partitions: TopicPartitions): Map<string, Map<string, number[]>> {
  const inOrder = members.toSorted((a, b) => compare(a.memberId, b.memberId));
  const shares = inOrder.map(({ memberId, topics }): Share => ({ memberId, topics: new Set(topics), held: new Map(), load: 0 }));
  const owners = ownersOf(inOrder);
  const ownerless: TopicPartition[] = [];
  for (const topic of [...partitions.keys()].sort(compare)) {
    for (const partition of (partitions.get(topic) ?? []).toSorted((a, b) => a - b)) {
      const owner = shares[owners.get(topic)?.get(partition) ?? -1];
      if (owner?.topics.has(topic)) give(owner, topic, partition);
      else ownerless.push({ topic, partition });
    }
  }
  for (const { topic, partition } of ownerless) {
    const taker = leastLoaded(shares.filter(({ topics }) => topics.has(topic)));
    if (taker) give(taker, topic, partition);
  }
  while (moveOne(shares)) continue;
  return new Map(shares.map((share) => [share.memberId, sorted(share.held)]));
}

/** Who has each partition, as the index of the member: the latest generation, then the first. */
function ownersOf(members: readonly StickyMember[]): Map<string, Map<number, number>> {
  const owners = new Map<string, Map<number, number>>();
  for (const [index, { owned }] of members.entries()) {
    for (const [topic, numbers] of owned.partitions) {
      const ofTopic = owners.get(topic) ?? new Map<number, number>();
      owners.set(topic, ofTopic);
      for (const partition of numbers) {
        const rival = ofTopic.get(partition);
        if (rival === undefined || members[rival]!.owned.generation < owned.generation) ofTopic.set(partition, index);
      }
    }
  }
  return owners;
}

/** Evens out one difference of two or more. @returns false when there is none that subscriptions allow to even out */
function moveOne(shares: readonly Share[]): boolean {
  const least = leastLoaded(shares)?.load ?? 0;
  for (const donor of shares.toSorted((a, b) => b.load - a.load)) {
    if (donor.load < least + 2) return false;
    const chain = chainFrom(donor, shares);
    if (chain === undefined) continue;
    for (let i = chain.length - 1; i > 0; i--) pass(chain[i - 1]!, chain[i]!);
    return true;
  }
  return false;
}

/** The shortest chain in which each member can take a partition of the one before, to one with two fewer than the donor. */
function chainFrom(donor: Share, shares: readonly Share[]): Share[] | undefined {
  const before = new Map<Share, Share | undefined>([[donor, undefined]]);
  for (let reached: readonly Share[] = [donor]; reached.length > 0; ) {
    const next: Share[] = [];
    for (const giver of reached) {
      for (const taker of shares) {
        if (before.has(taker) || passable(giver, taker) === undefined) continue;
        before.set(taker, giver);
        next.push(taker);
      }
    }
    const end = leastLoaded(next);
    if (end && end.load <= donor.load - 2) {
      const chain: Share[] = [];
      for (let share: Share | undefined = end; share; share = before.get(share)) chain.unshift(share);
      return chain;
    }
    reached = next;
  }
  return undefined;
}

/** A topic of which the giver has a partition and that the taker subscribes: the one it has most of, then the first. */
function passable(giver: Share, taker: Share): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [topic, numbers] of giver.held) {
    if (numbers.length > most && taker.topics.has(topic)) [best, most] = [topic, numbers.length];
  }
  return best;
}

function pass(giver: Share, taker: Share): void {
  const topic = passable(giver, taker);
  const partition = topic === undefined ? undefined : giver.held.get(topic)?.pop();
  if (topic === undefined || partition === undefined) return;
  giver.load--;
  give(taker, topic, partition);
}

function give(share: Share, topic: string, partition: number): void {
  const numbers = share.held.get(topic);
  if (numbers) numbers.push(partition);
  else share.held.set(topic, [partition]);
  share.load++;
}

/** The first of those with the fewest partitions. */
function leastLoaded(shares: readonly Share[]): Share | undefined {
  let least: Share | undefined;
  for (const share of shares) if (least === undefined || share.load < least.load) least = share;
  return least;
}

function sorted(held: ReadonlyMap<string, readonly number[]>): Map<string, number[]> {
  const filled = [...held].filter(([, numbers]) => numbers.length > 0).sort(([a], [b]) => compare(a, b));
  return new Map(filled.map(([topic, numbers]) => [topic, numbers.toSorted((a, b) => a - b)]));
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
