import { applyPipelineTopics, type TopicReport } from '../app/topics.ts';
import { loadPipelineFile } from '../config/index.ts';
import { createLogger } from '../ops/logger.ts';
import { EXIT_CODES } from './failure.ts';
import { type Style, type Terminal, table } from './terminal.ts';

/** Options of `weir topics apply`. */
export interface TopicsApplyOptions {
  readonly config: string;
  readonly dryRun?: boolean;
  readonly withInput?: number;
}

/** `weir topics apply`: creates the topics that are missing and prints how all of them stand. @throws WeirError */
export async function topicsApplyCommand(
  { config: path, dryRun = false, withInput }: TopicsApplyOptions,
  terminal: Terminal,
): Promise<number> {
  const config = loadPipelineFile(path, terminal.env);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'error', name: config.name });
  const reports = await applyPipelineTopics(config, { dryRun, logger, ...(withInput === undefined ? {} : { withInput }) });
  for (const line of topicLines(reports, terminal.style)) terminal.out(line);
  return EXIT_CODES.ok;
}

const STATES: Record<TopicReport['state'], string> = {
  exists: 'exists',
  created: 'created',
  planned: 'would be created',
  missing: 'missing',
};

/** The reports as lines of text: a table, then what differs. */
export function topicLines(reports: readonly TopicReport[], style: Style): string[] {
  const [heading, ...rows] = table([
    ['TOPIC', 'FOR', 'PARTITIONS', 'STATE', 'SETTINGS'],
    ...reports.map(({ topic, role, partitions, state, config }) => [
      topic,
      role,
      partitions === undefined ? 'as the input' : String(partitions),
      STATES[state],
      Object.entries(config)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ]),
  ]);
  const mark = ({ state, differences }: TopicReport): string => {
    if (state === 'missing') return style.bad('✗');
    if (differences.length > 0) return style.warn('!');
    return state === 'exists' ? style.dim('=') : style.good('+');
  };
  const notes = reports.flatMap(({ topic, state, differences, role }) => [
    ...differences.map((difference) => `${style.warn('!')} ${topic} ${difference}.`),
    ...(state === 'missing' && role === 'input'
      ? [`${style.bad('✗')} ${topic} does not exist: create it, or say --with-input <partitions>.`]
      : []),
  ]);
  return [`  ${style.bold(heading ?? '')}`, ...rows.map((row, i) => `${mark(reports[i]!)} ${row}`), ...notes];
}
