import { expect, test } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { GroupSession } from '../../../src/kafka/group-session.ts';
import type { GroupHooks, JoinedMember } from '../../../src/kafka/protocol/group-hooks.ts';

const nothing = async (): Promise<void> => {};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A session over a consumer that joins when told to. */
function sessionOf() {
  let hooks: GroupHooks | undefined;
  const kafka = {
    consumer({ partitionAssigners }: { partitionAssigners: ((config: object) => { weirHooks: GroupHooks })[] }) {
      hooks = partitionAssigners[0]!({ cluster: {}, logger: {} }).weirHooks;
      return { on: () => () => {}, connect: nothing, subscribe: nothing, run: nothing, disconnect: nothing };
    },
  };
  const revoked: number[][] = [];
  const options = {
    ...{ kafka, groupId: 'g', topic: 't', startFrom: 'earliest', onOutOfRange: 'fail', sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000 },
    ...{ heartbeatIntervalMs: 500, maxWaitTimeMs: 100, maxBytesPerPartition: 1_000, clock: new ManualClock(), logger: silentLogger },
  };
  const session = new GroupSession(options as never, { logEnds: async () => new Map() } as never, {
    hasRoom: () => true,
    onFetched: () => 0,
    onQueued: () => {},
    onRevoked: (partitions) => void revoked.push([...partitions]),
    onRebalance: nothing,
    onResumed: () => {},
    onFailed: () => {},
  });
  return { session, revoked, hooks: () => hooks! };
}

const joined = (generationId: number): JoinedMember => ({
  ...{ generationId, memberId: 'm', assignment: new Map([['t', [0]]]) },
  ...{ committed: async () => new Map([[0, 5]]), commit: nothing, rejoin: () => {} },
});

test('what is given up while the member joins is read again, although the join would have left it', async () => {
  const { session, revoked, hooks } = sessionOf();
  const started = session.start();
  hooks().afterJoin(joined(1));
  await started;
  const before = session.assigned.epochOf(0);
  await hooks().beforeRejoin();
  // What a sink does with an emission that comes now.
  session.rewind();
  hooks().afterJoin(joined(2));
  await turn();
  await turn();
  expect(revoked).toEqual([[0]]);
  expect(session.assigned.epochOf(0)).not.toBe(before);
});
