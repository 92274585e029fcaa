/** What an operator sees: logs, metrics, probes. */
export { METRICS, type MetricEntry } from './catalogue.ts';
export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel, urlWithoutCredentials } from './logger.ts';
export {
  createMetrics,
  type DriftMetrics,
  type DriftWindow,
  type MetricsOptions,
  type SourceMetrics,
  type WeirMetrics,
} from './metrics.ts';
export { type Health, OPS_PATHS, type OpsServer, type OpsServerOptions, startOpsServer } from './server.ts';
