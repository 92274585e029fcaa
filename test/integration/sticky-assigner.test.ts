import kafkajs, { type Assigner, type Consumer, type PartitionAssigner } from 'kafkajs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeOwnedPartitions, type OwnedPartitions } from '../../src/kafka/owned-partitions.ts';
import { createStickyAssigner } from '../../src/kafka/sticky-assigner.ts';
import { services, uniqueName } from '../support/services.ts';

const { roundRobin } = kafkajs.PartitionAssigners;
const kafka = (): kafkajs.Kafka =>
  new kafkajs.Kafka({
    brokers: services().kafkaBrokers.split(','),
    clientId: 'sticky-test',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
  });

const ascending = (a: number, b: number): number => a - b;

interface Member {
  readonly consumer: Consumer;
  /** Of the last join. */
  id: string;
  protocol: string;
  generation: number;
  partitions: ReadonlyMap<string, readonly number[]>;
  /** What the members of the group said that they own, by id, at each assignment that this one made as the leader. */
  readonly told: Map<string, OwnedPartitions>[];
}

const running = new Set<Member>();
afterEach(async () => {
  await Promise.all([...running].map(leave));
});

async function leave(member: Member): Promise<void> {
  running.delete(member);
  await member.consumer.disconnect();
}

/** A stock consumer of kafkajs with these assigners; `sticky` stands for ours, told what the member owns. */
async function join(groupId: string, topic: string, assigners: readonly ('sticky' | PartitionAssigner)[]): Promise<Member> {
  const sticky = createStickyAssigner(() => ({ generation: member.generation, partitions: member.partitions }));
  const listening: PartitionAssigner = (config): Assigner => {
    const assigner = sticky(config);
    return {
      ...assigner,
      assign(group) {
        const userData = (metadata: Buffer): Buffer | undefined => kafkajs.AssignerProtocol.MemberMetadata.decode(metadata)?.userData;
        const told = group.members.map((m) => [m.memberId, decodeOwnedPartitions(userData(m.memberMetadata))] as const);
        member.told.push(new Map(told));
        return assigner.assign(group);
      },
    };
  };
  const consumer = kafka().consumer({
    groupId,
    partitionAssigners: assigners.map((assigner) => (assigner === 'sticky' ? listening : assigner)),
    heartbeatInterval: 100,
    sessionTimeout: 10_000,
    rebalanceTimeout: 20_000,
    maxWaitTimeInMs: 50,
    metadataMaxAge: 500,
  });
  const member: Member = { consumer, id: '', protocol: '', generation: -1, partitions: new Map(), told: [] };
  running.add(member);
  consumer.on('consumer.group_join', ({ payload }) => {
    member.id = payload.memberId;
    member.protocol = payload.groupProtocol ?? '';
    member.partitions = new Map(Object.entries(payload.memberAssignment));
  });
  consumer.on('consumer.heartbeat', ({ payload }) => {
    member.generation = payload.groupGenerationId;
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic] });
  await consumer.run({ eachBatch: async () => undefined });
  return member;
}

async function withAdmin<T>(use: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = kafka().admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function topicWith(partitions: number): Promise<string> {
  const topic = uniqueName('sticky');
  await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] }));
  return topic;
}

const numbersOf = (member: Member): readonly number[] => [...member.partitions.values()].flat();

/** Waits until these members have all partitions among them, in one generation that all have heard of. */
async function settled(members: readonly Member[], partitions: number): Promise<void> {
  const all = Array.from({ length: partitions }, (_, i) => i);
  await vi.waitUntil(
    () => {
      const [first] = members;
      const isOne = members.every(({ generation, protocol }) => generation === first!.generation && protocol === first!.protocol);
      const held = members.flatMap(numbersOf).toSorted(ascending);
      const isFair = members.every((member) => numbersOf(member).length >= Math.floor(partitions / members.length));
      return isOne && isFair && held.join() === all.join();
    },
    { timeout: 40_000, interval: 50 },
  );
}

