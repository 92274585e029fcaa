import { buildProfile } from '../app/profile.ts';
import { referencePath, writeReference } from '../app/reference-file.ts';
import { loadPipelineFile } from '../config/index.ts';
import { createLogger } from '../ops/logger.ts';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Options of `weir profile build`. */
export interface ProfileBuildOptions {
  readonly config: string;
  readonly file?: string;
  readonly topic?: string;
  readonly limit?: number;
  readonly out?: string;
}

/** `weir profile build`: makes the reference profile of the model package from past events. @throws WeirError */
export async function profileBuildCommand({ config: path, out, ...from }: ProfileBuildOptions, terminal: Terminal): Promise<number> {
  const config = loadPipelineFile(path, terminal.env);
  const target = await referencePath(config, out);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'warn', name: config.name });
  let shownAt = 0;
  const onProgress = (events: number): void => {
    if (events - shownAt < 10_000) return;
    shownAt = events;
    terminal.progress(`${events.toLocaleString('en')} events`);
  };
  const { profile, events, failures } = await buildProfile({ config, logger, onProgress, ...from });
  await writeReference(target, profile);
  const { style } = terminal;
  terminal.out(
    `${style.good('✓')} ${target}: ${profile.rows.toLocaleString('en')} rows of ${events.toLocaleString('en')} events, ${profile.features.length} columns`,
  );
  for (const [code, count] of failures)
    terminal.out(`${style.warn('!')} ${count.toLocaleString('en')} events could not be scored (${code}) and are not in the profile`);
  return EXIT_CODES.ok;
}
