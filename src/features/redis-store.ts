import { WeirError } from '../core/errors.ts';
import type { FeatureGroup, FeatureReader, OnlineStore } from '../core/ports.ts';
import { featureGroupFromRows } from './feature-group.ts';
import type { FeatureWriter } from './feature-row.ts';
import { checkLayout } from './layout-check.ts';
import { sampleKeys } from './key-sample.ts';
import { float32Layout } from './layouts/float32.ts';
import { hashLayout } from './layouts/hash.ts';
import { jsonLayout } from './layouts/json.ts';
import type { Layout, Tally } from './layouts/layout.ts';
import { packedLayout } from './layouts/packed.ts';
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.ts';
import { storeErrorFrom } from './redis-errors.ts';
import { createRedisWriter } from './redis-writer.ts';

/** Rows written without a TTL of their own live so long: a day. */
export const DEFAULT_TTL_SECONDS = 86_400;

/** A group with values that cannot be read says so at most this often. */
const WARN_EVERY_MS = 60_000;

/** Steps of the SCAN that looks for entities: two million keys, in about a second. */
const SAMPLE_STEPS = 2_000;

/** How a group is kept in Redis. */
export type LayoutName = Layout['name'];

/** One feature group of a Redis store. */
export interface RedisGroupOptions {
  readonly layout: LayoutName;
  /** For layout `float32`: names of the values of a row, in their order. */
  readonly fields?: readonly string[];
  /** Goes before the entity in every key; `features:<group>:` by convention. */
  readonly keyPrefix: string;
  /** For writing: rows expire after so long; 0: never. Default `DEFAULT_TTL_SECONDS`. */
  readonly ttlSeconds?: number;
}

/** How to reach a Redis store and what it holds. */
export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly groups: Readonly<Record<string, RedisGroupOptions>>;
}

/** What was read of one group since the start. */
export interface GroupCounts extends Readonly<Tally> {
  /** Distinct entities asked for. */
  readonly entities: number;
}

/** An online store in Redis. */
export interface RedisStore extends OnlineStore {
  /**
   * Loads rows of a group. By name alone, the features of a packed group are those found in the first thousand rows; pass
   * the group itself to say which they are. Call `start` first.
   */
  writer(group: FeatureGroup | string): FeatureWriter;
  /** What was read of a group since the start: entities, misses, and values that are there but cannot be read. */
  counts(group: string): GroupCounts;
}

/**
 * Creates a store over one Redis server, a master that sentinels name, or a cluster. `start` connects, tries the credentials, and holds a few keys of every group
 * against its layout.
 * @throws WeirError `config_invalid` when the options name no place
 */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { logger, clock } = options;
  const connection = new RedisConnection(options);
  const counts = new Map<string, { entities: number } & Tally>();
  const countsOf = (group: string): { entities: number } & Tally => {
    const found = counts.get(group) ?? { entities: 0, misses: 0, unreadable: 0 };
    counts.set(group, found);
    return found;
  };
  const groupOptions = (name: string): RedisGroupOptions => {
    const found = options.groups[name];
    if (found) return found;
    throw new WeirError('config_invalid', `The redis store at ${connection.address} has no feature group ${name}.`);
  };

  function reader(group: FeatureGroup): FeatureReader {
    const { layout, keyPrefix, ...rest } = groupOptions(group.name);
    const layoutReader = layoutOf(layout, rest).createReader({ group, keyPrefix }, logger);
    const total = countsOf(group.name);
    let nextWarningMs = Number.NEGATIVE_INFINITY;
    return {
      group,
      async fetch(keys, table) {
        const { count } = keys;
        if (count === 0) return;
        const { misses, unreadable } = await connection.read(layoutReader, keys, table);
        total.entities += count;
        total.misses += misses;
        total.unreadable += unreadable;
        if (unreadable === 0 || clock.monotonicMs() < nextWarningMs) return;
        nextWarningMs = clock.monotonicMs() + WARN_EVERY_MS;
        logger.warn({ group: group.name, layout, unreadable: total.unreadable }, 'The store holds values that cannot be read.');
      },
    };
  }

  return {
    async start() {
      await connection.start();
      try {
        for (const [name, { layout, keyPrefix, ...rest }] of Object.entries(options.groups)) {
          await checkLayout(connection, name, layoutOf(layout, rest), keyPrefix);
        }
      } catch (thrown) {
        connection.close();
        throw storeErrorFrom(thrown, connection.address);
      }
    },
    reader,
    writer(group) {
      const name = typeof group === 'string' ? group : group.name;
      const { layout, keyPrefix, ttlSeconds = DEFAULT_TTL_SECONDS, ...rest } = groupOptions(name);
      return createRedisWriter(connection, (rows) => {
        const features = typeof group === 'string' ? featureGroupFromRows(name, rows) : group;
        return layoutOf(layout, rest).createWriter({ group: features, keyPrefix }, ttlSeconds);
      });
    },
    async sampleEntities(group, limit) {
      const { keyPrefix } = groupOptions(group);
      const prefixBytes = Buffer.byteLength(keyPrefix);
      try {
        const { keys } = await sampleKeys(connection.servers, keyPrefix, { keys: limit, steps: SAMPLE_STEPS });
        // SCAN may tell a key twice.
        return [...new Set(keys.map((key) => key.toString('utf8', prefixBytes)))];
      } catch (thrown) {
        throw storeErrorFrom(thrown, connection.address);
      }
    },
    counts: (group) => ({ ...countsOf(group) }),
    isHealthy: () => connection.isHealthy(),
    async close() {
      connection.close();
    },
  };
}

function layoutOf(name: LayoutName, { fields = [] }: Pick<RedisGroupOptions, 'fields'>): Layout {
  switch (name) {
    case 'json':
      return jsonLayout;
    case 'hash':
      return hashLayout;
    case 'packed':
      return packedLayout;
    case 'float32':
      return float32Layout(fields);
  }
}
