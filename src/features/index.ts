/** Online stores: where feature groups are read from, and how they are loaded. */
export { featureGroupFromRows } from './feature-group.ts';
export { type FeatureRow, type FeatureValue, type FeatureWriter, TIMESTAMP_FIELD, type WriteOptions } from './feature-row.ts';
export { createMemoryStore, type MemoryData, type MemoryRow, type MemoryStore } from './memory-store.ts';
export {
  createRedisStore,
  DEFAULT_TTL_SECONDS,
  type GroupCounts,
  type LayoutName,
  type RedisGroupOptions,
  type RedisStore,
  type RedisStoreOptions,
} from './redis-store.ts';
