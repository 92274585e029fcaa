import { loadFeatures } from '../app/features-load.ts';
import { loadPipelineFile } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { createLogger } from '../ops/logger.ts';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Options of `weir features load`. */
export interface FeaturesLoadCommandOptions {
  readonly config: string;
  readonly group: string;
  readonly file: string;
  readonly entity: readonly string[];
  readonly separator: string;
  readonly timestamp?: string;
  readonly feature?: readonly string[];
}

/** `weir features load`: writes the rows of a file into a feature group. @throws WeirError */
export async function featuresLoadCommand(
  { config: path, feature, ...options }: FeaturesLoadCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const config = loadPipelineFile(path, terminal.env);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'warn', name: config.name });
  const { rows, group, keyPrefix } = await loadFeatures({
    ...options,
    ...(feature ? { features: feature } : {}),
    config,
    clock: systemClock,
    logger,
    onProgress: (written) => terminal.progress(`${written.toLocaleString('en')} rows`),
  });
  const names = [...group.floatFeatures, ...group.stringFeatures];
  terminal.out(
    `${terminal.style.good('✓')} ${rows.toLocaleString('en')} rows of ${names.length} features (${names.join(', ')}) at ${keyPrefix}<entity>`,
  );
  return EXIT_CODES.ok;
}
