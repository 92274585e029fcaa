import { describe, expect, it } from 'vitest';
import { createRowLayout } from '../../../src/core/layout.ts';
import { GROUP_MISS, GROUP_STALE, GROUP_UNAVAILABLE, Rows, Scores } from '../../../src/core/rows.ts';
import { METRICS, type MetricEntry } from '../../../src/ops/catalogue.ts';
import { createMetrics, type WeirMetrics } from '../../../src/ops/metrics.ts';
import { recordBatch } from '../../support/records.ts';

const column = (name: string, group?: string) => ({
  name,
  kind: 'float' as const,
  required: false,
  onInvalid: 'dead-letter' as const,
  binding: group === undefined ? ({ from: 'event', path: [name] } as const) : ({ from: 'group', group, feature: name } as const),
});
const layout = createRowLayout([{ name: 'x', kind: 'float', columns: [column('a'), column('b', 'plane')] }], {
  entities: new Map([['plane', ['id']]]),
});

const create = (): WeirMetrics => createMetrics({ model: { name: 'm', version: '2' } });

/** Values by series, as the page shows them. */
async function series(metrics: WeirMetrics): Promise<Record<string, number>> {
  const page = await metrics.metrics();
  const entries = page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, number] => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]);
  return Object.fromEntries(entries);
}

