import { describe, expect, it, vi } from 'vitest';
import { MergeLoop, type MergeLoopOptions, type ProfilesSource } from '../../../src/app/merge-loop.ts';
import { WeirError } from '../../../src/core/errors.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import type { SourceListener } from '../../../src/core/ports.ts';
import type { RecordBatch, TopicPartition } from '../../../src/core/records.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createMetrics } from '../../../src/ops/index.ts';
import { dataOf, deltasOf, reference, statisticsOf } from '../drift/merging.ts';
import { batchOf, mergerOf, MODEL, PREFIX } from '../drift/support.ts';

/** The profiles topic with one partition of ours, read to its end. */
class FakeSource implements ProfilesSource {
  failure: WeirError | undefined;
  isClosed = false;
  listener: SourceListener | undefined;
  readonly queue: RecordBatch[];
  private readonly starting: () => Promise<void>;

  constructor(queue: RecordBatch[] = [], starting = async (): Promise<void> => {}) {
    this.queue = queue;
    this.starting = starting;
  }

  start(listener: SourceListener): Promise<void> {
    this.listener = listener;
    return this.starting();
  }
  take(): RecordBatch | undefined {
    return this.queue.shift();
  }
  release(): void {}
  assignment(): readonly TopicPartition[] {
    return [{ topic: 'profiles', partition: 0 }];
  }
  unread(): Map<number, number> {
    return new Map([[0, this.queue.length]]);
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function setUp(sources: FakeSource[], change: Partial<MergeLoopOptions> = {}) {
  const { merger, clock } = mergerOf(reference);
  const metrics = createMetrics({ model: MODEL });
  const sent: OutputRecords[] = [];
  const onFailure = vi.fn<(error: WeirError) => void>();
  const opened: FakeSource[] = [];
  const loop = new MergeLoop({
    merger,
    createSource() {
      opened.push(sources.shift()!);
      return opened.at(-1)!;
    },
    send: async (outputs) => void sent.push(...outputs),
    statisticsPrefix: PREFIX,
    model: MODEL.name,
    metrics: metrics.drift,
    onFailure,
    clock,
    logger: silentLogger,
    ...change,
  });
  return { loop, merger, clock, metrics, sent, onFailure, opened };
}

const unavailable = async (): Promise<void> => {
  throw new WeirError('kafka_unavailable', 'no broker');
};
const valueOf = (page: string, name: string): number =>
  page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

describe('starting', () => {
  it('closes the source of each attempt that failed, and can be tried again', async () => {
    const { loop, opened } = setUp([new FakeSource([], unavailable), new FakeSource([], unavailable), new FakeSource()]);
    await expect(loop.start()).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await expect(loop.start()).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await loop.start();
    expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, true, false]);
    await loop.stop();
    expect(opened[2]!.isClosed).toBe(true);
  });

  it('is ended by stop', async () => {
    const { loop, opened } = setUp([new FakeSource([], () => new Promise(() => {}))]);
    void loop.start();
    await loop.stop();
    expect(opened[0]!.isClosed).toBe(true);
  });
});

describe('what metrics are told', () => {
  it('counts each statistics record that is out once, and late rows once', async () => {
    const windows = Array.from({ length: 30 }, (_, window) => dataOf(window + 1, { window }));
    const deltas = batchOf(deltasOf(windows, { endOffset: 1e6 }));
    // The first window has been let go by then: 7 rows come too late.
    const late = batchOf(deltasOf([dataOf(7)], { firstOffset: 100_000 }));
    const { loop, metrics, sent, merger, opened } = setUp([new FakeSource([deltas, late])]);
    await loop.start();
    // The source is read while `start` returns; when partitions are lost, what was counted stays counted.
    opened[0]!.listener!.onRevoked([{ topic: 'elsewhere', partition: 9 }]);
    await vi.waitFor(() => expect(opened[0]!.queue).toEqual([]));
    await loop.stop();
    const published = sent.flatMap(statisticsOf);
    expect(published.length).toBe(30);
    expect(merger.counts().lateDropped).toBe(7);
    const page = await metrics.metrics();
    expect(valueOf(page, 'weir_drift_windows_total')).toBe(published.length);
    expect(valueOf(page, 'weir_drift_late_rows_total')).toBe(7);
  });

  it('counts what could not be written only when it is', async () => {
    let isDown = true;
    const { loop, metrics, clock, opened } = setUp([new FakeSource([batchOf(deltasOf([dataOf(50)]))])], {
      send: async () => {
        if (isDown) throw new WeirError('kafka_unavailable', 'no leader');
      },
    });
    await loop.start();
    clock.advance(10_000);
    await vi.waitFor(() => expect(opened[0]!.queue).toEqual([]));
    expect(valueOf(await metrics.metrics(), 'weir_drift_windows_total')).toBe(0);
    isDown = false;
    await loop.stop();
    expect(valueOf(await metrics.metrics(), 'weir_drift_windows_total')).toBe(1);
  });

  it('shows the newest window with enough samples although it is open, and no score without', async () => {
    const deltas = batchOf(deltasOf([dataOf(3_000), dataOf(20, { window: 1 })], { endOffset: 1e6 }));
    const { loop, metrics } = setUp([new FakeSource([deltas])]);
    await loop.start();
    await loop.stop();
    const page = await metrics.metrics();
    expect(valueOf(page, 'ml_drift_window_samples')).toBe(3_000);
    expect(page).toMatch(/^feature_drift_score\{.* 0\.\d/m);

    const few = setUp([new FakeSource([batchOf(deltasOf([dataOf(20)]))])]);
    await few.loop.start();
    await few.loop.stop();
    const fewPage = await few.metrics.metrics();
    expect(valueOf(fewPage, 'ml_drift_window_samples')).toBe(20);
    expect(fewPage).not.toMatch(/^(feature_drift_score|ml_prediction_drift)\{/m);
  });
});

describe('failing', () => {
  it.each([
    ['the source', { failure: new WeirError('not_authorized', 'no') }, {}],
    ['the topic', {}, { send: () => Promise.reject(new WeirError('output_refused', 'no')) }],
  ])('tells once when %s cannot be used any more, and still leaves the group', async (_, source, change) => {
    const { loop, onFailure, opened, clock } = setUp([Object.assign(new FakeSource([batchOf(deltasOf([dataOf(50)]))]), source)], change);
    await loop.start();
    clock.advance(600);
    await Promise.resolve();
    clock.advance(2_500);
    await loop.stop();
    expect(onFailure).toHaveBeenCalledTimes(1);
    expect(onFailure.mock.calls[0]![0]).toMatchObject({ kind: 'fatal' });
    expect(opened[0]!.isClosed).toBe(true);
  });
});
