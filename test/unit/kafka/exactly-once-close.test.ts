import { expect, test } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createExactlyOnceSink } from '../../../src/kafka/exactly-once-sink.ts';

test('a sink that is closed while it writes ends that first, and aborts nothing beside it', async () => {
  const written = Promise.withResolvers<void>();
  const calls: string[] = [];
  const call = (name: string) => async (): Promise<void> => void calls.push(name);
  const sink = createExactlyOnceSink({
    createProducer: () => ({
      ...{ start: call('start'), begin: call('begin'), commit: call('commit'), abort: call('abort'), close: call('close') },
      write: () => written.promise,
    }),
    limitsOf: () => ({ partitions: 1, partitionBytes: 1e6 }),
    source: { member: { groupId: 'g', generationId: 1, memberId: 'm' }, owns: () => true, rewind: () => {}, committed: () => {} } as never,
    commitIntervalMs: 0,
    clock: new ManualClock(),
    logger: silentLogger,
  });
  const positions = [{ topic: 't', partition: 0, epoch: 1, nextOffset: 5 }];
  const emitted = sink.emit({ outputs: [new OutputRecords('o')], positions, isClosing: true });
  await new Promise((resolve) => setImmediate(resolve));
  const closed = sink.close();
  await new Promise((resolve) => setImmediate(resolve));
  written.resolve();
  expect(await emitted).toBe(true);
  await closed;
  expect(calls).toEqual(['start', 'begin', 'commit', 'close']);
});
