import kafkajs, { type Assigner, type Cluster, type GroupMemberAssignment, type Logger } from 'kafkajs';
import { expect, test } from 'vitest';
import { createStickyAssigner, type OwnedPartitions } from '../../../src/kafka/sticky-assigner.ts';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

interface Setting {
  /** Number of partitions by topic that the leader knows. */
  readonly known: Record<string, number>;
  /** What it learns when it asks for a topic. */
  readonly hidden?: Record<string, number>;
  /** What the broker answers about any other topic. */
  readonly refusal?: Error;
}

/** An assigner in a cluster that only has what assigners use; `warnings` gets what it logs. */
function assignerIn({ known, hidden = {}, refusal }: Setting, owned?: () => OwnedPartitions): { assigner: Assigner; warnings: string[] } {
  const topics = { ...known };
  const warnings: string[] = [];
  const cluster = {
    findTopicPartitionMetadata: (topic: string) => Array.from({ length: topics[topic] ?? 0 }, (_, partitionId) => ({ partitionId })),
    addTargetTopic: async (topic: string) => {
      if (refusal) throw refusal;
      topics[topic] = hidden[topic] ?? 0;
    },
  } as unknown as Cluster;
  const logger = { warn: (message: string) => void warnings.push(message) } as unknown as Logger;
  const create = createStickyAssigner(owned ?? (() => ({ generation: -1, partitions: new Map() })));
  return { assigner: create({ cluster, groupId: 'g', logger }), warnings };
}

function metadataOf(topics: string[], owned: Record<string, number[]> = {}, generation = 1): Buffer {
  const { assigner } = assignerIn({ known: {} }, () => ({ generation, partitions: new Map(Object.entries(owned)) }));
  return assigner.protocol({ topics }).metadata;
}

const decoded = (assignment: GroupMemberAssignment[]): Record<string, Record<string, number[]>> =>
  Object.fromEntries(assignment.map(({ memberId, memberAssignment }) => [memberId, MemberAssignment.decode(memberAssignment)!.assignment]));

test('a subscription is one that Kafka’s tools can read, and says at each join what is owned then', () => {
  let generation = 3;
  const { assigner } = assignerIn({ known: {} }, () => ({ generation, partitions: new Map([['t', [4]]]) }));
  const first = assigner.protocol({ topics: ['t', 'u'] });
  expect([assigner.name, first.name]).toEqual(['weir-sticky', 'weir-sticky']);
  expect(MemberMetadata.decode(first.metadata)).toMatchObject({ version: 0, topics: ['t', 'u'] });
  generation = 9;
  const second = assigner.protocol({ topics: ['t', 'u'] });
  const userData = [first, second].map(({ metadata }) => MemberMetadata.decode(metadata)!.userData.readInt32BE(2));
  expect(userData).toEqual([3, 9]);
});

test('members keep what their subscriptions say they own', async () => {
  const { assigner } = assignerIn({ known: { t: 5 } });
  const members = [
    { memberId: 'b', memberMetadata: metadataOf(['t'], { t: [0, 1, 2] }) },
    { memberId: 'a', memberMetadata: metadataOf(['t'], { t: [3, 4] }) },
    { memberId: 'c', memberMetadata: metadataOf(['t']) },
  ];
  expect(decoded(await assigner.assign({ members, topics: ['t'] }))).toEqual({ a: { t: [3, 4] }, b: { t: [0, 1] }, c: { t: [2] } });
});

test('a member whose user data cannot be read gets its share all the same', async () => {
  const { assigner } = assignerIn({ known: { t: 4 } });
  const strange = [Buffer.alloc(0), Buffer.from([0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9])];
  const members = strange.map((userData, i) => ({
    memberId: `m${i}`,
    memberMetadata: MemberMetadata.encode({ version: 0, topics: ['t'], userData }),
  }));
  expect(decoded(await assigner.assign({ members, topics: ['t'] }))).toEqual({ m0: { t: [0, 2] }, m1: { t: [1, 3] } });
});

test('topics go to those who subscribe to them, also when the leader does not', async () => {
  const { assigner, warnings } = assignerIn({ known: { old: 2 }, hidden: { new: 3 } });
  const members = [
    { memberId: 'leader', memberMetadata: metadataOf(['old']) },
    { memberId: 'newer', memberMetadata: metadataOf(['new']) },
  ];
  const assignment = decoded(await assigner.assign({ members, topics: ['old'] }));
  expect(assignment).toEqual({ leader: { old: [0, 1] }, newer: { new: [0, 1, 2] } });
  expect(warnings).toEqual([]);
});

test.each(['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED', 'INVALID_TOPIC_EXCEPTION'])(
  'a topic of others that the leader cannot see (%s) is left out with a warning',
  async (type) => {
    const { assigner, warnings } = assignerIn({ known: { old: 1 }, refusal: Object.assign(new Error('no'), { type }) });
    const members = [
      { memberId: 'leader', memberMetadata: metadataOf(['old']) },
      { memberId: 'newer', memberMetadata: metadataOf(['new']) },
    ];
    expect(decoded(await assigner.assign({ members, topics: ['old'] }))).toEqual({ leader: { old: [0] }, newer: {} });
    expect(warnings).toEqual([expect.stringContaining('Topic new is not assigned')]);
  },
);

test('other errors fail the join, which kafkajs tries again', async () => {
  const { assigner } = assignerIn({ known: {}, refusal: new Error('connection lost') });
  const members = [{ memberId: 'newer', memberMetadata: metadataOf(['new']) }];
  await expect(assigner.assign({ members, topics: [] })).rejects.toThrow('connection lost');
});

test('every member is in the answer, even without partitions', async () => {
  const { assigner } = assignerIn({ known: { t: 1 } });
  const members = ['a', 'b'].map((memberId) => ({ memberId, memberMetadata: metadataOf(['t']) }));
  expect(decoded(await assigner.assign({ members, topics: ['t'] }))).toEqual({ a: { t: [0] }, b: {} });
});