describe('the catalogue', () => {
  const entries: MetricEntry[] = Object.values(METRICS);

  it('names metrics and labels as Prometheus wants, each once', () => {
    expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length);
    for (const { name, type, labels, help } of entries) {
      expect(name).toMatch(/^(weir|ml|prediction|predictions|feature)_[a-z0-9_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
      expect(help).toMatch(/\.$/);
    }
  });

  it('gives every histogram ascending buckets, and nothing else buckets', () => {
    for (const { type, buckets } of entries) {
      expect(buckets !== undefined).toBe(type === 'histogram');
      expect(buckets).toEqual(buckets && [...buckets].sort((a, b) => a - b));
    }
  });

  it('is what a worker exposes: no more, no less', async () => {
    const exposed = (await create().metrics()).match(/^# TYPE (\S+)/gm)?.map((line) => line.split(' ')[2]);
    expect(exposed?.sort()).toEqual(entries.map(({ name }) => name).sort());
  });
});

describe('threads of a model', () => {
  it('are shown by state; what has happened since the last scrape is added up', async () => {
    const metrics = create();
    expect(Object.keys(await series(metrics)).filter((name) => name.startsWith('weir_model_threads'))).toEqual([]);
    metrics.model.threads({ idle: 1, busy: 2, starting: 0, hung: 1, restarts: 1, timeouts: 1 });
    metrics.model.threads({ idle: 2, busy: 1, starting: 1, hung: 0, restarts: 4, timeouts: 2 });
    expect(await series(metrics)).toMatchObject({
      'weir_model_threads{state="idle"}': 2,
      'weir_model_threads{state="busy"}': 1,
      'weir_model_threads{state="starting"}': 1,
      'weir_model_threads{state="hung"}': 0,
      weir_model_thread_restarts_total: 4,
      weir_model_run_timeouts_total: 2,
    });
  });
});

describe('settled', () => {
  it('counts predictions, dead letters, skipped records, misses, latencies and scores of a batch', async () => {
    const metrics = create();
    const rows = new Rows(layout, 8);
    const first = recordBatch(Array(3).fill({ value: 'x' }), { topic: 'in', arrivedAtMs: 1_000 });
    const second = recordBatch(Array(4).fill({ value: 'x' }), { topic: 'in', partition: 1, arrivedAtMs: 1_900 });
    rows.reset([
      { records: first, from: 0, to: 3, fromRow: 0 },
      { records: second, from: 1, to: 4, fromRow: 3 },
    ]);
    rows.fail(0, 'decode_failed', 'bad');
    rows.skip(1);
    rows.degrade(2, 1);
    // A dead letter may hold stand-ins too; it is no degraded prediction.
    rows.degrade(0, 1);
    rows.groupState[0]!.set([0, 0, GROUP_MISS, GROUP_STALE, GROUP_UNAVAILABLE, GROUP_MISS]);
    const scores = new Scores(8, { label: false, extras: [] });
    scores.score.set([Number.NaN, Number.NaN, 0.12, 0.5, 0.5, 0.97]);
    metrics.pipeline.settled(rows, scores, 2_000);

    expect(await series(metrics)).toMatchObject({
      'weir_records_consumed_total{topic="in"}': 6,
      'weir_skipped_records_total{topic="in"}': 1,
      'predictions_total{model="m",model_version="2",status="ok"}': 3,
      'predictions_total{model="m",model_version="2",status="degraded"}': 1,
      weir_degraded_predictions_total: 1,
      'weir_dead_letters_total{code="decode_failed"}': 1,
      'weir_dead_letters_total{code="out_of_range"}': 0,
      'weir_feature_store_misses_total{group="plane",state="miss"}': 2,
      'weir_feature_store_misses_total{group="plane",state="stale"}': 1,
      'weir_feature_store_misses_total{group="plane",state="unavailable"}': 1,
      'prediction_latency_seconds_bucket{model="m",model_version="2",le="0.1"}': 3,
      'prediction_latency_seconds_bucket{model="m",model_version="2",le="1"}': 4,
      'prediction_latency_seconds_count{model="m",model_version="2"}': 4,
      'prediction_score_bucket{model="m",model_version="2",le="0.15"}': 1,
      'prediction_score_bucket{model="m",model_version="2",le="0.5"}': 3,
      'prediction_score_count{model="m",model_version="2"}': 4,
    });
  });

  it('leaves withdrawn rows to the worker that settles them', async () => {
    const metrics = create();
    const rows = new Rows(layout, 8);
    rows.reset([
      { records: recordBatch(Array(3).fill({ value: 'x' }), { topic: 'in', partition: 0 }), from: 0, to: 3, fromRow: 0 },
      { records: recordBatch(Array(2).fill({ value: 'x' }), { topic: 'in', partition: 1 }), from: 0, to: 2, fromRow: 3 },
    ]);
    rows.fail(1, 'decode_failed', 'bad');
    for (const row of [0, 1, 2]) rows.withdraw(row);
    metrics.pipeline.settled(rows, new Scores(8, { label: false, extras: [] }), 1);
    expect(await series(metrics)).toMatchObject({
      'weir_records_consumed_total{topic="in"}': 2,
      'predictions_total{model="m",model_version="2",status="ok"}': 2,
      'weir_dead_letters_total{code="decode_failed"}': 0,
      'prediction_latency_seconds_count{model="m",model_version="2"}': 2,
      'prediction_score_count{model="m",model_version="2"}': 2,
    });
  });

  it('adds batches up, reused rows included', async () => {
    const metrics = create();
    const rows = new Rows(layout, 4);
    const scores = new Scores(4, { label: false, extras: [] });
    for (const bad of [true, false, true]) {
      rows.reset([{ records: recordBatch(Array(4).fill({ value: 'x' }), { topic: 'in' }), from: 0, to: 4, fromRow: 0 }]);
      if (bad) rows.fail(3, 'missing_required', 'none');
      metrics.pipeline.settled(rows, scores, 1);
    }
    expect(await series(metrics)).toMatchObject({
      'weir_records_consumed_total{topic="in"}': 12,
      'predictions_total{model="m",model_version="2",status="ok"}': 10,
      'weir_dead_letters_total{code="missing_required"}': 2,
      'prediction_score_count{model="m",model_version="2"}': 10,
    });
  });
});

describe('the other pipeline metrics', () => {
  it('arrive under their labels', async () => {
    const metrics = create();
    metrics.pipeline.batchClosed('eager', 3, 640);
    metrics.pipeline.batchClosed('rows', 512, 640);
    metrics.pipeline.step('decode', 0.002);
    metrics.pipeline.retried('enrich', 'store_unavailable');
    metrics.pipeline.invalid('windSpeed', 'flag', 4);
    metrics.pipeline.inFlight(2);
    expect(await series(metrics)).toMatchObject({
      'weir_batches_closed_total{reason="eager"}': 1,
      weir_batch_rows_sum: 515,
      weir_batch_limit_rows: 640,
      'weir_step_duration_seconds_count{step="decode"}': 1,
      'weir_retries_total{step="enrich",code="store_unavailable"}': 1,
      'weir_invalid_values_total{feature_name="windSpeed",action="flag"}': 4,
      weir_in_flight_batches: 2,
    });
  });
});

describe('source metrics', () => {
  it('forgets the lag of partitions that are gone', async () => {
    const metrics = create();
    metrics.source.lags([
      { topic: 'in', partition: 0, lag: 5 },
      { topic: 'in', partition: 1, lag: 7 },
    ]);
    metrics.source.lags([{ topic: 'in', partition: 1, lag: 2 }]);
    const page = await metrics.metrics();
    expect(page).toContain('weir_consumer_lag_records{topic="in",partition="1"} 2');
    expect(page).not.toContain('partition="0"');
  });

  it('may set gauges when the page is asked for', async () => {
    const metrics = create();
    let scrapes = 0;
    metrics.onScrape(() => metrics.source.queued(++scrapes, 10));
    await metrics.metrics();
    expect(await series(metrics)).toMatchObject({ weir_queued_rows: 2, weir_queued_bytes: 10 });
  });
});

describe('drift metrics', () => {
  it('replaces scores, and removes the series of one that is not known', async () => {
    const metrics = create();
    const window = { model: 'm', window: '1h', rows: 10, windowEndMs: 5_000, coverage: 0.75 };
    metrics.drift.window({
      ...window,
      features: [
        { name: 'a', score: 0.1 },
        { name: 'b', score: 0.2 },
      ],
      prediction: 0.3,
    });
    metrics.drift.window({
      ...window,
      features: [
        { name: 'a', score: undefined },
        { name: 'b', score: 0 },
      ],
      prediction: undefined,
    });
    const found = await series(metrics);
    expect(found).toMatchObject({
      'feature_drift_score{model="m",window="1h",feature_name="b"}': 0,
      'ml_drift_window_samples{model="m",window="1h"}': 10,
      'ml_drift_window_end_timestamp_seconds{model="m",window="1h"}': 5,
      'ml_drift_coverage_ratio{model="m",window="1h"}': 0.75,
    });
    expect(found).not.toHaveProperty(['feature_drift_score{model="m",window="1h",feature_name="a"}']);
    expect(found).not.toHaveProperty(['ml_prediction_drift{model="m",window="1h"}']);
    // Setting gauges publishes nothing.
    expect(found).not.toHaveProperty(['weir_drift_windows_total{model="m",window="1h",status="OK"}']);
  });

  it('counts what was published by status, and what was left out', async () => {
    const metrics = create();
    for (const status of ['OK', 'DRIFT', 'OK']) metrics.drift.published('m', '1h', status);
    metrics.drift.leftOut('m', { lateRows: 3, gapOffsets: 10, duplicates: 1 });
    metrics.drift.leftOut('m', { lateRows: 2, gapOffsets: 0, duplicates: 0 });
    expect(await series(metrics)).toMatchObject({
      'weir_drift_windows_total{model="m",window="1h",status="OK"}': 2,
      'weir_drift_windows_total{model="m",window="1h",status="DRIFT"}': 1,
      'weir_drift_late_rows_total{model="m"}': 5,
      'weir_drift_gap_offsets_total{model="m"}': 10,
      'weir_drift_duplicates_dropped_total{model="m"}': 1,
    });
  });
});

describe('process metrics', () => {
  it('are added when asked for', async () => {
    expect(await create().metrics()).not.toContain('nodejs_');
    expect(await createMetrics({ model: { name: 'm', version: '1' }, process: true }).metrics()).toContain('nodejs_heap_size_used_bytes');
  });
});
