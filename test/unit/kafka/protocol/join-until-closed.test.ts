import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { BrokerInternals } from '../../../../src/kafka/protocol/cluster-extension.ts';
import { type JoiningGroup, joinUnlessClosed } from '../../../../src/kafka/protocol/join-until-closed.ts';

/** A group whose coordinator the test plays: `naming` answers the JoinGroup without a name, `looking` the search for it. */
function harness(memberId: string | null, looking = Promise.resolve()) {
  const naming = Promise.withResolvers<void>();
  const joinGroup = Promise.withResolvers<void>();
  joinGroup.promise.catch(() => {}); // Not every test comes so far.
  const rejectRequests = vi.fn<(error: Error) => void>((error) => joinGroup.reject(error));
  const leaveGroup = vi.fn<(member: object) => Promise<void>>(async () => {});
  const coordinator = {
    lookupRequest: () => () => ({}),
    connectionPool: {
      pool: [{ socket: null, rejectRequests, disconnect: async () => {} }],
      send: async () => {
        await naming.promise;
        throw Object.assign(new Error('named'), { name: 'KafkaJSMemberIdRequired', memberId: 'new' });
      },
    },
    leaveGroup,
  } as unknown as BrokerInternals;
  const group: JoiningGroup = {
    cluster: {
      async findGroupCoordinator() {
        await looking;
        return coordinator;
      },
    },
    groupId: 'g',
    sessionTimeout: 1,
    rebalanceTimeout: 1,
    topicsSubscribed: ['t'],
    assigners: [],
    memberId,
  };
  let close = async (): Promise<void> => {};
  let joins = 0;
  const joined = joinUnlessClosed(
    group,
    (listener) => {
      close = listener;
      return () => {};
    },
    // As kafkajs: tries again when the connection is gone.
    async () => {
      for (;;) {
        await group.cluster.findGroupCoordinator({ groupId: 'g' });
        joins++;
        await joinGroup.promise.catch(() => {});
      }
    },
  );
  joined.catch(() => {}); // Awaited by the tests.
  return { group, naming, leaveGroup, rejectRequests, joined, close: () => close(), joins: () => joins };
}

const closed = /left the group/;

describe('joinUnlessClosed', () => {
  it('gives up a JoinGroup that waits, and leaves by the name that the member has', async () => {
    const { group, joined, close, leaveGroup, joins } = harness('old');
    await nextTurn();
    expect(joins()).toBe(1);
    await close();
    await expect(joined).rejects.toThrow(closed);
    expect(leaveGroup.mock.calls).toEqual([[{ groupId: 'g', memberId: 'old' }]]);
    expect([group.memberId, joins()]).toEqual([null, 1]);
  });

  it('sends no JoinGroup when it was closed while it looked for the coordinator', async () => {
    const looking = Promise.withResolvers<void>();
    const { joined, close, leaveGroup, joins } = harness(null, looking.promise);
    await close();
    looking.resolve();
    await expect(joined).rejects.toThrow(closed);
    expect([joins(), leaveGroup.mock.calls.length]).toEqual([0, 0]);
  });

  it('waits for its name when it is just being named, and leaves by that', async () => {
    const { joined, close, leaveGroup, joins, naming } = harness(null);
    await nextTurn();
    const closing = close();
    naming.resolve();
    await closing;
    await expect(joined).rejects.toThrow(closed);
    expect(leaveGroup.mock.calls).toEqual([[{ groupId: 'g', memberId: 'new' }]]);
    expect(joins()).toBe(0);
  });

  it('tries to leave again when the connection was lost, and is content when the coordinator does not know it', async () => {
    const { joined, close, leaveGroup } = harness('old');
    leaveGroup.mockRejectedValueOnce(new Error('Closed connection'));
    leaveGroup.mockRejectedValueOnce(Object.assign(new Error('unknown'), { type: 'UNKNOWN_MEMBER_ID' }));
    await nextTurn();
    await close();
    await expect(joined).rejects.toThrow(closed);
    expect(leaveGroup).toHaveBeenCalledTimes(2);
  });

  it('gives up leaving after a while', { timeout: 10_000 }, async () => {
    const { joined, close, leaveGroup } = harness('old');
    leaveGroup.mockRejectedValue(new Error('Closed connection'));
    await nextTurn();
    const before = performance.now();
    await close();
    await expect(joined).rejects.toThrow(closed);
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});
