import { describe, expect, it } from 'vitest';
import { percentile, Samples } from '../../../../src/app/bench/samples.ts';

describe('percentiles', () => {
  it('are the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([50, 95, 99, 100].map((p) => percentile(hundred, p))).toEqual([50, 95, 99, 100]);
    expect(percentile([15, 20, 35, 40, 50], 30)).toBe(20);
    expect(percentile([7], 99)).toBe(7);
    expect(percentile([1, 2], 0)).toBe(1);
  });

  it('are of all samples, however many and in whatever order', () => {
    const samples = new Samples();
    expect(samples.latencies()).toBeUndefined();
    for (let i = 50_000; i > 0; i--) samples.add(i);
    expect(samples.latencies()).toEqual({ count: 50_000, p50Ms: 25_000, p95Ms: 47_500, p99Ms: 49_500, maxMs: 50_000 });
  });
});
