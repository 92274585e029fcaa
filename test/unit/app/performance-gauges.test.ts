import { describe, expect, test } from 'vitest';
import { PerformanceGauges } from '../../../src/app/performance-gauges.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { noMeasures, type PerformanceMeasures } from '../../../src/drift/performance/measures.ts';
import { encodePerformanceStatistics, type PerformanceStatistics } from '../../../src/drift/performance/performance-record.ts';
import { createMetrics } from '../../../src/ops/index.ts';

const PREFIX = Buffer.of(1, 2);
const HOUR_MS = 3_600_000;

function statisticsOf(hour: number, labelled: number, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics {
  const measures = (n: number, auc: number): PerformanceMeasures => ({ ...noMeasures(n), auc, accuracy: auc - 0.1 });
  return {
    ...{ model: 'm', modelVersion: '1', arm: 'champion', referenceId: 'r', window: '1h', revision: 0, final: false, task: 'BINARY' },
    ...{ windowStart: hour * HOUR_MS, windowEnd: (hour + 1) * HOUR_MS },
    ...{ predictions: 200, labelled, labelCoverage: labelled / 200, labelDelayMedianMs: 60_000, labelDelayP90Ms: null },
    realised: labelled > 0 ? measures(labelled, 0.7) : null,
    ...{ estimated: measures(200, 0.8), reference: measures(5_000, 0.9), metric: 'auc', samplingError: 0.01 },
    ...{ status: 'FELL', reason: '', byScore: [], drop: labelled >= 100 ? 0.2 : 0.1, dropBasis: labelled >= 100 ? 'LABELS' : 'CBPE' },
    ...change,
  };
}

/** The series of performance after some records were published. */
async function shown(...published: PerformanceStatistics[]): Promise<Record<string, number>> {
  const metrics = createMetrics({ model: { name: 'm', version: '1' } });
  const gauges = new PerformanceGauges({ topic: 'performance', prefix: PREFIX, minSamples: 100, metrics: metrics.drift });
  for (const statistics of published) {
    for (const topic of ['performance', 'other']) {
      const output = new OutputRecords(topic);
      const value = topic === 'other' ? Buffer.of(0) : encodePerformanceStatistics(PREFIX, statistics);
      output.push({ timestampMs: 0, key: null, value });
      gauges.published(output);
    }
  }
  const lines = (await metrics.metrics()).split('\n').filter((line) => /^ml_(model|label)/.test(line));
  return Object.fromEntries(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
}

const champion = 'model="m",window="1h",arm="champion"';

describe('gauges of performance', () => {
  test('show of each basis the newest window that says something', async () => {
    expect(await shown(statisticsOf(1, 150), statisticsOf(3, 20), statisticsOf(2, 0))).toEqual({
      [`ml_model_accuracy{${champion}}`]: 0.7 - 0.1,
      [`ml_model_performance{${champion},metric="auc",basis="realised"}`]: 0.7,
      [`ml_model_performance{${champion},metric="accuracy",basis="realised"}`]: 0.7 - 0.1,
      [`ml_model_performance{${champion},metric="auc",basis="estimated"}`]: 0.8,
      [`ml_model_performance{${champion},metric="accuracy",basis="estimated"}`]: 0.8 - 0.1,
      [`ml_model_performance_drop{${champion},metric="auc",basis="realised"}`]: 0.2,
      [`ml_model_performance_drop{${champion},metric="auc",basis="estimated"}`]: 0.1,
      [`ml_model_performance_window_end_timestamp_seconds{${champion},basis="realised"}`]: 2 * 3_600,
      [`ml_model_performance_window_end_timestamp_seconds{${champion},basis="estimated"}`]: 4 * 3_600,
      [`ml_label_coverage_ratio{${champion}}`]: 0.75,
      [`ml_label_delay_seconds{${champion},quantile="0.5"}`]: 60,
    });
  });

  test('show no measure of too few rows, and take away what is not known any more', async () => {
    const few = await shown(statisticsOf(1, 99, { estimated: null, drop: null, dropBasis: 'NONE' }));
    expect(Object.keys(few).filter((name) => /accuracy|performance\{|drop/.test(name))).toEqual([]);
    expect(few[`ml_label_coverage_ratio{${champion}}`]).toBe(0.495);
    const gone = await shown(statisticsOf(1, 150), statisticsOf(2, 150, { realised: { ...noMeasures(150), auc: 0.6 }, drop: null }));
    expect(gone[`ml_model_performance{${champion},metric="auc",basis="realised"}`]).toBe(0.6);
    expect(Object.keys(gone).filter((name) => /accuracy.*\}$|drop/.test(name) && !name.includes('estimated'))).toEqual([]);
  });

  test('keep arms apart', async () => {
    const series = await shown(statisticsOf(1, 150), statisticsOf(2, 150, { arm: 'b' }));
    expect(Object.keys(series).filter((name) => name.startsWith('ml_model_accuracy'))).toHaveLength(2);
  });
});
