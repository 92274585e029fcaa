/** What an operator sees: logs, metrics, probes. */
export { METRICS, type MetricEntry } from './catalogue.ts';
export type { LabelCounts, LabelMetrics } from './label-metrics.ts';
export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel, urlWithoutCredentials } from './logger.ts';
export {
  createMetrics,
  type DriftLeftOut,
  type DriftMetrics,
  type DriftWindow,
  type MetricsOptions,
  type SourceMetrics,
  type WeirMetrics,
} from './metrics.ts';
export type { ShownPerformance } from './performance-metrics.ts';
export { POOL_METRICS, RESTART_REASONS, type RestartReason, WORKER_STATES, type WorkerState } from './pool-catalogue.ts';
export { createPoolMetrics, type PoolMetrics, type PoolMetricsOptions, SUPERVISOR_LABEL, type WorkerPage } from './pool-metrics.ts';
export { type Health, type MetricsPage, OPS_PATHS, type OpsServer, type OpsServerOptions, startOpsServer } from './server.ts';
