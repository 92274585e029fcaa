import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/silent.ts';
import { ManualClock, systemClock } from '../../../src/core/clock.ts';
import { GroupSession } from '../../../src/kafka/group-session.ts';
import type { GroupPositions } from '../../../src/kafka/group-positions.ts';
import type { GroupHooks, JoinedMember } from '../../../src/kafka/protocol/group-hooks.ts';

/** A session whose group the test plays, through the hooks that kafkajs would call. */
function harness(fetchPauseMs?: number) {
  let hooks: GroupHooks | undefined;
  const kafka = {
    consumer: ({ partitionAssigners }: { partitionAssigners: ((config: object) => { weirHooks: GroupHooks })[] }) => {
      hooks = partitionAssigners[0]!({ cluster: {}, logger: {} }).weirHooks;
      const nothing = async (): Promise<void> => {};
      return { on: () => () => {}, connect: nothing, subscribe: nothing, run: nothing, disconnect: nothing };
    },
  };
  const log: string[] = [];
  const clock = new ManualClock();
  const state = { settle: async (): Promise<void> => {} };
  const session: GroupSession = new GroupSession(
    {
      kafka: kafka as never,
      groupId: 'g',
      topic: 't',
      startFrom: 'earliest',
      onOutOfRange: 'fail',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      heartbeatIntervalMs: 500,
      maxWaitTimeMs: 100,
      maxBytesPerPartition: 1_000,
      clock: fetchPauseMs === undefined ? systemClock : clock,
      ...(fetchPauseMs === undefined ? {} : { fetchPauseMs }),
      logger: silentLogger,
    },
    { logEnds: async () => new Map() } as unknown as GroupPositions,
    {
      hasRoom: () => true,
      onFetched: () => 0,
      onQueued: () => {},
      onRevoked: (partitions) => void log.push(`revoked ${partitions.join(' ')}`),
      onRebalance: () => state.settle(),
      onResumed: () => void log.push(`resumed ${session.member?.generationId}`),
      onFailed: (error) => void log.push(`failed ${error.code}`),
    },
  );
  const joined = (generationId: number, partitions: number[], committed: Promise<Map<number, number>>): JoinedMember => ({
    generationId,
    memberId: 'm',
    assignment: new Map([['t', partitions]]),
    committed: () => committed,
    commit: async () => {},
    rejoin: () => void log.push(`rejoin ${generationId}`),
  });
  const wanted = (): number[] => hooks!.wanted().map(({ partition }) => partition);
  return { session, hooks: hooks!, log, state, joined, wanted, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('GroupSession', () => {
  it('pauses between fetches as long as it is told, and not at all by default', async () => {
    await harness().hooks.pause();
    const { hooks, clock } = harness(2);
    let isOver = false;
    const paused = hooks.pause().then(() => (isOver = true));
    clock.advance(1);
    await turn();
    expect(isOver).toBe(false);
    clock.advance(1);
    await paused;
    expect(isOver).toBe(true);
  });

  it('fetches nothing before it knows where the group stands', async () => {
    const { session, hooks, log, joined, wanted } = harness();
    const started = session.start();
    const positions = Promise.withResolvers<Map<number, number>>();
    hooks.afterJoin(joined(1, [0], positions.promise));
    expect([session.member, wanted()]).toEqual([undefined, []]);
    positions.resolve(new Map([[0, 5]]));
    await started;
    expect([session.member?.generationId, wanted(), log]).toEqual([1, [0], ['resumed 1']]);
  });

  it('keeps partitions that come back where the group stands still, and revokes the others', async () => {
    const { session, hooks, log, joined, wanted } = harness();
    const started = session.start();
    hooks.afterJoin(
      joined(
        1,
        [0, 1, 2],
        Promise.resolve(
          new Map([
            [0, 5],
            [1, 5],
            [2, 5],
          ]),
        ),
      ),
    );
    await started;
    const epoch = session.assigned.epochOf(0);
    await hooks.beforeRejoin();
    hooks.afterJoin(
      joined(
        2,
        [0, 1, 3],
        Promise.resolve(
          new Map([
            [0, 5],
            [1, 9],
            [3, 7],
          ]),
        ),
      ),
    );
    await turn();
    expect([log, wanted(), session.assigned.epochOf(0) === epoch, session.continued]).toEqual([
      ['resumed 1', 'revoked 1 2', 'resumed 2'],
      [0, 1, 3],
      true,
      1,
    ]);
  });

  it('revokes everything when it could not settle', async () => {
    const { session, hooks, log, state, joined } = harness();
    const started = session.start();
    hooks.afterJoin(joined(1, [0, 1], Promise.resolve(new Map())));
    await started;
    state.settle = () => Promise.reject(new Error('not committed'));
    await hooks.beforeRejoin();
    expect([log, session.member]).toEqual([['resumed 1', 'revoked 0 1'], undefined]);
  });

  it('does not bring a generation back that it is leaving, when a transaction fails while it settles', async () => {
    const { session, hooks, log, state, joined, wanted } = harness();
    const started = session.start();
    hooks.afterJoin(
      joined(
        1,
        [0, 1],
        Promise.resolve(
          new Map([
            [0, 5],
            [1, 5],
          ]),
        ),
      ),
    );
    await started;
    state.settle = async () => session.rewind();
    await hooks.beforeRejoin();
    await turn();
    expect([session.member, wanted(), log]).toEqual([undefined, [], ['resumed 1', 'revoked 0 1']]);
    const positions = Promise.withResolvers<Map<number, number>>();
    hooks.afterJoin(joined(2, [1, 2], positions.promise));
    session.rewind();
    positions.resolve(
      new Map([
        [1, 5],
        [2, 9],
      ]),
    );
    await turn();
    expect([session.member?.generationId, wanted()]).toEqual([2, [1, 2]]);
  });

  it('joins again, and takes no positions before that, when the coordinator does not know the member', async () => {
    const { session, hooks, log, joined, wanted } = harness();
    const started = session.start();
    hooks.afterJoin(joined(1, [0], Promise.resolve(new Map([[0, 5]]))));
    await started;
    session.rewind(true);
    await turn();
    expect([session.member, wanted(), log]).toEqual([undefined, [], ['resumed 1', 'revoked 0', 'rejoin 1']]);
    hooks.afterJoin(joined(2, [0], Promise.resolve(new Map([[0, 7]]))));
    await turn();
    expect([session.member?.generationId, wanted(), log.at(-1)]).toEqual([2, [0], 'resumed 2']);
  });
});
