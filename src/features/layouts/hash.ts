import { viewOf } from '../../core/bytes.ts';
import { WeirError } from '../../core/errors.ts';
import type { EntityKeys, FeatureGroup, FeatureTable } from '../../core/ports.ts';
import { GROUP_HIT } from '../../core/rows.ts';
import { type FeatureRow, TIMESTAMP_FIELD } from '../feature-row.ts';
import { numberFromBytes } from '../../core/numbers.ts';
import { isWrongType } from '../redis-errors.ts';
import { clearTable } from '../table.ts';
import { ERROR_REPLY, type ReplyColumns } from '../wire/reply-columns.ts';
import { bulkString, type RequestBytes } from '../wire/request-bytes.ts';
import { errorOf, type Layout, type LayoutReader, type LayoutWriter, type Tally } from './layout.ts';

/**
 * Layout `hash`: a Redis hash, one field a feature, numbers as decimal text, and the field `_ts` (milliseconds).
 * A field that is not there, and an empty one of a float feature, is no value. A key without any of the fields asked for
 * is a miss: Redis does not tell it from one that does not exist.
 */
export const hashLayout: Layout = {
  name: 'hash',
  redisType: 'hash',
  createReader({ group, keyPrefix }): LayoutReader {
    const prefix = viewOf(Buffer.from(keyPrefix));
    const names = [...group.floatFeatures, ...group.stringFeatures, TIMESTAMP_FIELD];
    const head = Buffer.from(`*${names.length + 2}\r\n$5\r\nHMGET\r\n`);
    const fields = Buffer.concat(names.map(bulkString));
    const commands = { head: viewOf(head), between: viewOf(Buffer.concat([fields, head])), fields: viewOf(fields) };
    return {
      prefix,
      write: (keys, into) => writeCommands(commands, prefix, keys, into),
      writeOne(keys, arena, entity, into) {
        into.put(commands.head);
        into.putKey(prefix, keys, arena, entity);
        into.put(commands.fields);
      },
      decode: (replies, count, table) => decodeAll(replies, count, group, table),
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

/** The same in all commands: what stands before the first key, between two and behind the last. */
interface HashCommands {
  readonly head: DataView;
  readonly between: DataView;
  readonly fields: DataView;
}

function writeCommands({ head, between, fields }: HashCommands, prefix: DataView, keys: EntityKeys, into: RequestBytes): number {
  const arena = viewOf(keys.column.arena);
  into.put(head);
  into.putKey(prefix, keys, arena, 0);
  let from = -1;
  for (let entity = 1; entity < keys.count; entity++) {
    // The first time from outside, then from the request itself, which takes no object.
    if (from < 0) from = into.put(between);
    else into.repeat(from, from + between.byteLength);
    into.putKey(prefix, keys, arena, entity);
  }
  into.put(fields);
  return keys.count;
}

function decodeAll(replies: ReplyColumns, count: number, group: FeatureGroup, table: FeatureTable): Tally {
  const tally = { misses: 0, unreadable: 0 };
  const floatCount = group.floatFeatures.length;
  const textCount = group.stringFeatures.length;
  const { buffer, first, size, start, length } = replies;
  clearTable(table, group, count);
  for (let entity = 0; entity < count; entity++) {
    const at = first[entity]!;
    if (size[entity] === ERROR_REPLY) {
      const error = errorOf(replies, entity);
      if (!isWrongType(error)) throw error;
      tally.misses++;
      tally.unreadable++;
      table.wrongTypes.noteAll(entity);
      continue;
    }
    let present = 0;
    for (let f = 0; f < floatCount; f++) {
      const bytes = length[at + f]!;
      if (bytes < 0) continue;
      present++;
      if (bytes === 0) continue;
      const from = start[at + f]!;
      const value = numberFromBytes(buffer, from, from + bytes);
      if (value === undefined) {
        tally.unreadable++;
        table.wrongTypes.note(entity, f);
      } else table.floats[entity * floatCount + f] = value;
    }
    for (let f = 0; f < textCount; f++) {
      const bytes = length[at + floatCount + f]!;
      if (bytes < 0) continue;
      present++;
      table.texts[f]!.set(entity, buffer, start[at + floatCount + f]!, bytes);
    }
    const written = at + floatCount + textCount;
    const writtenBytes = length[written]!;
    if (present === 0 && writtenBytes < 0) {
      tally.misses++;
      continue;
    }
    if (writtenBytes > 0)
      table.writtenAtMs[entity] = numberFromBytes(buffer, start[written]!, start[written]! + writtenBytes) ?? Number.NaN;
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
