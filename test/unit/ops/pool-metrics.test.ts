import { describe, expect, it } from 'vitest';
import { bucketsOf, parseMetrics, quantileOf, type Sample, sumOf } from '../../../examples/flights/worker-metrics.ts';
import { METRICS, type MetricEntry } from '../../../src/ops/catalogue.ts';
import { createMetrics, type WeirMetrics } from '../../../src/ops/metrics.ts';
import { mergePages } from '../../../src/ops/metrics-pages.ts';
import { POOL_METRICS, RESTART_REASONS, WORKER_STATES, type WorkerState } from '../../../src/ops/pool-catalogue.ts';
import { createPoolMetrics, type WorkerPage } from '../../../src/ops/pool-metrics.ts';

const worker = (index: number): WeirMetrics => createMetrics({ model: { name: 'm', version: '1' }, worker: index, process: true });

/** Names of the families of a page, in its order; each must have one TYPE, and its samples next to it. */
function familiesOf(page: string): string[] {
  const families: string[] = [];
  for (const line of page.split('\n')) {
    const [, keyword, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (keyword === 'HELP') families.push(name!);
    else if (keyword === 'TYPE') expect(name).toBe(families.at(-1));
    else if (line !== '')
      expect(line.replace(/[{ ].*/, '').replace(/_(bucket|sum|count)$/, '')).toBe(families.at(-1)!.replace(/_(sum|count)$/, ''));
  }
  return families;
}

const valueOf = (samples: readonly Sample[], name: string, labels: Record<string, string>): number | undefined =>
  samples.find((s) => s.name === name && Object.entries(labels).every(([key, value]) => s.labels[key] === value))?.value;

describe('pages of workers', () => {
  it('are one page with each metric once, all series and no histogram lost', async () => {
    const workers = [worker(0), worker(1)];
    workers[0]!.pipeline.batchClosed('rows', 100, 640);
    workers[1]!.pipeline.batchClosed('rows', 3, 640);
    workers[1]!.pipeline.batchClosed('delay', 3, 640);
    workers[1]!.source.lags([{ topic: 'a "quoted"\nname', partition: 1, lag: 7 }]);
    for (let i = 0; i < 10; i++) workers[i % 2]!.pipeline.step('score', 0.002);
    const pages = await Promise.all(workers.map((metrics) => metrics.metrics()));
    const page = mergePages(pages);
    const families = familiesOf(page);
    expect(new Set(families).size).toBe(families.length);
    expect(families).toEqual(familiesOf(pages[0]!));
    const samples = parseMetrics(page);
    expect(samples.length).toBe(parseMetrics(pages[0]!).length + parseMetrics(pages[1]!).length);
    expect(samples.every(({ labels }) => labels['worker'] === '0' || labels['worker'] === '1')).toBe(true);
    expect(valueOf(samples, 'weir_batches_closed_total', { reason: 'rows', worker: '1' })).toBe(1);
    expect(valueOf(samples, 'weir_batch_rows_bucket', { le: '4', worker: '1' })).toBe(2);
    expect(valueOf(samples, 'weir_batch_rows_bucket', { le: '4', worker: '0' })).toBe(0);
    expect(sumOf(samples, 'weir_batch_rows_sum')).toBe(106);
    expect(sumOf(samples, 'weir_consumer_lag_records')).toBe(7);
    expect(quantileOf(bucketsOf(samples, 'weir_step_duration_seconds'), 0.5)).toBeLessThanOrEqual(0.0025);
    expect(valueOf(samples, 'process_cpu_seconds_total', { worker: '1' })).toBeGreaterThan(0);
    expect(page.endsWith('\n')).toBe(true);
  });

  it('may be empty, or none', async () => {
    expect(mergePages([])).toBe('');
    const page = await worker(0).metrics();
    expect(parseMetrics(mergePages(['', page, ''])).map(({ name }) => name)).toEqual(parseMetrics(page).map(({ name }) => name));
    expect(mergePages(['# HELP a_total x\n# TYPE a_total counter', '# HELP a_total x\n# TYPE a_total counter\na_total 1\n'])).toBe(
      '# HELP a_total x\n# TYPE a_total counter\na_total 1\n',
    );
  });

  it('of 16 workers lose nothing', async () => {
    const pages = await Promise.all(Array.from({ length: 16 }, (_, i) => worker(i).metrics()));
    expect(parseMetrics(mergePages(pages)).length).toBe(pages.reduce((sum, page) => sum + parseMetrics(page).length, 0));
  });
});

describe('the metrics of a pool', () => {
  it('have names of their own', () => {
    const own: MetricEntry[] = Object.values(POOL_METRICS);
    const others = new Set<string>(Object.values(METRICS).map(({ name }) => name));
    for (const { name, type, help } of own) {
      expect(name).toMatch(/^weir_pool_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(others.has(name)).toBe(false);
      expect(help).toMatch(/\.$/);
    }
    // The label with which the pool tells its workers apart is nobody else's.
    for (const { labels } of Object.values(METRICS)) expect(labels).not.toContain('worker');
  });

  it('count states, restarts and workers that do not answer, on the page of the scrape itself', async () => {
    const states: WorkerState[] = ['running', 'restarting', 'running'];
    let pages: WorkerPage[] = [
      { worker: 0, page: await worker(0).metrics() },
      { worker: 2, page: undefined },
    ];
    const metrics = createPoolMetrics({ workers: 3, states: () => states, scrape: async () => pages });
    const read = async (): Promise<Sample[]> => parseMetrics(await metrics.metrics());
    metrics.restarted(1, 'killed');
    metrics.restarted(1, 'killed');
    let samples = await read();
    expect(WORKER_STATES.map((state) => valueOf(samples, 'weir_pool_workers', { state }))).toEqual([0, 2, 1, 0, 0]);
    expect(valueOf(samples, 'weir_pool_restarts_total', { worker: '1', reason: 'killed' })).toBe(2);
    expect(samples.filter(({ name }) => name === 'weir_pool_restarts_total').length).toBe(3 * RESTART_REASONS.length);
    expect([0, 1, 2].map((index) => valueOf(samples, 'weir_pool_scrape_failures_total', { worker: String(index) }))).toEqual([0, 0, 1]);
    expect(valueOf(samples, 'process_resident_memory_bytes', { worker: 'supervisor' })).toBeGreaterThan(1e6);
    expect(valueOf(samples, 'process_resident_memory_bytes', { worker: '0' })).toBeGreaterThan(1e6);
    expect(valueOf(samples, 'weir_in_flight_batches', { worker: '2' })).toBeUndefined();
    states[1] = 'running';
    pages = [];
    samples = await read();
    expect(valueOf(samples, 'weir_pool_workers', { state: 'running' })).toBe(3);
    expect(valueOf(samples, 'weir_pool_scrape_failures_total', { worker: '2' })).toBe(1);
    expect(familiesOf(await metrics.metrics()).filter((name) => name.startsWith('weir_pool'))).toHaveLength(3);
  });
});
