import { WeirError } from '../core/errors.ts';
import type { FeatureGroup, FeatureReader, OnlineStore } from '../core/ports.ts';
import { type FeatureRow, type FeatureValue, type FeatureWriter, TIMESTAMP_FIELD } from './feature-row.ts';
import { clearTable, fillFromObject } from './table.ts';

/** Features of one entity by name; `_ts` is when they were written, milliseconds since the epoch. */
export type MemoryRow = Readonly<Record<string, FeatureValue | boolean>>;

/** Group → entity → row, as nested objects (a parsed JSON file) or Maps. */
export type MemoryData =
  | Readonly<Record<string, Readonly<Record<string, MemoryRow>>>>
  | ReadonlyMap<string, ReadonlyMap<string, MemoryRow>>;

/** An online store in this process's memory. */
export interface MemoryStore extends OnlineStore {
  /** Writes rows of a group, for tests and embedding. */
  writer(group: FeatureGroup | string): FeatureWriter;
}

/**
 * Creates a store over rows in memory, for tests, embedding and small fixed tables. The rows are copied.
 * A group that the data do not name is empty: every entity misses.
 * @throws WeirError `config_invalid` when the data are not group → entity → object
 */
export function createMemoryStore(data: MemoryData = {}): MemoryStore {
  const groups = new Map<string, Map<string, MemoryRow>>();
  for (const [name, rows] of entriesOf(data, 'The data of a memory store')) {
    const copy = new Map<string, MemoryRow>();
    for (const [entity, row] of entriesOf(rows, `Group ${name} of a memory store`)) {
      if (!isObject(row)) throw new WeirError('config_invalid', `Group ${name} of a memory store holds a row that is not an object.`);
      copy.set(entity, { ...(row as MemoryRow) });
    }
    groups.set(name, copy);
  }

  const rowsOf = (name: string): Map<string, MemoryRow> => {
    const rows = groups.get(name) ?? new Map<string, MemoryRow>();
    groups.set(name, rows);
    return rows;
  };
  return {
    start: async () => {},
    reader: (group) => createReader(group, rowsOf(group.name)),
    writer: (group) => createWriter(rowsOf(typeof group === 'string' ? group : group.name)),
    sampleEntities: async (group, limit) => [...rowsOf(group).keys()].slice(0, limit),
    isHealthy: () => true,
    close: async () => {},
  };
}

function createReader(group: FeatureGroup, rows: ReadonlyMap<string, MemoryRow>): FeatureReader {
  return {
    group,
    async fetch({ count, column }, table) {
      clearTable(table, group, count);
      for (let entity = 0; entity < count; entity++) {
        const row = rows.get(column.text(entity)!);
        if (row) fillFromObject(row as Record<string, unknown>, group, table, entity);
      }
    },
  };
}

function createWriter(rows: Map<string, MemoryRow>): FeatureWriter {
  return {
    async write(source: Iterable<FeatureRow> | AsyncIterable<FeatureRow>, options = {}) {
      let written = 0;
      for await (const { entity, writtenAtMs, values } of source) {
        rows.set(entity, Number.isNaN(writtenAtMs) ? { ...values } : { ...values, [TIMESTAMP_FIELD]: writtenAtMs });
        written++;
      }
      options.onProgress?.(written);
      return written;
    },
  };
}

function entriesOf(value: unknown, what: string): Iterable<[string, unknown]> {
  if (value instanceof Map) return value as Map<string, unknown>;
  if (isObject(value)) return Object.entries(value);
  throw new WeirError('config_invalid', `${what} must be an object.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
