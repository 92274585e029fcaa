import kafkajs, { type Cluster, type GroupMember, type PartitionAssigner } from 'kafkajs';
import { decodeOwnedPartitions, encodeOwnedPartitions, type OwnedPartitions } from './owned-partitions.ts';
import { assignSticky, type StickyMember } from './sticky-assignment.ts';

export type { OwnedPartitions } from './owned-partitions.ts';

/** The name that the members of a group agree on. */
export const STICKY_PROTOCOL = 'weir-sticky';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

/**
 * The version of the consumer protocol's subscription and assignment (not of our user data). Brokers and Kafka's tools
 * read both; later versions have fields that kafkajs does not write.
 */
const CONSUMER_PROTOCOL_VERSION = 0;

/**
 * A partition assigner for kafkajs that leaves partitions with the members that had them, as far as balance allows; see
 * `assignSticky` for the rules. The protocol stays the eager one: every member gives up all its partitions and gets
 * most of them back.
 *
 * To come from another assigner without a stop, offer both, `partitionAssigners: [createStickyAssigner(owned),
 * kafkajs.PartitionAssigners.roundRobin]`: the group uses the other one as long as a member knows nothing else.
 * @param owned asked at every join; what is owned belongs to the partitions' last hand-out in this consumer
 */
export function createStickyAssigner(owned: () => OwnedPartitions): PartitionAssigner {
  return ({ cluster, logger }) => ({
    name: STICKY_PROTOCOL,
    version: CONSUMER_PROTOCOL_VERSION,
    protocol: ({ topics }) => ({
      name: STICKY_PROTOCOL,
      metadata: MemberMetadata.encode({ version: CONSUMER_PROTOCOL_VERSION, topics, userData: encodeOwnedPartitions(owned()) }),
    }),
    async assign({ members, topics }) {
      const joined = members.map(memberFrom);
      const subscribed = new Set(joined.flatMap((member) => member.topics));
      for (const topic of subscribed) {
        if (!topics.includes(topic) && !(await canLoad(cluster, topic))) {
          logger.warn(`Topic ${topic} is not assigned: the leader of the group, which does not subscribe to it, may not or cannot see it`);
        }
      }
      const assignment = assignSticky(joined, partitionsOf(cluster, subscribed));
      return [...assignment].map(([memberId, partitions]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: CONSUMER_PROTOCOL_VERSION,
          assignment: Object.fromEntries(partitions),
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function memberFrom({ memberId, memberMetadata }: GroupMember): StickyMember {
  const subscription = MemberMetadata.decode(memberMetadata);
  return { memberId, topics: subscription?.topics ?? [], owned: decodeOwnedPartitions(subscription?.userData) };
}

/** The partitions of the topics that exist: one that was deleted has none. */
function partitionsOf(cluster: Cluster, topics: ReadonlySet<string>): Map<string, number[]> {
  return new Map([...topics].map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]));
}

/** What does not let a leader see a topic that only others subscribe to. */
const UNSEEN = new Set(['INVALID_TOPIC_EXCEPTION', 'UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED']);

/**
 * Loads a topic that only other members subscribe to, as when a pipeline's input changes while its workers are replaced
 * one by one. kafkajs' own assigner would give it to nobody, and the leader's topics to members that did not ask.
 */
async function canLoad(cluster: Cluster, topic: string): Promise<boolean> {
  try {
    await cluster.addTargetTopic(topic);
    return true;
  } catch (error) {
    if (UNSEEN.has((error as { type?: string }).type ?? '')) return false;
    throw error;
  }
}
