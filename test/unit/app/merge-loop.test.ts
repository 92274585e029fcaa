import { describe, expect, it, test, vi } from 'vitest';
import { MergeLoop, type MergeLoopOptions, type ProfilesSource } from '../../../src/app/merge-loop.ts';
import { WeirError } from '../../../src/core/errors.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import type { ManualClock } from '../../../src/core/clock.ts';
import type { Emission, Sink, SourceListener } from '../../../src/core/ports.ts';
import type { AssignmentOrigin, RecordBatch } from '../../../src/core/records.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createMetrics } from '../../../src/ops/index.ts';
import { dataOf, deltasOf, keysOf, reference, statisticsOf } from '../drift/merging.ts';
import { batchOf, mergerOf, MODEL, PREFIX } from '../drift/support.ts';

/** The profiles topic with one partition of ours, read to its end. */
class FakeSource implements ProfilesSource {
  failure: WeirError | undefined;
  isClosed = false;
  listener: SourceListener | undefined;
  epoch = 1;
  startOffset = 0;
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
  originOf(): AssignmentOrigin {
    const { epoch, startOffset } = this;
    return { epoch, startOffset, generation: 1, beganAtMs: 0, isElsewhere: false };
  }
  unread(): Map<number, number> {
    return new Map([[0, this.queue.length]]);
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
  /** All is read again from a position, or by another assignment. */
  reassign(startOffset: number, again: readonly RecordBatch[]): void {
    this.queue.splice(0);
    this.listener!.onRevoked([HOME]);
    this.epoch++;
    this.startOffset = startOffset;
    this.queue.push(...again.map((batch) => ({ ...batch, epoch: this.epoch })));
  }
}

const HOME = { topic: 'profiles', partition: 0 };

function setUp(sources: FakeSource[], change: Partial<MergeLoopOptions> & { emit?: Sink['emit'] } = {}) {
  const { merger, clock } = mergerOf(reference);
  const metrics = createMetrics({ model: MODEL });
  const sent: OutputRecords[] = [];
  const emissions: Emission[] = [];
  const state = new Map<string, string | null>();
  const onFailure = vi.fn<(error: WeirError) => void>();
  const opened: FakeSource[] = [];
  const closeSink = vi.fn<() => Promise<void>>(async () => {});
  const emit = async (emission: Emission): Promise<boolean> => {
    emissions.push(emission);
    sent.push(...emission.outputs);
    for (const { topic, count, buffer, keyStart, keyLength, valueStart, valueLength } of emission.outputs) {
      for (let i = 0; topic === 'state' && i < count; i++) {
        const text = (start: number, length: number): string => buffer.toString('utf8', start, start + length);
        state.set(text(keyStart[i]!, keyLength[i]!), valueLength[i]! < 0 ? null : text(valueStart[i]!, valueLength[i]!));
      }
    }
    return true;
  };
  const loop = new MergeLoop({
    merger,
    home: HOME,
    createSource() {
      opened.push(sources.shift()!);
      return opened.at(-1)!;
    },
    createSink: () => ({
      ...{ failure: undefined, start: async () => {}, committedWith: () => -1, msUntilClosing: () => 0, flush: async () => {} },
      emit: change.emit ?? emit,
      close: closeSink,
    }),
    readState: async () => state,
    statisticsPrefix: PREFIX,
    statisticsTopic: 'statistics',
    model: MODEL.name,
    metrics: metrics.drift,
    onFailure,
    clock,
    logger: silentLogger,
    ...change,
  });
  return { loop, merger, clock, metrics, sent, emissions, state, emit, onFailure, opened, closeSink };
}

/** Lets the loop run until it has read everything and looked for what is due. */
async function settled(source: FakeSource, clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 6 || source.queue.length > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advance(600);
  }
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

describe('what is published', () => {
  const year = () => Array.from({ length: 30 }, (_, window) => dataOf(window + 1, { window }));

  test('statistics, counts, state and position go out together', async () => {
    const source = new FakeSource([batchOf(deltasOf(year(), { endOffset: 1e6 }))]);
    const { loop, clock, emissions } = setUp([source]);
    await loop.start();
    await settled(source, clock);
    await loop.stop();
    for (const { outputs, isClosing } of emissions) {
      expect(isClosing).toBe(true);
      expect(outputs.at(-1)!.topic).toBe('state');
    }
    expect(new Set(emissions.flatMap(({ outputs }) => outputs.map(({ topic }) => topic)))).toEqual(
      new Set(['statistics', 'counts', 'state']),
    );
    const positions = emissions.map((emission) => emission.positions[0]!);
    expect(positions.at(-1)).toEqual({ ...HOME, epoch: 1, nextOffset: 30 });
    expect(positions.map(({ nextOffset }) => nextOffset)).toEqual(positions.map(({ nextOffset }) => nextOffset).sort((a, b) => a - b));
  });

  test('what was not written is read again, and nothing of it is published twice or lost', async () => {
    const batch = batchOf(deltasOf(year(), { endOffset: 1e6 }));
    const source = new FakeSource([batch]);
    let refusals = 1;
    const { loop, clock, sent, emissions, emit, closeSink } = setUp([source], {
      async emit(emission) {
        if (refusals-- > 0) {
          source.reassign(0, [batch]);
          return false;
        }
        return emit(emission);
      },
    });
    await loop.start();
    await settled(source, clock);
    await loop.stop();
    expect(closeSink).toHaveBeenCalledTimes(2);
    expect(emissions.length).toBeGreaterThan(0);
    const finals = statisticsOf(sent).filter(({ final }) => final);
    expect(finals.map(({ events }) => events)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
  });

  test('another assignment goes on from what was saved', async () => {
    const [first, second] = [year().slice(0, 10), year().slice(10)];
    const deltas = deltasOf([...first, ...second], { endOffset: 1e6 });
    const batch = (from: number, to: number): RecordBatch => {
      const of = batchOf(deltas.slice(from, to));
      for (let i = 0; i < of.count; i++) of.offsets[i] = from + i;
      return { ...of, nextOffset: to };
    };
    const source = new FakeSource([batch(0, 10)]);
    const { loop, clock, sent, merger } = setUp([source]);
    await loop.start();
    await settled(source, clock);
    source.reassign(10, [batch(10, 30)]);
    await settled(source, clock);
    await loop.stop();
    const finals = statisticsOf(sent).filter(({ final }) => final);
    expect(finals.map(({ events }) => events)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
    expect(merger.counts()).toMatchObject({ events: 465, gaps: 0 });
  });

  test('the log is told the time when nothing comes and windows are open', async () => {
    const source = new FakeSource([batchOf(deltasOf([dataOf(50)]))]);
    const { loop, clock, sent } = setUp([source]);
    await loop.start();
    await settled(source, clock);
    await settled(source, clock);
    await loop.stop();
    const ticks = sent.filter(({ topic }) => topic === 'profiles');
    expect(ticks).toHaveLength(1);
    expect([keysOf(ticks[0]!), ticks[0]!.valueLength[0]]).toEqual([['toy|1'], -1]);
  });
});

describe('what metrics are told', () => {
  it('counts each statistics record that is out once, and late rows once', async () => {
    const windows = Array.from({ length: 30 }, (_, window) => dataOf(window + 1, { window }));
    const deltas = batchOf(deltasOf(windows, { endOffset: 1e6 }));
    // The first window has been let go by then: 7 rows come too late.
    const late = batchOf(deltasOf([dataOf(7)], { firstOffset: 100_000 }));
    const { loop, metrics, sent, merger, opened, clock } = setUp([new FakeSource([deltas, late])]);
    await loop.start();
    // When partitions are lost that are not ours, nothing changes.
    opened[0]!.listener!.onRevoked([{ topic: 'profiles', partition: 9 }]);
    await settled(opened[0]!, clock);
    await loop.stop();
    const published = statisticsOf(sent);
    expect(published.length).toBe(30);
    expect(merger.counts().lateDropped).toBe(7);
    const page = await metrics.metrics();
    expect(valueOf(page, 'weir_drift_windows_total')).toBe(published.length);
    expect(valueOf(page, 'weir_drift_late_rows_total')).toBe(7);
  });

  it('counts what could not be written only when it is', async () => {
    let isDown = true;
    const { loop, metrics, clock, opened, emit } = setUp([new FakeSource([batchOf(deltasOf([dataOf(50)]))])], {
      async emit(emission) {
        if (isDown) throw new WeirError('kafka_unavailable', 'no leader');
        return emit(emission);
      },
    });
    await loop.start();
    await settled(opened[0]!, clock);
    expect(valueOf(await metrics.metrics(), 'weir_drift_windows_total')).toBe(0);
    isDown = false;
    await settled(opened[0]!, clock);
    await loop.stop();
    expect(valueOf(await metrics.metrics(), 'weir_drift_windows_total')).toBe(1);
  });

  it('shows the newest window with enough samples although it is open, and no score without', async () => {
    const deltas = batchOf(deltasOf([dataOf(3_000), dataOf(20, { window: 1 })], { endOffset: 1e6 }));
    const { loop, metrics, opened, clock } = setUp([new FakeSource([deltas])]);
    await loop.start();
    await settled(opened[0]!, clock);
    await loop.stop();
    const page = await metrics.metrics();
    expect(valueOf(page, 'ml_drift_window_samples')).toBe(3_000);
    expect(page).toMatch(/^feature_drift_score\{.* 0\.\d/m);

    const few = setUp([new FakeSource([batchOf(deltasOf([dataOf(20)]))])]);
    await few.loop.start();
    await settled(few.opened[0]!, few.clock);
    await few.loop.stop();
    const fewPage = await few.metrics.metrics();
    expect(valueOf(fewPage, 'ml_drift_window_samples')).toBe(20);
    expect(fewPage).not.toMatch(/^(feature_drift_score|ml_prediction_drift)\{/m);
  });
});

describe('failing', () => {
  it.each([
    ['the source', { failure: new WeirError('not_authorized', 'no') }, {}],
    ['the topic', {}, { emit: () => Promise.reject(new WeirError('output_refused', 'no')) }],
  ])('tells once when %s cannot be used any more, and still leaves the group', async (_, source, change) => {
    const { loop, onFailure, opened, clock } = setUp([Object.assign(new FakeSource([batchOf(deltasOf([dataOf(50)]))]), source)], change);
    await loop.start();
    for (let turn = 0; turn < 6; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      clock.advance(600);
    }
    await loop.stop();
    expect(onFailure).toHaveBeenCalledTimes(1);
    expect(onFailure.mock.calls[0]![0]).toMatchObject({ kind: 'fatal' });
    expect(opened[0]!.isClosed).toBe(true);
  });
});
