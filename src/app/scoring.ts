/**
 * The part of the composition that does not depend on where records come from and where results go: rows to scores.
 * `weir run`, `weir profile build` and tests share it.
 */
import { createAvroCodec } from '../avro/codec.ts';
import { createRegistryClient, type RegistryClient } from '../avro/registry-client.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import { layoutOptions, type PipelineConfig } from '../config/index.ts';
import { createRowLayout, type GroupLayout, type RowLayout } from '../core/layout.ts';
import type { Codec, OnlineStore } from '../core/ports.ts';
import type { Rows, Scores } from '../core/rows.ts';
import { createJsonCodec } from '../json/codec.ts';
import { type LoadedModel, loadModel, type ModelPackage, readModelPackage } from '../model/index.ts';
import { createEnricher, type EnrichedGroup, featureGroupOf } from '../pipeline/enrich.ts';
import { createScorer } from '../pipeline/score.ts';
import { createValidator } from '../pipeline/validate.ts';
import { startStores } from './stores.ts';
import type { Surroundings } from './waiting.ts';

export { type Surroundings, waitOut } from './waiting.ts';

/** Rows to scores, put together. */
export interface Scoring {
  readonly layout: RowLayout;
  readonly package: ModelPackage;
  readonly model: LoadedModel;
  readonly registry: RegistryClient | undefined;
  readonly stores: ReadonlyMap<string, OnlineStore>;
  readonly enrich: (rows: Rows) => Promise<void>;
  readonly validate: (rows: Rows) => void;
  readonly score: (rows: Rows, scores: Scores) => Promise<void>;
  close(): Promise<void>;
}

/**
 * Loads the model, connects to stores and registry, and warms up. When it throws, nothing is left open.
 * @param read the model package, where the caller has read it already
 * @throws WeirError
 */
export async function createScoring(config: PipelineConfig, surroundings: Surroundings, read?: ModelPackage): Promise<Scoring> {
  const { clock, logger, metrics } = surroundings;
  const pkg = read ?? (await readModelPackage(config.model.package));
  const layout = createRowLayout(pkg.inputs, layoutOptions(config));
  const { intraOpNumThreads, runtime, runTimeoutMs } = config.model;
  const options = { intraOpNumThreads, runtime, runTimeoutMs, maxRows: config.batch.maxRows };
  const model = await loadModel(pkg, layout, { ...options, clock, logger });
  let stores: ReadonlyMap<string, OnlineStore> = new Map();
  const close = async (): Promise<void> => {
    for (const store of stores.values()) await store.close();
    await model.close();
  };
  try {
    const registry = config.registry ? createRegistryClient({ ...config.registry, clock, logger }) : undefined;
    const namesOf = (groups: readonly GroupLayout[]): Set<string> => new Set(groups.map(({ name }) => name));
    const bound = layout.groups.filter(({ columns }) => columns.length > 0);
    stores = await startStores(config, surroundings, namesOf(layout.groups), namesOf(bound));
    const groups = layout.groups.map((group): EnrichedGroup => {
      const { store, onMissing, onUnavailable, maxAgeMs } = config.features[group.name]!;
      const reader = stores.get(store)!.reader(featureGroupOf(group));
      return { layout: group, reader, onMissing, onUnavailable, ...(maxAgeMs ? { maxAgeMs } : {}) };
    });
    return {
      layout,
      package: pkg,
      model,
      registry,
      stores,
      enrich: createEnricher({ layout, clock, groups }),
      validate: createValidator(layout, metrics),
      score: createScorer(model),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
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
  const { format } = input;
  if (format === 'json') return createJsonCodec({ layout, tombstones: input.tombstones });
  return createAvroCodec({
    format,
    ...(input.schema ? { readerSchema: await readSchemaFile(input.schema) } : {}),
    writerSchemas: await Promise.all(input.writerSchemas.map(readSchemaFile)),
    ...(registry ? { registry } : {}),
    layout,
    tombstones: input.tombstones,
    clock,
    logger,
  });
}
