import { describe, expect, it } from 'vitest';
import { JoinLoop, type JoinLoopOptions } from '../../../../src/app/labels/join-loop.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { WeirError } from '../../../../src/core/errors.ts';
import { OutputRecords } from '../../../../src/core/outputs.ts';
import type { Emission } from '../../../../src/core/ports.ts';
import type { RecordBatch } from '../../../../src/core/records.ts';
import { silentLogger } from '../../../../src/core/silent.ts';
import { eventually } from '../../../support/eventually.ts';
import { LabelJoin, type MadePrediction, optionsOf, predictionBatch } from '../../labels/joining.ts';

const LOG: MadePrediction[] = [{ key: 'a', inputOffset: 0, timeMs: 1_700_000_000_000, score: 0.9 }];

/** A loop with one prediction in each of two partitions, and a sink that does as it is told. */
function loopWith(emit: (emission: Emission, owned: Set<number>) => Promise<boolean>) {
  const owned = new Set([0, 1]);
  const queue: RecordBatch[] = [0, 1].map((partition) => ({ ...predictionBatch(partition, LOG, 0, 1), epoch: 1 }));
  const nothing = async (): Promise<void> => {};
  /** Panes that were counted, by partition, as of each record of positions that was made. */
  const saved: { partition: number; panes: number }[] = [];
  const source = {
    failure: undefined,
    start: nothing,
    close: nothing,
    take: () => queue.shift(),
    release: () => {},
    unread: () => new Map(),
    owns: ({ partition }: { partition: number }) => owned.has(partition),
    originOf: ({ partition }: { partition: number }) => (owned.has(partition) ? { epoch: 1 } : undefined),
    assignment: () => [...owned].map((partition) => ({ topic: 'predictions', partition })),
  };
  const loop = new JoinLoop({
    join: new LabelJoin(optionsOf()),
    source: source as never,
    predictionsTopic: 'predictions',
    tail: { start: nothing, close: nothing, partitions: () => [0], isDrained: () => true, poll: async () => [] } as never,
    labelReader: {} as never,
    sink: { failure: undefined, start: nothing, close: nothing, emit: (emission: Emission) => emit(emission, owned) } as never,
    readPositions: async () => new Map(),
    ends: async () => ({ predictions: [0, 1].map((partition) => ({ partition, from: 0, to: 1 })), labels: [] }),
    outputsOf(partition, panes) {
      saved.push({ partition, panes: panes.flat().length });
      return [new OutputRecords('profiles')];
    },
    encodeLetters: () => {},
    deadLettersTopic: 'letters',
    flushIntervalMs: 1,
    metrics: { show: () => {}, worked: () => {} },
    onFailure: (error) => {
      throw error;
    },
    clock: systemClock,
    logger: silentLogger,
  } satisfies JoinLoopOptions);
  return { loop, saved };
}

describe('a loop that joins labels', () => {
  it('saves no position without the sums that it goes with, when the brokers are away as it ends', async () => {
    const written: Emission[] = [];
    let stopped: Promise<void> | undefined;
    const { loop, saved } = loopWith(async (emission, owned) => {
      const isFirst = stopped === undefined;
      // They come back at once, and a partition has gone meanwhile: the positions are others than those that were tried.
      stopped ??= loop.stop();
      owned.delete(1);
      if (isFirst) throw new WeirError('kafka_unavailable', 'no broker');
      written.push(emission);
      return true;
    });
    await loop.start();
    await eventually(() => stopped !== undefined);
    await stopped;
    expect(saved).toContainEqual({ partition: 0, panes: 1 });
    expect(written.flatMap(({ positions }) => positions)).toEqual([]);
  });

  it('writes the sums of all partitions', async () => {
    const { loop, saved } = loopWith(async () => true);
    await loop.start();
    const counted = (): number[] => saved.filter(({ panes }) => panes > 0).map(({ partition }) => partition);
    await eventually(() => counted().length === 2);
    await loop.stop();
    expect(counted()).toEqual([0, 1]);
  });
});
