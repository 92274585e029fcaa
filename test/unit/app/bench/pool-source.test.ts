import { describe, expect, it } from 'vitest';
import { PoolSource } from '../../../../src/app/bench/pool-source.ts';
import type { EventPool } from '../../../../src/app/bench/event-pool.ts';
import { ManualClock } from '../../../../src/core/clock.ts';
import type { SourceListener } from '../../../../src/core/ports.ts';

const POOL: EventPool = {
  buffer: Buffer.from('abcdefg'),
  count: 7,
  timestamps: new Float64Array(7).fill(5),
  keyStart: new Int32Array(7),
  keyLength: new Int32Array(7).fill(-1),
  valueStart: Int32Array.from([0, 1, 2, 3, 4, 5, 6]),
  valueLength: new Int32Array(7).fill(1),
  headerStart: new Int32Array(7),
  headerLength: new Int32Array(7),
};

/** A source on a clock moved by hand, and a reader that takes all there is whenever it is rung. */
async function open(options: { rate?: number; durationMs: number }) {
  const clock = new ManualClock();
  clock.advance(1_234);
  const source = new PoolSource({ pool: POOL, topic: 't', clock, ...options });
  const taken: { offset: number; value: string; arrivedAtMs: number; atMs: number }[] = [];
  let isReading = true;
  const drain = (): void => {
    for (let records = isReading ? source.take() : undefined; records; records = source.take()) {
      for (let i = 0; i < records.count; i++)
        taken.push({
          offset: records.offsets[i]!,
          value: records.buffer.toString('latin1', records.valueStart[i]!, records.valueStart[i]! + records.valueLength[i]!),
          arrivedAtMs: records.arrivedAtMs,
          atMs: clock.monotonicMs(),
        });
      expect(records.bytes).toBe(records.count);
      if (taken.length > 50_000) return;
    }
  };
  const listener = { onReady: drain } as unknown as SourceListener;
  await source.start(listener);
  return { clock, source, taken, drain, stall: (stalled: boolean) => void (isReading = !stalled) };
}

describe('events by schedule', () => {
  it('come at their rate, each when it is due, under rising offsets', async () => {
    const { clock, source, taken } = await open({ rate: 400, durationMs: 1_000 });
    for (let ms = 0; ms < 1_000; ms++) clock.advance(1);
    expect(taken).toHaveLength(400);
    expect(taken.map(({ offset }) => offset)).toEqual(Array.from({ length: 400 }, (_, i) => i));
    for (const { offset, atMs } of taken) {
      expect(source.dueMs(offset)).toBeCloseTo(1_234 + offset * 2.5, 6);
      expect(atMs - source.dueMs(offset)).toBeGreaterThanOrEqual(0);
      expect(atMs - source.dueMs(offset)).toBeLessThan(0.001);
    }
    expect(taken.slice(0, 8).map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'a']);
    expect(source.ended).toBe(true);
    expect(source.untaken).toBe(0);
  });

  it('do not wait for a pipeline that stalls: what fell due meanwhile is there with its own time', async () => {
    const { clock, source, taken, drain, stall } = await open({ rate: 1_000, durationMs: 1_000 });
    stall(true);
    clock.advance(300);
    stall(false);
    drain();
    expect(taken).toHaveLength(301);
    expect(taken[1]).toMatchObject({ offset: 1, arrivedAtMs: 1_235, atMs: 1_534 });
    expect(source.dueMs(300)).toBe(1_534);
  });

  it('end a second after the last one is due when nobody takes them, and tell how many were left', async () => {
    const { clock, source, taken, drain, stall } = await open({ rate: 1_000, durationMs: 1_000 });
    stall(true);
    clock.advance(2_000);
    stall(false);
    drain();
    expect(taken.length).toBe(1);
    expect(source.ended).toBe(true);
    expect(source.untaken).toBe(999);
  });
});

describe('events without a schedule', () => {
  it('come as fast as they are taken, until the time is over', async () => {
    const { clock, source, taken, drain } = await open({ durationMs: 1_000 });
    expect(taken.length).toBeGreaterThan(50_000);
    expect(source.ended).toBe(false);
    clock.advance(1_000);
    drain();
    expect(source.ended).toBe(true);
    expect(taken.at(-1)!.offset).toBe(taken.length - 1);
  });
});

it('knows how far a reader was behind when the last event fell due, though it catches up afterwards', async () => {
  const { clock, source, taken, drain, stall } = await open({ rate: 1_000, durationMs: 1_000 });
  for (let ms = 0; ms < 700; ms++) clock.advance(1);
  stall(true);
  clock.advance(310);
  stall(false);
  drain();
  expect(taken).toHaveLength(1_000);
  expect([source.untaken, source.ended]).toEqual([0, true]);
  expect(source.behindAtEnd).toBeGreaterThan(290);

  const prompt = await open({ rate: 1_000, durationMs: 1_000 });
  for (let ms = 0; ms < 1_100; ms++) prompt.clock.advance(1);
  expect(prompt.taken).toHaveLength(1_000);
  expect(prompt.source.behindAtEnd).toBe(0);
});
