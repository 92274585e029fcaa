/**
 * The part of the composition that does not depend on where records come from and where results go: rows to scores.
 * `weir run`, `weir profile build` and tests share it.
 */
import { readFile } from 'node:fs/promises';
import { createAvroCodec } from '../avro/codec.ts';
import { createRegistryClient, type RegistryClient } from '../avro/registry-client.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import { layoutOptions, type PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { createRowLayout, type RowLayout } from '../core/layout.ts';
import type { Codec, Logger, Model, OnlineStore, PipelineMetrics } from '../core/ports.ts';
import type { Rows, Scores } from '../core/rows.ts';
import { createMemoryStore, type MemoryData } from '../features/memory-store.ts';
import { createRedisStore } from '../features/redis-store.ts';
import { loadModel, type ModelPackage, readModelPackage } from '../model/index.ts';
import { createEnricher, featureGroupOf } from '../pipeline/enrich.ts';
import { DEFAULT_RETRY, retrying } from '../pipeline/retry.ts';
import { createScorer } from '../pipeline/score.ts';
import { createValidator } from '../pipeline/validate.ts';

/** What every adapter needs. */
export interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
  /** Ends waiting for what is not there. */
  readonly signal: AbortSignal;
}

/**
 * Starts something that the outside world may not have ready yet: retriable errors are waited out.
 * @throws WeirError any other, and the last one when the signal aborts
 */
export async function waitOut<T>({ clock, logger, signal }: Surroundings, what: string, start: () => Promise<T>): Promise<T> {
  return retrying(start, {
    policy: DEFAULT_RETRY,
    clock,
    signal,
    onRetry: (error, delayMs) =>
      logger.warn({ what, code: error.code, delayMs: Math.round(delayMs), reason: error.message }, 'waiting to start'),
  });
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
      const reader = stores.get(options.store)!.reader(featureGroupOf(group));
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
export async function createTopicCodec(
  { input }: PipelineConfig,
  { layout, registry }: Scoring,
  { clock, logger }: Surroundings,
): Promise<Codec> {
  return createAvroCodec({
    format: input.format,
    ...(input.schema ? { readerSchema: await readSchemaFile(input.schema) } : {}),
    writerSchemas: await Promise.all(input.writerSchemas.map(readSchemaFile)),
    ...(registry ? { registry } : {}),
    layout,
    tombstones: input.tombstones,
    clock,
    logger,
  });
}

/** Connects only to the stores that some column needs. */
async function startStores(
  config: PipelineConfig,
  surroundings: Surroundings,
  needed: ReadonlySet<string>,
): Promise<Map<string, OnlineStore>> {
  const { clock, logger } = surroundings;
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
        : createMemoryStore(options.file ? await readFeatures(options.file) : {});
    await waitOut(surroundings, `online store ${name}`, () => store.start());
    stores.set(name, store);
  }
  return stores;
}

async function readFeatures(path: string): Promise<MemoryData> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as MemoryData;
  } catch (cause) {
    throw new WeirError('config_invalid', `Feature file ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
