import { describe, expect, it } from 'vitest';
import { createHealth } from '../../../src/app/health.ts';
import type { PipelineConfig } from '../../../src/config/index.ts';
import type { SourceStats } from '../../../src/kafka/source.ts';

const STATS: SourceStats = {
  queuedRows: 0,
  queuedBytes: 0,
  rebalances: 1,
  continued: 0,
  isPaused: false,
  recordsRead: 0,
  isInGroup: true,
  msSinceContact: 100,
};
const FEATURES = {
  plane: { store: 'redis', onUnavailable: 'pause' },
  airport: { store: 'other', onUnavailable: 'default' },
} as unknown as PipelineConfig['features'];

/** Reasons of a started worker. */
function reasons(stats: Partial<SourceStats>, healthy: Record<string, boolean> = { redis: true, other: true }): string[] {
  const health = createHealth();
  const stores = new Map(Object.entries(healthy).map(([name, isHealthy]) => [name, { isHealthy: () => isHealthy }]));
  health.started({ features: FEATURES, kafka: { sessionTimeoutMs: 30_000 } }, { stats: { ...STATS, ...stats } }, stores);
  const { ready, reasons: found } = health.ready();
  expect(ready).toBe(found.length === 0);
  expect(health.live()).toBe(true);
  return [...found];
}

describe('createHealth', () => {
  it('is not ready before it has started', () => {
    expect(createHealth().ready()).toEqual({ ready: false, reasons: ['starting: model, stores and topics'] });
  });

  it('is ready as a member of the group that hears from it', () => {
    expect(reasons({})).toEqual([]);
    expect(reasons({ msSinceContact: 30_000 })).toEqual([]);
  });

  it.each([
    ['waiting for the consumer group', { rebalances: 0, isInGroup: false, msSinceContact: 99_000 }],
    ['lost the consumer group; joining it again', { isInGroup: false, msSinceContact: 99_000 }],
    ['no contact with Kafka for 31 s', { msSinceContact: 31_900 }],
  ])('is not ready: %s', (reason, stats) => {
    expect(reasons(stats)).toEqual([reason]);
  });

  it('waits for the stores that the pipeline waits for, and for no others', () => {
    expect(reasons({}, { redis: false, other: false })).toEqual(['online store redis does not answer']);
  });
});
