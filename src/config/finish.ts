import { resolve } from 'node:path';
import type { TlsFiles } from '../core/tls-files.ts';
import { compareSizes, type WindowSize, windowSizeFrom } from '../core/window-size.ts';
import type { PipelineFile } from './pipeline-schema.ts';

type Kafka = PipelineFile['kafka'];
type Output = PipelineFile['output'];
type Drift = PipelineFile['drift'];
type Group = PipelineFile['features'][string];
type Store = PipelineFile['stores'][string];
type Labels = NonNullable<PipelineFile['labels']>;

/** A pipeline with every default applied and every path absolute: what the rest of weir works with. */
export type PipelineConfig = Omit<PipelineFile, 'kafka' | 'output' | 'drift' | 'features' | 'batch' | 'labels'> & {
  readonly labels?: Labels & { readonly format: NonNullable<Labels['format']>; readonly performanceTopic: string };
  readonly kafka: Kafka & { readonly groupId: string; readonly clientId: string };
  readonly output: Omit<Output, 'predictions' | 'deadLetters'> & {
    readonly predictions: Output['predictions'] & { readonly topic: string; readonly format: NonNullable<Output['predictions']['format']> };
    readonly deadLetters: Output['deadLetters'] & { readonly topic: string };
  };
  readonly drift: Omit<Drift, 'windows' | 'pane' | 'retrain'> & {
    readonly profilesTopic: string;
    readonly statisticsTopic: string;
    readonly countsTopic: string;
    readonly stateTopic: string;
    readonly windows: readonly WindowSize[];
    readonly retrain: Drift['retrain'] & { readonly topic: string; readonly window: string; readonly minSamples: number };
    readonly paneMs: number;
  };
  readonly batch: PipelineFile['batch'] & { readonly maxRows: number };
  readonly features: Readonly<Record<string, Group & { readonly keyPrefix: string }>>;
};

/** Output of a feature group in a finished pipeline. */
export type FeatureGroupConfig = PipelineConfig['features'][string];

const MINUTE_MS = 60_000;

/** Rows of a micro-batch at most, when nothing is said. */
const MAX_ROWS = 4_096;

/**
 * Applies the defaults that depend on other sections.
 * @param folder folder of the pipeline file, to which relative paths are relative
 */
export function finishPipeline(file: PipelineFile, folder: string): PipelineConfig {
  const { labels, ...others } = file;
  const { name, kafka, registry, output, drift } = others;
  const absolute = (path: string): string => resolve(folder, path);
  const { windows, pane, ...driftRest } = drift;
  const sizes = [...new Set(windows)].map((size) => windowSizeFrom(size)!);
  const lasting = sizes.filter(({ rows }) => rows === undefined);
  const longest = (lasting.length > 0 ? lasting : sizes).toSorted(compareSizes).at(-1)!;
  return {
    ...others,
    kafka: { ...kafka, groupId: kafka.groupId ?? name, clientId: kafka.clientId ?? name, ssl: absoluteFiles(kafka.ssl, absolute) },
    input: {
      ...file.input,
      ...schemaFiles(file.input, absolute),
    },
    stores: Object.fromEntries(Object.entries(file.stores).map(([key, store]) => [key, withAbsoluteFiles(store, absolute)])),
    features: Object.fromEntries(
      Object.entries(file.features).map(([key, group]) => [key, { ...group, keyPrefix: group.keyPrefix ?? `features:${key}:` }]),
    ),
    model: { ...file.model, package: absolute(file.model.package) },
    batch: { ...file.batch, maxRows: file.batch.maxRows ?? Math.max(1, Math.min(MAX_ROWS, file.flow.maxQueuedRows >> 1)) },
    output: {
      ...output,
      predictions: {
        ...output.predictions,
        topic: output.predictions.topic ?? `${name}.predictions`,
        format: output.predictions.format ?? (registry ? 'confluent' : 'single-object'),
      },
      deadLetters: { ...output.deadLetters, topic: output.deadLetters.topic ?? `${name}.dead-letters` },
    },
    drift: {
      ...driftRest,
      ...(drift.pinned === undefined ? {} : { pinned: absolute(drift.pinned) }),
      profilesTopic: drift.profilesTopic ?? `${name}.drift-profiles`,
      statisticsTopic: drift.statisticsTopic ?? `${name}.drift-statistics`,
      countsTopic: drift.countsTopic ?? `${name}.drift-counts`,
      stateTopic: drift.stateTopic ?? `${name}.drift-state`,
      windows: sizes,
      retrain: {
        ...drift.retrain,
        topic: drift.retrain.topic ?? `${name}.retrain-requests`,
        window: drift.retrain.window ?? longest.name,
        minSamples: drift.retrain.minSamples ?? drift.minSamples,
      },
      paneMs: drift.paneMs ?? pane ?? MINUTE_MS,
    },
    ...(labels?.enabled && {
      labels: {
        ...labels,
        ...schemaFiles(labels, absolute),
        format: labels.format ?? file.input.format,
        performanceTopic: labels.performanceTopic ?? `${name}.performance`,
      },
    }),
  };
}

function schemaFiles(
  { schema, writerSchemas }: { readonly schema?: string; readonly writerSchemas: readonly string[] },
  absolute: (path: string) => string,
): { schema?: string; writerSchemas: string[] } {
  return { ...(schema === undefined ? {} : { schema: absolute(schema) }), writerSchemas: writerSchemas.map(absolute) };
}

function withAbsoluteFiles(store: Store, absolute: (path: string) => string): Store {
  if (store.kind === 'memory') return store.file === undefined ? store : { ...store, file: absolute(store.file) };
  return store.tls === undefined ? store : { ...store, tls: absoluteFiles(store.tls, absolute) };
}

function absoluteFiles(tls: boolean | TlsFiles, absolute: (path: string) => string): boolean | TlsFiles {
  if (typeof tls === 'boolean') return tls;
  return Object.fromEntries(Object.entries(tls).map(([key, path]: [string, string]) => [key, absolute(path)]));
}
