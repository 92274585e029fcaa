import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { BulkHistogram } from '../../../src/ops/bulk-histogram.ts';
import type { MetricEntry } from '../../../src/ops/catalogue.ts';

const ENTRY: MetricEntry = { name: 'h', type: 'histogram', labels: ['step'], unit: 'seconds', help: 'help', buckets: [0.1, 0.5, 1] };

async function text(fill: (histogram: BulkHistogram) => void): Promise<string> {
  const registry = new Registry();
  const histogram = new BulkHistogram(ENTRY);
  registry.registerMetric(histogram as never);
  fill(histogram);
  return registry.metrics();
}

/** The same observations through prom-client's own histogram. */
async function reference(observations: readonly (readonly [string, number])[]): Promise<string> {
  const registry = new Registry();
  const histogram = new Histogram({ name: 'h', help: 'help', labelNames: ['step'], buckets: [0.1, 0.5, 1], registers: [registry] });
  for (const [step, value] of observations) histogram.observe({ step }, value);
  return registry.metrics();
}

/** Lines without order of labels, which is free. */
const lines = (page: string): string[] =>
  page
    .trim()
    .split('\n')
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`))
    .sort();

describe('BulkHistogram', () => {
  it('renders what prom-client would, for any observations', async () => {
    // Quarters: their sums are exact whatever the order of addition.
    const value = fc.integer({ min: -8, max: 12 }).map((n) => n / 4);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('decode', 'score'), value), { minLength: 1 }), async (observations) => {
        const ours = await text((histogram) => {
          for (const [step, seconds] of observations) histogram.of(step).add(seconds);
        });
        expect(lines(ours)).toEqual(lines(await reference(observations)));
      }),
      { numRuns: 50 },
    );
  });

  it('counts a value on a bound into its bucket (le is inclusive)', () => {
    const series = new BulkHistogram(ENTRY).of('x');
    series.add(0.1);
    series.add(1);
    series.add(1.0000001);
    series.add(Number.POSITIVE_INFINITY);
    expect([...series.counts]).toEqual([1, 0, 1, 2]);
  });

  it('adds in bulk as it adds one by one, and takes no NaN', () => {
    const [bulk, single] = [new BulkHistogram(ENTRY).of('x'), new BulkHistogram(ENTRY).of('x')];
    bulk.add(0.25, 3);
    bulk.add(Number.NaN, 5);
    for (let i = 0; i < 3; i++) single.add(0.25);
    expect([...bulk.counts]).toEqual([...single.counts]);
    expect(bulk.sum).toBe(single.sum);
  });

  it('adds rows that are ok, and only those', () => {
    const series = new BulkHistogram(ENTRY).of('x');
    series.addRows(Float64Array.of(0.05, 0.3, Number.NaN, 0.7, 9, 0.2), Uint8Array.of(0, 3, 0, 255, 0, 0), 5);
    expect([...series.counts]).toEqual([1, 0, 0, 1]);
    expect(series.sum).toBe(9.05);
  });

  it('forgets on reset', async () => {
    const page = await text((histogram) => {
      histogram.of('x').add(1);
      histogram.reset();
    });
    expect(page).not.toContain('h_bucket');
  });
});
