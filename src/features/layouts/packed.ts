import type { Redis } from 'ioredis';
import type { FeatureGroup, FeatureTable, Logger } from '../../core/ports.ts';
import { GROUP_HIT } from '../../core/rows.ts';
import { clearTable } from '../table.ts';
import type { Layout, LayoutPlace, LayoutReader, LayoutWriter, Tally } from './layout.ts';
import { getAll } from './mget.ts';
import {
  FLOATS_AT,
  findPackedFault,
  HASH_AT,
  type PackedSchema,
  packedSchema,
  packedSchemaFromText,
  packRow,
  schemaKey,
  writtenAtMs,
} from './packed-format.ts';

/** After so many answers a schema that was not found is looked for again. */
const ASK_AGAIN_AFTER = 100;

/**
 * Layout `packed`: a string of float32 values and texts in the order of a schema (bytes: `packed-format.ts`), the
 * cheapest to read. The row names its schema by hash; the schema itself lies beside the rows and is fetched once. So a
 * reader finds its features by name in rows that hold more of them, or in another order, and rows of an older and a newer
 * schema can lie side by side while a group is loaded anew.
 */
export const packedLayout: Layout = {
  name: 'packed',
  redisType: 'string',
  createReader: (place, logger): LayoutReader<(Buffer | null)[]> => createReader(place, logger),
  createWriter({ group, keyPrefix }, ttlSeconds): LayoutWriter {
    const schema = packedSchema(group);
    return {
      // Without expiry: a row whose schema is gone could not be read.
      prepare: (pipeline) => pipeline.set(schemaKey(keyPrefix, schema.hash), schema.text),
      add(pipeline, row) {
        const value = packRow(row, schema);
        if (ttlSeconds > 0) pipeline.set(keyPrefix + row.entity, value, 'EX', ttlSeconds);
        else pipeline.set(keyPrefix + row.entity, value);
      },
    };
  },
  findFault: findPackedFault,
};

/** Where the features of a reader lie in rows of one schema. */
interface ReadPlan {
  readonly hash: Buffer;
  readonly hashLow: number;
  readonly hashHigh: number;
  /** Position of each float feature of the group; −1: the schema lacks it. */
  readonly floatAt: Int32Array;
  readonly textsAt: number;
  /** For each string of the row the table column it goes to; −1: not wanted. */
  readonly textColumn: Int32Array;
}

function createReader({ group, keyPrefix }: LayoutPlace, logger: Logger): LayoutReader<(Buffer | null)[]> {
  const prefix = Buffer.from(keyPrefix);
  const plans: ReadPlan[] = [planFor(packedSchema(group), group)];
  /** Answers to wait until a hash is asked for again. */
  const unknown = new Map<string, number>();

  const planOf = (value: Buffer): ReadPlan | undefined => {
    const low = value.readInt32LE(HASH_AT);
    const high = value.readInt32LE(HASH_AT + 4);
    // Nearly always one, for a while two: a list is the fastest map.
    for (const plan of plans) if (plan.hashLow === low && plan.hashHigh === high) return plan;
    return undefined;
  };

  /** Fetches schemas of rows that name one not seen before: one more round trip, once a schema. */
  async function learnSchemas(redis: Redis, values: readonly (Buffer | null)[]): Promise<void> {
    const hashes = new Map<string, Buffer>();
    for (const value of values) {
      if (value === null || findPackedFault(value) !== undefined || planOf(value)) continue;
      const hash = value.subarray(HASH_AT, HASH_AT + 8);
      hashes.set(hash.toString('hex'), hash);
    }
    for (const [name, hash] of hashes) {
      const waits = unknown.get(name) ?? 0;
      if (waits > 0) {
        unknown.set(name, waits - 1);
        continue;
      }
      const text = await redis.get(schemaKey(keyPrefix, hash));
      const schema = text === null ? undefined : packedSchemaFromText(text, hash);
      if (schema) {
        unknown.delete(name);
        plans.push(planFor(schema, group));
        warnOfAbsentFeatures(schema, group, logger);
      } else {
        if (!unknown.has(name)) {
          logger.warn(
            { group: group.name, schema: name },
            'Packed rows name a schema that the store does not hold; they count as missing.',
          );
        }
        unknown.set(name, ASK_AGAIN_AFTER);
      }
    }
  }

  return {
    async request(redis, keys) {
      const values = await getAll(redis, prefix, keys);
      await learnSchemas(redis, values);
      return values;
    },
    decode(values, count, table) {
      const tally: Tally = { misses: 0, unreadable: 0 };
      clearTable(table, group, count);
      for (let entity = 0; entity < count; entity++) {
        const value = values[entity]!;
        if (value === null) {
          tally.misses++;
          continue;
        }
        const plan = findPackedFault(value) === undefined ? planOf(value) : undefined;
        if (plan && readRow(value, plan, group, table, entity)) continue;
        tally.misses++;
        tally.unreadable++;
      }
      return tally;
    },
  };
}

function planFor(schema: PackedSchema, group: FeatureGroup): ReadPlan {
  const { floatFeatures, stringFeatures, hash } = schema;
  return {
    hash,
    hashLow: hash.readInt32LE(0),
    hashHigh: hash.readInt32LE(4),
    floatAt: Int32Array.from(group.floatFeatures, (name) => {
      const slot = floatFeatures.indexOf(name);
      return slot < 0 ? -1 : FLOATS_AT + 4 * slot;
    }),
    textsAt: FLOATS_AT + 4 * floatFeatures.length,
    textColumn: Int32Array.from(stringFeatures, (name) => group.stringFeatures.indexOf(name)),
  };
}

function warnOfAbsentFeatures(schema: PackedSchema, group: FeatureGroup, logger: Logger): void {
  const absent = [
    ...group.floatFeatures.filter((name) => !schema.floatFeatures.includes(name)),
    ...group.stringFeatures.filter((name) => !schema.stringFeatures.includes(name)),
  ];
  if (absent.length > 0) logger.warn({ group: group.name, features: absent }, 'Packed rows lack features that the model needs.');
}

/** Reads one row into the table. False, with nothing written, when the texts do not end where the value ends. */
function readRow(value: Buffer, plan: ReadPlan, group: FeatureGroup, table: FeatureTable, entity: number): boolean {
  const { floatAt, textsAt, textColumn } = plan;
  if (!endsWithTexts(value, textsAt, textColumn.length)) return false;
  const first = entity * group.floatFeatures.length;
  for (let f = 0; f < floatAt.length; f++) {
    const at = floatAt[f]!;
    if (at >= 0) table.floats[first + f] = value.readFloatLE(at);
  }
  let at = textsAt;
  for (let s = 0; s < textColumn.length; s++) {
    const size = value.readInt32LE(at);
    at += 4;
    if (size < 0) continue;
    if (textColumn[s]! >= 0) table.texts[textColumn[s]!]!.set(entity, value, at, size);
    at += size;
  }
  table.writtenAtMs[entity] = writtenAtMs(value);
  table.state[entity] = GROUP_HIT;
  return true;
}

/** Walks the lengths of all texts before anything is believed. */
function endsWithTexts(value: Buffer, textsAt: number, texts: number): boolean {
  let at = textsAt;
  for (let s = 0; s < texts; s++) {
    if (at + 4 > value.length) return false;
    const size = value.readInt32LE(at);
    if (size < -1) return false;
    at += 4 + Math.max(0, size);
  }
  return at === value.length;
}
