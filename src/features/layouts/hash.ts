import { Pipeline, type Redis } from 'ioredis';
import { WeirError } from '../../core/errors.ts';
import type { EntityKeys, FeatureGroup, FeatureTable } from '../../core/ports.ts';
import { GROUP_HIT } from '../../core/rows.ts';
import { type FeatureRow, TIMESTAMP_FIELD } from '../feature-row.ts';
import { numberFromBytes } from '../numbers.ts';
import { isWrongType } from '../redis-errors.ts';
import { clearTable } from '../table.ts';
import { execute, type Layout, type LayoutReader, type LayoutWriter, type Tally } from './layout.ts';
import { bulkString, PreparedCommand, roomForKeys, writeKey } from './prepared-command.ts';

/** Fields of one entity in the order asked for; null: not there. An error: the key is not a hash. */
type HashAnswer = (Buffer | null)[] | Error;

/**
 * Layout `hash`: a Redis hash, one field a feature, numbers as decimal text, and the field `_ts` (milliseconds).
 * A field that is not there, and an empty one of a float feature, is no value. A key without any of the fields asked for
 * is a miss: Redis does not tell it from one that does not exist.
 */
export const hashLayout: Layout = {
  name: 'hash',
  redisType: 'hash',
  createReader({ group, keyPrefix }): LayoutReader<HashAnswer[]> {
    const prefix = Buffer.from(keyPrefix);
    const names = [...group.floatFeatures, ...group.stringFeatures, TIMESTAMP_FIELD];
    const head = Buffer.from(`*${names.length + 2}\r\n$5\r\nHMGET\r\n`);
    const fields = Buffer.concat(names.map(bulkString));
    return {
      request: (redis, keys) => getAll(redis, prefix, head, fields, keys),
      decode: (answers, count, table) => decodeAll(answers, count, group, table),
    };
  },
  createWriter({ keyPrefix }, ttlSeconds): LayoutWriter {
    return {
      prepare() {},
      add(pipeline, row) {
        const key = keyPrefix + row.entity;
        const { present, absent } = fieldsOfRow(row);
        // HSET first: a reader never finds the key gone. A value that is no more is taken away, not left from before.
        pipeline.hset(key, ...present);
        if (absent.length > 0) pipeline.hdel(key, ...absent);
        if (ttlSeconds > 0) pipeline.expire(key, ttlSeconds);
        else pipeline.persist(key);
      },
    };
  },
  findFault: () => undefined,
};

async function getAll(redis: Redis, prefix: Buffer, head: Buffer, fields: Buffer, entities: EntityKeys): Promise<HashAnswer[]> {
  const { count } = entities;
  const bytes = Buffer.allocUnsafe(count * (head.length + fields.length) + roomForKeys(entities, 0, count, prefix));
  const pipeline = new Pipeline(redis);
  let at = 0;
  for (let entity = 0; entity < count; entity++) {
    const begin = at;
    at += head.copy(bytes, at);
    at = writeKey(bytes, at, prefix, entities, entity);
    at += fields.copy(bytes, at);
    pipeline.sendCommand(new PreparedCommand('hmget', bytes.subarray(begin, at)));
  }
  const answers = await execute(pipeline);
  return answers.map(([error, answer]) => {
    if (!error) return answer as (Buffer | null)[];
    if (isWrongType(error)) return error;
    throw error;
  });
}

function decodeAll(answers: readonly HashAnswer[], count: number, group: FeatureGroup, table: FeatureTable): Tally {
  const tally = { misses: 0, unreadable: 0 };
  const floatCount = group.floatFeatures.length;
  const textCount = group.stringFeatures.length;
  clearTable(table, group, count);
  for (let entity = 0; entity < count; entity++) {
    const fields = answers[entity]!;
    if (fields instanceof Error) {
      tally.misses++;
      tally.unreadable++;
      continue;
    }
    if (fields.every((field) => field === null)) {
      tally.misses++;
      continue;
    }
    for (let f = 0; f < floatCount; f++) {
      const field = fields[f]!;
      if (field === null || field.length === 0) continue;
      const value = numberFromBytes(field);
      if (value === undefined) tally.unreadable++;
      else table.floats[entity * floatCount + f] = value;
    }
    for (let f = 0; f < textCount; f++) {
      const field = fields[floatCount + f]!;
      if (field !== null) table.texts[f]!.set(entity, field, 0, field.length);
    }
    const writtenAt = fields[floatCount + textCount]!;
    if (writtenAt !== null && writtenAt.length > 0) table.writtenAtMs[entity] = numberFromBytes(writtenAt) ?? Number.NaN;
    table.state[entity] = GROUP_HIT;
  }
  return tally;
}

function fieldsOfRow({ values, writtenAtMs }: FeatureRow): { present: string[]; absent: string[] } {
  // Written even when empty, so that a row of nothing but nulls is a hit and not a miss.
  const present: string[] = [TIMESTAMP_FIELD, Number.isNaN(writtenAtMs) ? '' : String(writtenAtMs)];
  const absent: string[] = [];
  for (const [feature, value] of Object.entries(values)) {
    if (feature === TIMESTAMP_FIELD) throw new WeirError('input_file_invalid', `No feature may be called ${TIMESTAMP_FIELD}.`);
    if (value === null || Number.isNaN(value)) absent.push(feature);
    else present.push(feature, String(value));
  }
  return { present, absent };
}
