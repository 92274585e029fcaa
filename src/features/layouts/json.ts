import { viewOf } from '../../core/bytes.ts';
import { WeirError } from '../../core/errors.ts';
import type { FeatureGroup, FeatureTable } from '../../core/ports.ts';
import { type FeatureRow, type FeatureValue, TIMESTAMP_FIELD } from '../feature-row.ts';
import { clearTable, fillFromObject } from '../table.ts';
import type { ReplyColumns } from '../wire/reply-columns.ts';
import type { Layout, LayoutReader, LayoutWriter, Tally } from './layout.ts';
import { assertValues, writeGet, writeMget } from './mget.ts';

/**
 * Layout `json`: a string that holds a JSON object `{"<feature>": number | string | null, …, "_ts": milliseconds}`.
 * Anything can write it; weir reads what it needs and ignores the rest.
 */
export const jsonLayout: Layout = {
  name: 'json',
  redisType: 'string',
  createReader({ group, keyPrefix }): LayoutReader {
    const prefix = viewOf(Buffer.from(keyPrefix));
    return {
      prefix,
      write: (keys, into) => writeMget(prefix, keys, into),
      writeOne: (keys, arena, entity, into) => writeGet(prefix, keys, arena, entity, into),
      decode: (replies, count, table) => decodeAll(replies, count, group, table),
    };
  },
  createWriter({ keyPrefix }, ttlSeconds): LayoutWriter {
    return {
      prepare() {},
      add(pipeline, row) {
        const key = keyPrefix + row.entity;
        const value = jsonFromRow(row);
        if (ttlSeconds > 0) pipeline.set(key, value, 'EX', ttlSeconds);
        else pipeline.set(key, value);
      },
    };
  },
  findFault: (value) => (objectFromJson(value) ? undefined : 'a value that is not a JSON object'),
};

function decodeAll(replies: ReplyColumns, count: number, group: FeatureGroup, table: FeatureTable): Tally {
  const tally = { misses: 0, unreadable: 0 };
  const { buffer, start, length } = replies;
  assertValues(replies);
  clearTable(table, group, count);
  for (let entity = 0; entity < count; entity++) {
    const bytes = length[entity]!;
    const object = bytes < 0 ? undefined : objectFromJson(buffer.subarray(start[entity]!, start[entity]! + bytes));
    if (object) tally.unreadable += fillFromObject(object, group, table, entity);
    else {
      tally.misses++;
      if (bytes >= 0) {
        tally.unreadable++;
        table.wrongTypes.noteAll(entity);
      }
    }
  }
  return tally;
}

/** Undefined when the bytes are not a JSON object. */
function objectFromJson(value: Buffer): Record<string, unknown> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : undefined;
}

function jsonFromRow({ values, writtenAtMs }: FeatureRow): string {
  // A null prototype, so that a feature called __proto__ is one like any other.
  const object: Record<string, FeatureValue> = Object.create(null);
  for (const [feature, value] of Object.entries(values)) {
    if (feature === TIMESTAMP_FIELD) throw new WeirError('input_file_invalid', `No feature may be called ${TIMESTAMP_FIELD}.`);
    // JSON has no infinity; the reader takes the word. NaN becomes null, which means the same here.
    object[feature] = value === Infinity || value === -Infinity ? String(value) : value;
  }
  if (!Number.isNaN(writtenAtMs)) object[TIMESTAMP_FIELD] = writtenAtMs;
  return JSON.stringify(object);
}
