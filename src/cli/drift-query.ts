import type { DriftHistoryOptions } from '../app/drift-history.ts';
import { loadPipelineFile } from '../config/index.ts';
import { createLogger } from '../ops/logger.ts';
import type { DriftWindowOptions } from './drift.ts';
import type { Terminal } from './terminal.ts';
import { numberText } from './text.ts';

/** What the options of a command say of the windows that are meant; reads the pipeline file. @throws WeirError `config_invalid` */
export function driftQuery(options: DriftWindowOptions, terminal: Terminal): DriftHistoryOptions {
  const { config: path, topic, from, to, model, modelVersion, window } = options;
  const config = loadPipelineFile(path, terminal.env);
  return {
    config,
    logger: createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'error', name: config.name }),
    onProgress: (records) => terminal.progress(`${numberText(records)} records read`),
    ...(topic === undefined ? {} : { topic }),
    ...(from === undefined ? {} : { fromMs: from }),
    ...(to === undefined ? {} : { toMs: to }),
    ...(model === undefined ? {} : { model }),
    ...(modelVersion === undefined ? {} : { version: modelVersion }),
    ...(window === undefined ? {} : { window }),
  };
}
