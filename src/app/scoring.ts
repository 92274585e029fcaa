/**
 * The part of the composition that does not depend on where records come from and where results go: rows to scores.
 * `weir run`, `weir profile build` and tests share it.
 */
import { readFileSync } from 'node:fs';
import { createAvroCodec } from '../avro/codec.ts';
import { createRegistryClient, type RegistryClient } from '../avro/registry-client.ts';
import { layoutOptions, type PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { createRowLayout, type RowLayout } from '../core/layout.ts';
import type { Codec, Logger, Model, OnlineStore, PipelineMetrics } from '../core/ports.ts';
import type { Rows, Scores } from '../core/rows.ts';
import { createMemoryStore } from '../features/memory-store.ts';
import { createRedisStore } from '../features/redis-store.ts';
import { loadModel, type ModelPackage, readModelPackage } from '../model/index.ts';
import { createEnricher } from '../pipeline/enrich.ts';
import { createScorer } from '../pipeline/score.ts';
import { createValidator } from '../pipeline/validate.ts';

/** What every adapter needs. */
export interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/** Rows to scores, put together. */
export interface Scoring {
  readonly layout: RowLayout;
  readonly package: ModelPackage;
  readonly model: Model;
  readonly registry: RegistryClient | undefined;
  readonly stores: ReadonlyMap<string, OnlineStore>;
  readonly enrich: (rows: Rows) => Promise<void>;
  readonly validate: (rows: Rows) => void;
  readonly score: (rows: Rows, scores: Scores) => Promise<void>;
  close(): Promise<void>;
}

/** Loads the model, connects to stores and registry, and warms up. @throws WeirError */
export async function createScoring(config: PipelineConfig, surroundings: Surroundings): Promise<Scoring> {
  const { clock, logger, metrics } = surroundings;
  const pkg = await readModelPackage(config.model.package);
  const layout = createRowLayout(pkg.inputs, layoutOptions(config));
  const model = await loadModel(pkg, layout, { intraOpNumThreads: config.model.intraOpNumThreads, logger });
  const registry = config.registry ? createRegistryClient({ ...config.registry, clock, logger }) : undefined;
  const stores = await startStores(config, surroundings, new Set(layout.groups.map((g) => g.name)));
  const enrich = createEnricher({
    layout,
    clock,
    groups: layout.groups.map((group) => {
      const options = config.features[group.name]!;
      const reader = stores.get(options.store)!.reader({
        name: group.name,
        floatFeatures: group.columns.filter((c) => c.kind === 'float').map(featureOf),
        stringFeatures: group.columns.filter((c) => c.kind === 'string').map(featureOf),
      });
      return {
        layout: group,
        reader,
        onMissing: options.onMissing,
        onUnavailable: options.onUnavailable,
        ...(options.maxAgeMs ? { maxAgeMs: options.maxAgeMs } : {}),
      };
    }),
  });
  return {
    layout,
    package: pkg,
    model,
    registry,
    stores,
    enrich,
    validate: createValidator(layout, metrics),
    score: createScorer(model),
    async close() {
      for (const store of stores.values()) await store.close();
      await model.close();
    },
  };
}

/**
 * The decoder of the input topic.
 * @throws WeirError `config_invalid`, `schema_invalid`
 */
export function createTopicCodec({ input }: PipelineConfig, { layout, registry }: Scoring, { clock, logger }: Surroundings): Codec {
  return createAvroCodec({
    format: input.format,
    ...(input.schema ? { readerSchema: readSchema(input.schema) } : {}),
    writerSchemas: input.writerSchemas.map(readSchema),
    ...(registry ? { registry } : {}),
    layout,
    tombstones: input.tombstones,
    clock,
    logger,
  });
}

/** Reads and parses a schema file. @throws WeirError `schema_invalid` */
export function readSchema(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new WeirError('schema_invalid', `${path}: ${(cause as Error).message}`, { cause });
  }
}

function featureOf({ binding, name }: RowLayout['columns'][number]): string {
  return binding.from === 'group' ? binding.feature : name;
}

/** Connects only to the stores that some column needs. */
async function startStores(
  config: PipelineConfig,
  { clock, logger }: Surroundings,
  needed: ReadonlySet<string>,
): Promise<Map<string, OnlineStore>> {
  const stores = new Map<string, OnlineStore>();
  for (const [name, options] of Object.entries(config.stores)) {
    const groups = Object.fromEntries(
      Object.entries(config.features)
        .filter(([group, { store }]) => store === name && needed.has(group))
        .map(([group, { layout, keyPrefix, ttlSeconds }]) => [group, { layout, keyPrefix, ttlSeconds }]),
    );
    if (Object.keys(groups).length === 0) continue;
    const store =
      options.kind === 'redis'
        ? createRedisStore({ ...options, groups, clock, logger })
        : createMemoryStore(options.file ? (readSchema(options.file) as never) : {});
    await store.start();
    stores.set(name, store);
  }
  return stores;
}
