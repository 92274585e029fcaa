import type { Redis } from 'ioredis';
import { viewOf } from '../../core/bytes.ts';
import type { FeatureGroup, FeatureTable, Logger } from '../../core/ports.ts';
import { GROUP_HIT } from '../../core/rows.ts';
import { clearTable } from '../table.ts';
import type { Layout, LayoutPlace, LayoutReader, LayoutWriter, Tally } from './layout.ts';
import { assertValues, writeGet, writeMget } from './mget.ts';
import {
  FLOATS_AT,
  findPackedFault,
  packedFault,
  HASH_AT,
  type PackedSchema,
  packedSchema,
  packedSchemaFromText,
  packRow,
  schemaKey,
  WRITTEN_AT,
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
  createReader: (place, logger): LayoutReader => createReader(place, logger),
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

function createReader({ group, keyPrefix }: LayoutPlace, logger: Logger): LayoutReader {
  const prefix = viewOf(Buffer.from(keyPrefix));
  const plans: ReadPlan[] = [planFor(packedSchema(group), group)];
  /** Answers to wait until a hash is asked for again. */
  const unknown = new Map<string, number>();

  const planOf = (bytes: Buffer, start: number): ReadPlan | undefined => {
    const low = bytes.readInt32LE(start + HASH_AT);
    const high = bytes.readInt32LE(start + HASH_AT + 4);
    // Nearly always one, for a while two: a list is the fastest map.
    for (const plan of plans) if (plan.hashLow === low && plan.hashHigh === high) return plan;
    return undefined;
  };

  /** Fetches a schema that rows name and that was not seen before: one more round trip, once a schema. */
  async function learn(redis: Pick<Redis, 'get'>, name: string): Promise<void> {
    const hash = Buffer.from(name, 'hex');
    const text = await redis.get(schemaKey(keyPrefix, hash));
    const schema = text === null ? undefined : packedSchemaFromText(text, hash);
    if (schema) {
      unknown.delete(name);
      // Another batch may have asked for it at the same time.
      if (!plans.some((plan) => plan.hash.equals(hash))) plans.push(planFor(schema, group));
      warnOfAbsentFeatures(schema, group, logger);
      return;
    }
    if (!unknown.has(name)) {
      logger.warn({ group: group.name, schema: name }, 'Packed rows name a schema that the store does not hold; they count as missing.');
    }
    unknown.set(name, ASK_AGAIN_AFTER);
  }

  return {
    prefix,
    write: (keys, into) => writeMget(prefix, keys, into),
    writeOne: (keys, arena, entity, into) => writeGet(prefix, keys, arena, entity, into),
    missing(replies, count) {
      assertValues(replies);
      const { buffer, start, length } = replies;
      let hashes: Set<string> | undefined;
      for (let entity = 0; entity < count; entity++) {
        const at = start[entity]!;
        const bytes = length[entity]!;
        if (bytes < 0 || packedFault(buffer, at, bytes) !== undefined || planOf(buffer, at)) continue;
        (hashes ??= new Set()).add(buffer.toString('hex', at + HASH_AT, at + HASH_AT + 8));
      }
      if (!hashes) return undefined;
      const wanted: string[] = [];
      for (const name of hashes) {
        const waits = unknown.get(name) ?? 0;
        if (waits > 0) unknown.set(name, waits - 1);
        else wanted.push(name);
      }
      if (wanted.length === 0) return undefined;
      return async (redis) => {
        for (const name of wanted) await learn(redis, name);
      };
    },
    decode(replies, count, table) {
      const tally: Tally = { misses: 0, unreadable: 0 };
      const { buffer, start, length } = replies;
      const view = viewOf(buffer);
      clearTable(table, group, count);
      for (let entity = 0; entity < count; entity++) {
        const bytes = length[entity]!;
        if (bytes < 0) {
          tally.misses++;
          continue;
        }
        const at = start[entity]!;
        const plan = packedFault(buffer, at, bytes) === undefined ? planOf(buffer, at) : undefined;
        if (plan && readRow(buffer, view, at, bytes, plan, group, table, entity)) continue;
        tally.misses++;
        tally.unreadable++;
        table.wrongTypes.noteAll(entity);
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
function readRow(
  buffer: Buffer,
  view: DataView,
  start: number,
  bytes: number,
  plan: ReadPlan,
  group: FeatureGroup,
  table: FeatureTable,
  entity: number,
): boolean {
  const { floatAt, textsAt, textColumn } = plan;
  if (!endsWithTexts(view, start + textsAt, start + bytes, textColumn.length)) return false;
  const first = entity * floatAt.length;
  for (let f = 0; f < floatAt.length; f++) {
    const at = floatAt[f]!;
    if (at >= 0) table.floats[first + f] = view.getFloat32(start + at, true);
  }
  let at = start + textsAt;
  for (let s = 0; s < textColumn.length; s++) {
    const size = view.getInt32(at, true);
    at += 4;
    if (size < 0) continue;
    if (textColumn[s]! >= 0) table.texts[textColumn[s]!]!.set(entity, buffer, at, size);
    at += size;
  }
  table.writtenAtMs[entity] = view.getFloat64(start + WRITTEN_AT, true);
  table.state[entity] = GROUP_HIT;
  return true;
}

/** Walks the lengths of all texts before anything is believed. */
function endsWithTexts(view: DataView, textsAt: number, end: number, texts: number): boolean {
  let at = textsAt;
  for (let s = 0; s < texts; s++) {
    if (at + 4 > end) return false;
    const size = view.getInt32(at, true);
    if (size < -1) return false;
    at += 4 + Math.max(0, size);
  }
  return at === end;
}
