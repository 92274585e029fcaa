import type { Kafka } from 'kafkajs';
import { weirErrorFromKafka } from './errors.ts';
import { createCluster } from './protocol/cluster.ts';

/** What is used of kafkajs' broker. */
interface Coordinator {
  leaveGroup(member: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

/**
 * Takes a member out of its consumer group whose process is known to have ended. The coordinator would miss it only after
 * its session time-out, and until then no rebalance could be completed: the whole group would wait.
 * @returns false when the group does not know the member any more
 * @throws WeirError
 */
export async function removeDeadMember(kafka: Kafka, member: { readonly groupId: string; readonly memberId: string }): Promise<boolean> {
  const cluster = createCluster<Coordinator>(kafka);
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId: member.groupId });
    await coordinator.leaveGroup(member);
    return true;
  } catch (thrown) {
    if ((thrown as { readonly type?: string }).type === 'UNKNOWN_MEMBER_ID') return false;
    throw weirErrorFromKafka(thrown, `leaving ${member.groupId} for a member that has died`);
  } finally {
    await cluster.disconnect();
  }
}
