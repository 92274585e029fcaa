/**
 * Real services for the demo, the tests and the benchmarks: Apache Kafka, Redis and a schema registry.
 * A tool of development; nothing that runs in production imports it. See `docs/development-services.md`.
 */
export { cacheFolder, type LineLog } from './cache.ts';
export { DevServicesError } from './errors.ts';
export { type KafkaOptions, type KafkaSettings, startKafka } from './kafka.ts';
export { type KafkaCluster, type KafkaClusterNode, type KafkaClusterOptions, startKafkaCluster } from './kafka-cluster.ts';
export type { KafkaListener } from './kafka-properties.ts';
export { runKafkaTool } from './kafka-tool.ts';
export { KAFKA_VERSION, OLDEST_KAFKA_VERSION } from './kafka-home.ts';
export { type Launch, launchOf } from './launch.ts';
export type { LocalService, LocalServiceOptions } from './local-service.ts';
export { freePorts } from './ports.ts';
export { type RedisOptions, startRedis } from './redis.ts';
export { REGISTRY_PATH, REGISTRY_VERSION, type RegistryOptions, startRegistry } from './registry.ts';
export { type ServiceName, type Services, type ServicesOptions, startServices } from './services.ts';
