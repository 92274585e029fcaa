/**
 * Reads per second of the Redis layouts: 512 distinct entities a batch, 12 float features, one batch under way at a time.
 * Layouts take turns round by round, so that a slow spell of the machine hits all of them; the median of the rounds counts.
 *
 *     npm run bench -- redis [--url redis://…] [--rounds 5] [--batches 300] [--json]
 *
 * Without a URL it starts a Redis of its own.
 */
import { parseArgs } from 'node:util';
import { DistinctKeys } from '../../src/core/byte-keys.ts';
import { BytesColumn } from '../../src/core/bytes-column.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { FeatureGroup } from '../../src/core/ports.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { startServices } from '../../src/dev/index.ts';
import { createRedisStore, type FeatureRow, type LayoutName, type RedisStore } from '../../src/features/index.ts';
import { machineLine, table } from '../report.ts';
import { median } from '../statistics.ts';
import { FeatureTableBuffer } from '../../src/pipeline/feature-table.ts';

const BATCH = 512;
const ENTITIES = 20_480;
const LAYOUTS: readonly LayoutName[] = ['json', 'hash', 'packed'];
const GROUP: FeatureGroup = { name: 'bench', floatFeatures: Array.from({ length: 12 }, (_, i) => `feature${i}`), stringFeatures: [] };

interface Sample {
  readonly wallUs: number;
  readonly cpuUs: number;
}

function* rows(): Generator<FeatureRow> {
  for (let e = 0; e < ENTITIES; e++) {
    const values = Object.fromEntries(GROUP.floatFeatures.map((name, f) => [name, Math.fround((e * 31 + f) / 7)]));
    yield { entity: `entity-${e}`, writtenAtMs: Date.now(), values };
  }
}

/** Batches of distinct entities, spread over all of them. */
function batches(): DistinctKeys[] {
  return Array.from({ length: ENTITIES / BATCH }, (_, b) => {
    const column = new BytesColumn(BATCH);
    column.clear(BATCH);
    for (let i = 0; i < BATCH; i++) column.setText(i, `entity-${(b + i * (ENTITIES / BATCH)) % ENTITIES}`);
    const keys = new DistinctKeys(BATCH);
    keys.assign(column, BATCH);
    return keys;
  });
}

async function measure(store: RedisStore, keys: readonly DistinctKeys[], count: number): Promise<Sample> {
  const reader = store.reader(GROUP);
  const table = new FeatureTableBuffer(GROUP, BATCH);
  const beganMs = performance.now();
  const cpu = process.cpuUsage();
  for (let i = 0; i < count; i++) await reader.fetch(keys[i % keys.length]!, table);
  const { user, system } = process.cpuUsage(cpu);
  const entities = count * BATCH;
  return { wallUs: ((performance.now() - beganMs) * 1_000) / entities, cpuUs: (user + system) / entities };
}

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    batches: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
  },
});
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const services = flags.url ? undefined : await startServices({ needs: ['redis'], log });
try {
  const prefix = `bench:${process.pid}:`;
  const groups = (layout: LayoutName) => ({ bench: { layout, keyPrefix: `${prefix}${layout}:`, ttlSeconds: 600 } });
  const stores = LAYOUTS.map((layout) =>
    createRedisStore({
      url: flags.url ?? services!.redisUrl,
      deadlineMs: 10_000,
      breaker: { failures: 5, resetMs: 1_000 },
      groups: groups(layout),
      clock: systemClock,
      logger: silentLogger,
    }),
  );
  for (const store of stores) {
    await store.start();
    await store.writer(GROUP).write(rows());
  }
  const keys = batches();
  const samples = LAYOUTS.map((): Sample[] => []);
  for (let round = -1; round < Number(flags.rounds); round++) {
    for (const [l, store] of stores.entries()) {
      const sample = await measure(store, keys, Number(flags.batches));
      if (round >= 0) samples[l]!.push(sample); // The first round warms up.
    }
  }
  for (const store of stores) await store.close();
  const results = LAYOUTS.map((layout, l) => {
    const wallUs = median(samples[l]!.map((s) => s.wallUs));
    const cpuUs = median(samples[l]!.map((s) => s.cpuUs));
    return { layout, entitiesPerSecond: Math.round(1e6 / wallUs), wallUsPerEntity: +wallUs.toFixed(2), cpuUsPerEntity: +cpuUs.toFixed(2) };
  });
  console.log(`${machineLine(`${BATCH} entities a batch, ${GROUP.floatFeatures.length} features`, `${flags.rounds} rounds`, 'medians')}\n`);
  const lines = results.map((r) => [r.layout, r.entitiesPerSecond, r.wallUsPerEntity, r.cpuUsPerEntity]);
  console.log(table(['layout', 'entities/s', 'µs an entity', 'CPU µs an entity'], lines));
  if (flags.json) console.log(JSON.stringify({ node: process.version, batch: BATCH, features: GROUP.floatFeatures.length, results }));
} finally {
  await services?.stop();
}
