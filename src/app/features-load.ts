/** `weir features load`: rows of a file into the online store of a feature group. */
import type { PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { FeatureGroup, Logger } from '../core/ports.ts';
import { createRedisStore, type FeatureRow, type FeatureValue, TIMESTAMP_FIELD } from '../features/index.ts';
import { closest } from '../yaml/closest.ts';
import { type FileRow, readRows } from './feature-files.ts';
import { redisGroupOptions } from './stores.ts';

/** What to load. */
export interface FeaturesLoadOptions {
  readonly config: PipelineConfig;
  /** Name of the feature group. */
  readonly group: string;
  /** File with rows: `.avro`, `.ndjson` or `.jsonl`. */
  readonly file: string;
  /** Fields whose values make the entity. */
  readonly entity: readonly string[];
  /** Stands between them. */
  readonly separator: string;
  /** Field with the time of the row: milliseconds since the epoch, or ISO 8601. Absent: now. */
  readonly timestamp?: string;
  /** Fields to load. Absent: all but entity and timestamp. */
  readonly features?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onProgress?: (rows: number) => void;
}

/** What was loaded. */
export interface LoadedFeatures {
  readonly rows: number;
  readonly group: FeatureGroup;
  /** Address of the store without credentials. */
  readonly keyPrefix: string;
}

/**
 * Loads a file. It is read twice: all of it is checked before the first row is written.
 * @throws WeirError `config_invalid` when the pipeline has no such group, `input_file_invalid` when the file cannot be used, or what the store throws
 */
export async function loadFeatures(options: FeaturesLoadOptions): Promise<LoadedFeatures> {
  const { config, group: name, file, clock, logger } = options;
  const groupConfig = config.features[name];
  if (!groupConfig) {
    const near = closest(name, Object.keys(config.features));
    throw new WeirError(
      'config_invalid',
      `There is no feature group ${name} in the pipeline file${near ? `; did you mean ${near}?` : '.'}`,
    );
  }
  const store = config.stores[groupConfig.store];
  if (store?.kind !== 'redis') {
    throw new WeirError(
      'config_invalid',
      `Feature group ${name} is in store ${groupConfig.store}, which is in memory: put its rows into the file that stores.${groupConfig.store}.file names.`,
    );
  }
  const nowMs = clock.wallMs();
  const group = await groupFromFile(options, nowMs);
  const { keyPrefix } = groupConfig;
  const redis = createRedisStore({ ...store, groups: { [name]: redisGroupOptions(groupConfig) }, clock, logger });
  try {
    await redis.start();
    const rows = await redis.writer(group).write(featureRows(options, nowMs), options.onProgress ? { onProgress: options.onProgress } : {});
    logger.info({ group: name, rows, file }, 'loaded features');
    return { rows, group, keyPrefix };
  } finally {
    await redis.close();
  }
}

/** Checks every row and finds the features: one with any text value is a string feature, all others are floats. */
async function groupFromFile(options: FeaturesLoadOptions, nowMs: number): Promise<FeatureGroup> {
  const kinds = new Map<string, 'float' | 'string'>();
  for await (const { values } of featureRows(options, nowMs)) {
    for (const [feature, value] of Object.entries(values)) {
      if (typeof value === 'string') kinds.set(feature, 'string');
      else if (!kinds.has(feature)) kinds.set(feature, 'float');
    }
  }
  if (kinds.size === 0) throw new WeirError('input_file_invalid', `${options.file}: there is no row with a feature in it.`);
  const named = (kind: 'float' | 'string'): string[] => [...kinds].filter(([, k]) => k === kind).map(([feature]) => feature);
  return { name: options.group, floatFeatures: named('float'), stringFeatures: named('string') };
}

async function* featureRows(options: FeaturesLoadOptions, nowMs: number): AsyncGenerator<FeatureRow> {
  const { entity, separator, timestamp, features } = options;
  const left = new Set([...entity, ...(timestamp === undefined ? [] : [timestamp])]);
  for await (const row of readRows(options.file)) {
    const key = entity.map((field) => entityText(row, field)).join(separator);
    const names = features ?? Object.keys(row.fields).filter((field) => !left.has(field));
    const values: Record<string, FeatureValue> = {};
    for (const field of names) values[field] = featureValue(row, field);
    yield { entity: key, writtenAtMs: timestamp === undefined ? nowMs : timeOf(row, timestamp), values };
  }
}

function fieldOf({ fields, place }: FileRow, field: string): unknown {
  if (Object.hasOwn(fields, field)) return fields[field];
  const near = closest(field, Object.keys(fields));
  throw new WeirError(
    'input_file_invalid',
    `${place} has no field ${field}${near ? `; did you mean ${near}?` : `; it has ${Object.keys(fields).join(', ')}`}`,
  );
}

function entityText(row: FileRow, field: string): string {
  const value = fieldOf(row, field);
  if ((typeof value === 'string' && value !== '') || Number.isInteger(value)) return String(value);
  throw new WeirError(
    'input_file_invalid',
    `${row.place}: ${field} is to be the entity, but it is ${kindOf(value)}; an entity is a text or a whole number.`,
  );
}

function featureValue(row: FileRow, field: string): FeatureValue {
  if (field === TIMESTAMP_FIELD)
    throw new WeirError('input_file_invalid', `${row.place}: a feature cannot be called ${TIMESTAMP_FIELD}; name it with --timestamp.`);
  const value = fieldOf(row, field);
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw new WeirError(
    'input_file_invalid',
    `${row.place}: ${field} is ${kindOf(value)}; a feature is a number, a boolean, a text or null.`,
  );
}

function timeOf(row: FileRow, field: string): number {
  const value = fieldOf(row, field);
  const ms = typeof value === 'string' ? Date.parse(value) : typeof value === 'number' ? value : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new WeirError(
    'input_file_invalid',
    `${row.place}: ${field} is ${kindOf(value)}, not a time; write milliseconds since the epoch or ISO 8601.`,
  );
}

/** What a value is, without saying the value. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value === '') return 'an empty text';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
