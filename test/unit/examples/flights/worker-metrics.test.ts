import { expect, test } from 'vitest';
import { bucketsOf, bucketsSince, parseMetrics, quantileOf, sumOf } from '../../../../examples/flights/worker-metrics.ts';

const TEXT = `# HELP latency_seconds How long.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1",model="a \\"b\\", c"} 5
latency_seconds_bucket{le="0.2",model="a \\"b\\", c"} 10
latency_seconds_bucket{le="+Inf",model="a \\"b\\", c"} 10
latency_seconds_sum{model="a"} 1.5
weir_dead_letters_total{code="tombstone"} 2
weir_dead_letters_total{code="out_of_range"} 3 1395066363000
up 1
nan_value NaN
`;

test('parses the Prometheus text format', () => {
  const samples = parseMetrics(TEXT);
  expect(samples).toHaveLength(8);
  expect(samples[0]).toEqual({ name: 'latency_seconds_bucket', labels: { le: '0.1', model: 'a \\"b\\", c' }, value: 5 });
  expect(sumOf(samples, 'weir_dead_letters_total')).toBe(5);
  expect(sumOf(samples, 'absent')).toBe(0);
  expect(samples.at(-1)?.value).toBeNaN();
});

test('adds histograms of workers up and takes quantiles within a bucket', () => {
  const buckets = bucketsOf([...parseMetrics(TEXT), ...parseMetrics(TEXT)], 'latency_seconds');
  expect([...buckets]).toEqual([
    [0.1, 10],
    [0.2, 20],
    [Number.POSITIVE_INFINITY, 20],
  ]);
  expect(quantileOf(buckets, 0.25)).toBeCloseTo(0.05);
  expect(quantileOf(buckets, 0.75)).toBeCloseTo(0.15);
});

test('looks at what was added since the last time', () => {
  const before = bucketsOf(parseMetrics(TEXT), 'latency_seconds');
  const now = new Map([
    [0.1, 5],
    [0.2, 10],
    [Number.POSITIVE_INFINITY, 14],
  ]);
  const recent = bucketsSince(now, before);
  expect([...recent.values()]).toEqual([0, 0, 4]);
  expect(quantileOf(recent, 0.5)).toBe(0.2); // above the last finite bound all that is known is the bound
  expect(quantileOf(bucketsSince(now, now), 0.5)).toBeNaN();
  expect(quantileOf(new Map(), 0.5)).toBeNaN();
});
