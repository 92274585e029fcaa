import type { Kafka } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  byWindowOf,
  performanceNotes,
  performanceOf,
  type PerformanceStatistics,
  readPerformanceHistory,
} from '../../../src/app/performance-history.ts';
import type { PipelineConfig } from '../../../src/config/index.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { silentLogger as logger } from '../../../src/core/silent.ts';

const record = (arm: string, windowStart = 0, change: Partial<PerformanceStatistics> = {}): PerformanceStatistics =>
  ({ model: 'delay', modelVersion: '2', window: '1h', windowStart, arm, ...change }) as PerformanceStatistics;

const config = { labels: { performanceTopic: 'p' } } as PipelineConfig;
const kafka = {} as Kafka;

describe('readPerformanceHistory', () => {
  it('has the arms of each window in order, whatever order they come in', async () => {
    const of = [record('b', 7), record('b'), record('a'), record('a', 0, { modelVersion: '3' })];
    const read = async (): Promise<{ values: Map<string, PerformanceStatistics>; unreadable: number }> => ({
      values: new Map(of.map((value, i) => [String(i), value])),
      unreadable: 3,
    });
    const history = await readPerformanceHistory(kafka, { config, logger, read });
    expect(history).toMatchObject({ topic: 'p', isMissing: false, unreadable: 3 });
    expect(performanceOf(history, record('', 0))).toEqual([record('a'), record('b')]);
    expect(performanceOf(history, record('', 7))).toEqual([record('b', 7)]);
    expect(performanceOf(history, record('', 8))).toEqual([]);
    expect(performanceOf(history, record('', 0, { window: '500 rows' }))).toBeNull();
    expect(performanceNotes(history)).toEqual(['3 records of p cannot be read: another format, or a schema that cannot be had.']);
  });

  it('does not fail where the topic is missing, and does elsewhere', async () => {
    const failing = (code: 'topic_missing' | 'not_authorized') => async (): Promise<never> => {
      throw new WeirError(code, 'no');
    };
    const missing = await readPerformanceHistory(kafka, { config, logger, read: failing('topic_missing') });
    expect(missing).toEqual({ topic: 'p', isMissing: true, byWindow: new Map(), unreadable: 0 });
    expect(performanceOf(missing, record(''))).toEqual([]);
    expect(performanceNotes(missing)).toEqual(['There is no topic p, so nothing is known of performance: weir topics apply makes it.']);
    await expect(readPerformanceHistory(kafka, { config, logger, read: failing('not_authorized') })).rejects.toThrow('no');
  });

  it('is of pipelines with labels only', async () => {
    const { labels: _, ...without } = config;
    expect(await readPerformanceHistory(kafka, { config: without, logger })).toBeUndefined();
    expect(performanceOf(undefined, record(''))).toBeNull();
    expect(performanceNotes(undefined)).toEqual([]);
    expect(byWindowOf([])).toEqual(new Map());
  });
});
