/** A sink of at-least-once delivery whose producer and group the test plays. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../../../src/core/clock.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import type { Position } from '../../../src/core/records.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createAtLeastOnceSink } from '../../../src/kafka/at-least-once-sink.ts';
import type { OutputProducer } from '../../../src/kafka/producer.ts';

export const INTERVAL_MS = 200;

export function position(partition: number, nextOffset: number): Position {
  return { topic: 'in', partition, epoch: 1, nextOffset };
}

function predictions(): OutputRecords[] {
  const output = new OutputRecords('out');
  output.push({ timestampMs: 0, key: null, value: Buffer.from('p') });
  return [output];
}

/** A promise whose outcome the test decides. */
type Gate<T> = PromiseWithResolvers<T>;

/** A producer and a group whose answers the test gives; without gates they succeed at once. */
export function harness() {
  const clock = new ManualClock();
  const sends: Gate<void>[] = [];
  const commits: { readonly positions: [number, number][]; readonly answer: Gate<boolean> }[] = [];
  const state = {
    gateSends: false,
    gateCommits: false,
    underWay: 0,
    mostUnderWay: 0,
    closed: 0,
    started: [] as string[],
    gone: new Set<number>(),
    rewinds: 0,
  };
  const producer = {
    start: async (topics: readonly string[]) => void state.started.push(...topics),
    send: () => {
      const gate = Promise.withResolvers<void>();
      if (!state.gateSends) gate.resolve();
      sends.push(gate);
      return gate.promise;
    },
    close: async () => void state.closed++,
  } as unknown as OutputProducer;
  const inner = createAtLeastOnceSink({
    producer,
    topics: ['out', 'dead'],
    source: {
      owns: ({ partition }) => !state.gone.has(partition),
      rewind: () => void state.rewinds++,
      commit: async (positions) => {
        const answer = Promise.withResolvers<boolean>();
        if (!state.gateCommits) answer.resolve(true);
        commits.push({ positions: positions.map((p) => [p.partition, p.nextOffset]), answer });
        state.underWay++;
        state.mostUnderWay = Math.max(state.mostUnderWay, state.underWay);
        try {
          return await answer.promise;
        } finally {
          state.underWay--;
        }
      },
    },
    commitIntervalMs: INTERVAL_MS,
    clock,
    logger: silentLogger,
  });
  const close = (): Promise<boolean> => inner.emit({ outputs: [], positions: [], isClosing: true });
  /** Flushes after a closing emission, as the pipeline does. */
  const sink = {
    ...inner,
    get failure() {
      return inner.failure;
    },
    async flush(): Promise<void> {
      await close();
      await inner.flush();
    },
  };
  const emit = (...positions: Position[]): Promise<boolean> => inner.emit({ outputs: predictions(), positions, isClosing: false });
  /** Moves time on and lets what falls due run; a closing emission as the pipeline makes it. */
  const advance = async (byMs: number): Promise<void> => {
    clock.advance(byMs);
    if (inner.msUntilClosing(clock.monotonicMs()) <= 0) await close();
    await settled();
  };
  return {
    sink,
    clock,
    sends,
    commits,
    state,
    emit,
    advance /** Positions of each commit, by partition. */,
    committed: () => commits.map((c) => c.positions.toSorted((a, b) => a[0] - b[0])),
  };
}

export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await nextTurn();
}
