import { viewOf } from '../../core/bytes.ts';
import { WeirError } from '../../core/errors.ts';
import type { FeatureGroup, FeatureTable } from '../../core/ports.ts';
import { GROUP_HIT } from '../../core/rows.ts';
import { clearTable } from '../table.ts';
import type { ReplyColumns } from '../wire/reply-columns.ts';
import type { Layout, LayoutReader, LayoutWriter, Tally } from './layout.ts';
import { assertValues, writeGet, writeMget } from './mget.ts';

const FLOAT_BYTES = 4;

/**
 * Layout `float32`: a string that holds a float32 (little-endian) for each field and nothing else; NaN: no value. For rows that
 * others write, such as an array of numpy: they say neither which features they hold nor when they were written.
 * @param fields names of the values of a row, in their order
 */
export function float32Layout(fields: readonly string[]): Layout {
  const rowBytes = fields.length * FLOAT_BYTES;
  return {
    name: 'float32',
    redisType: 'string',
    createReader({ group, keyPrefix }): LayoutReader {
      const prefix = viewOf(Buffer.from(keyPrefix));
      const positions = positionsOf(group, fields);
      return {
        prefix,
        write: (keys, into) => writeMget(prefix, keys, into),
        writeOne: (keys, arena, entity, into) => writeGet(prefix, keys, arena, entity, into),
        decode: (replies, count, table) => decodeAll(replies, count, { group, positions, rowBytes }, table),
      };
    },
    createWriter({ group, keyPrefix }, ttlSeconds): LayoutWriter {
      positionsOf(group, fields);
      return {
        prepare() {},
        add(pipeline, { entity, values }) {
          const bytes = Buffer.alloc(rowBytes);
          for (const [i, name] of fields.entries()) bytes.writeFloatLE(numberOf(values[name] ?? null, name), i * FLOAT_BYTES);
          if (ttlSeconds > 0) pipeline.set(keyPrefix + entity, bytes, 'EX', ttlSeconds);
          else pipeline.set(keyPrefix + entity, bytes);
        },
      };
    },
    findFault: ({ length }) =>
      length === rowBytes ? undefined : `a value of ${length} bytes, not ${rowBytes} for ${fields.length} fields`,
  };
}

/** Why rows of these fields cannot serve the group; undefined when they can. */
export function float32Fault({ floatFeatures, stringFeatures }: Omit<FeatureGroup, 'name'>, fields: readonly string[]): string | undefined {
  const [text] = stringFeatures;
  if (text !== undefined) return `${text} is a string, and rows of layout float32 hold numbers only`;
  const absent = floatFeatures.find((name) => !fields.includes(name));
  return absent === undefined ? undefined : `${absent} is not among the fields of its rows: ${fields.join(', ')}`;
}

/** Positions of the group's features in a row, in bytes. */
function positionsOf(group: FeatureGroup, fields: readonly string[]): Int32Array {
  const fault = float32Fault(group, fields);
  if (fault !== undefined) throw new WeirError('config_invalid', `Feature group ${group.name}: ${fault}.`);
  return Int32Array.from(group.floatFeatures, (name) => fields.indexOf(name) * FLOAT_BYTES);
}

function numberOf(value: unknown, name: string): number {
  if (value === null) return Number.NaN;
  if (typeof value === 'number') return value;
  throw new WeirError('input_file_invalid', `Layout float32 holds numbers only; ${name} is ${JSON.stringify(value)}.`);
}

/** How rows are read. */
interface RowPlan {
  readonly group: FeatureGroup;
  readonly positions: Int32Array;
  readonly rowBytes: number;
}

function decodeAll(replies: ReplyColumns, count: number, { group, positions, rowBytes }: RowPlan, table: FeatureTable): Tally {
  const tally: Tally = { misses: 0, unreadable: 0 };
  const { start, length } = replies;
  assertValues(replies);
  const view = viewOf(replies.buffer);
  const { floats, state } = table;
  clearTable(table, group, count);
  for (let entity = 0, to = 0; entity < count; entity++, to += positions.length) {
    const bytes = length[entity]!;
    if (bytes !== rowBytes) {
      tally.misses++;
      if (bytes >= 0) {
        tally.unreadable++;
        table.wrongTypes.noteAll(entity);
      }
      continue;
    }
    const from = start[entity]!;
    for (let f = 0; f < positions.length; f++) floats[to + f] = view.getFloat32(from + positions[f]!, true);
    state[entity] = GROUP_HIT;
  }
  return tally;
}
