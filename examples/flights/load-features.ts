/** Loads the feature rows of the example into the stores that its pipeline file names. */
import type { PipelineConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createRedisStore, type FeatureRow, featureGroupFromRows } from '../../src/features/index.ts';
import { FEATURE_GROUPS, type FeatureGroupName, featureRows, type KeyMode } from './features.ts';

/** Rows are written in the order of this example's groups; the layout of each group is that of the pipeline file. */
export interface LoadOptions {
  readonly mode: KeyMode;
  /** Told after every pipeline. */
  readonly onProgress?: (rows: number) => void;
}

/**
 * Writes all rows of all groups, replacing what their entities had.
 * @returns rows written
 * @throws WeirError
 */
export async function loadFeatures(config: PipelineConfig, { mode, onProgress }: LoadOptions): Promise<number> {
  let written = 0;
  for (const group of FEATURE_GROUPS) {
    const options = config.features[group];
    const storeOptions = options && config.stores[options.store];
    if (!options || storeOptions?.kind !== 'redis') continue;
    const { layout, keyPrefix, ttlSeconds } = options;
    const store = createRedisStore({
      ...storeOptions,
      // Loading may take longer than a worker may wait for a batch.
      deadlineMs: 10_000,
      groups: { [group]: { layout, keyPrefix, ttlSeconds } },
      clock: systemClock,
      logger: silentLogger,
    });
    await store.start();
    try {
      const before = written;
      const rows = rowsWrittenNow(group, mode);
      written += await store.writer(featureGroupFromRows(group, rows)).write(rows, {
        onProgress: (rows) => onProgress?.(before + rows),
      });
    } finally {
      await store.close();
    }
  }
  return written;
}

function rowsWrittenNow(group: FeatureGroupName, mode: KeyMode): FeatureRow[] {
  const writtenAtMs = systemClock.wallMs();
  return Array.from(featureRows(group, mode), ({ entity, values }) => ({ entity, values, writtenAtMs }));
}
