import type { Logger, PipelineMetrics } from './ports.ts';

const nothing = (): void => {};

/** A logger that drops everything. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Pipeline metrics that drop everything. */
export const silentMetrics: PipelineMetrics = {
  batchClosed: nothing,
  step: nothing,
  settled: nothing,
  retried: nothing,
  invalid: nothing,
  inFlight: nothing,
};
