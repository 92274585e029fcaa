/** The pipeline file: one schema, from which types, defaults, messages, the reference and the JSON Schema come. */
export type { Environment } from './environment.ts';
export type { FeatureGroupConfig, PipelineConfig } from './finish.ts';
export { fieldSchema, type JsonSchema, jsonSchema } from './json-schema.ts';
export { METRICS_OF } from './label-rules.ts';
export { layoutOptions } from './layout-options.ts';
export { type LoadedPipeline, loadPipelineFile, openPipelineFile, parsePipeline } from './load.ts';