/** Who has which partition, by number. */
const holders = (members: readonly Member[]): Map<number, Member> =>
  new Map(members.flatMap((member) => numbersOf(member).map((partition) => [partition, member] as const)));

/** The partitions that are with another member than in `before`. */
const movedSince = (before: ReadonlyMap<number, Member>, members: readonly Member[]): number[] =>
  [...holders(members)].flatMap(([partition, member]) => (before.get(partition) === member ? [] : [partition]));

describe('the sticky assigner, on a real group', () => {
  test('members tell the leader what they own, and joining and leaving moves only what must move', async () => {
    const topic = await topicWith(9);
    const group = uniqueName('group');
    const a = await join(group, topic, ['sticky']);
    const b = await join(group, topic, ['sticky']);
    await settled([a, b], 9);
    const byTwo = holders([a, b]);
    const owned = [a, b].map(({ id, generation, partitions }) => ({ id, generation, partitions }));

    const c = await join(group, topic, ['sticky']);
    await settled([a, b, c], 9);
    expect(movedSince(byTwo, [a, b, c]).toSorted(ascending)).toEqual(numbersOf(c).toSorted(ascending));
    expect([a, b, c].map((member) => numbersOf(member).length)).toEqual([3, 3, 3]);
    const told = [a, b, c].flatMap((member) => member.told).find((heard) => heard.has(c.id))!;
    for (const { id, generation, partitions } of owned) {
      expect(told.get(id)!.partitions).toEqual(partitions);
      expect(told.get(id)!.generation).toBeGreaterThanOrEqual(generation);
    }
    expect(told.get(c.id)).toEqual({ generation: -1, partitions: new Map() });

    const byThree = holders([a, b, c]);
    const ofA = numbersOf(a).toSorted(ascending);
    await leave(a);
    await settled([b, c], 9);
    expect(movedSince(byThree, [b, c]).toSorted(ascending)).toEqual(ofA);

    const { protocol, protocolType, members } = (await withAdmin((admin) => admin.describeGroups([group]))).groups[0]!;
    expect([protocol, protocolType, members.length]).toEqual(['weir-sticky', 'consumer', 2]);
  });

  test('partitions that are added go to the group, and those that were there stay', async () => {
    const topic = await topicWith(4);
    const group = uniqueName('group');
    const members = [await join(group, topic, ['sticky']), await join(group, topic, ['sticky'])];
    await settled(members, 4);
    const before = holders(members);
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 7 }] }));
    await settled(members, 7);
    expect(movedSince(before, members).toSorted(ascending)).toEqual([4, 5, 6]);
  });

  test('workers on round robin are replaced one by one, and the last one to leave brings the sticky protocol', async () => {
    const topic = await topicWith(6);
    const group = uniqueName('group');
    const old = [await join(group, topic, [roundRobin]), await join(group, topic, [roundRobin])];
    await settled(old, 6);
    await leave(old[0]!);
    const first = await join(group, topic, ['sticky', roundRobin]);
    await settled([old[1]!, first], 6);
    expect(first.protocol).toBe('RoundRobinAssigner');
    await leave(old[1]!);
    const second = await join(group, topic, ['sticky', roundRobin]);
    await settled([first, second], 6);
    expect([first.protocol, second.protocol]).toEqual(['weir-sticky', 'weir-sticky']);
  });

  test('a leader that subscribes to another topic assigns the topics of the others, too', async () => {
    const [old, renamed] = [await topicWith(2), await topicWith(3)];
    const group = uniqueName('group');
    const leader = await join(group, old, ['sticky']);
    await vi.waitUntil(() => numbersOf(leader).length === 2, { timeout: 30_000 });
    const newer = await join(group, renamed, ['sticky']);
    await vi.waitUntil(() => numbersOf(newer).length === 3 && leader.told.some(({ size }) => size === 2), { timeout: 30_000 });
    expect([...leader.partitions]).toEqual([[old, [0, 1]]]);
    expect([...newer.partitions]).toEqual([[renamed, [0, 1, 2]]]);
  });
});
