import type { DeadLetter } from '../app/dlq-letter.ts';
import { findDeadLetter } from '../app/dlq-show.ts';
import type { ListedLetter } from '../app/dlq-topic.ts';
import { loadPipelineFile } from '../config/index.ts';
import { type ErrorCode, ERROR_TABLE } from '../core/errors.ts';
import { createLogger } from '../ops/logger.ts';
import type { DlqFilterOptions } from './dlq.ts';
import { bytesText, hexDump, numberText, safeText, timeText } from './text.ts';
import { writeOutputFile } from './output-file.ts';
import { EXIT_CODES } from './failure.ts';
import type { Style, Terminal } from './terminal.ts';

/** Options of `weir dlq show`. */
export interface DlqShowOptions extends Pick<DlqFilterOptions, 'config' | 'topic'> {
  /** `partition:offset`. */
  readonly where: string;
  readonly source?: boolean;
  readonly bytes: number;
  readonly raw?: string;
}

/** `weir dlq show`: prints one dead letter. @throws WeirError */
export async function dlqShowCommand(options: DlqShowOptions, terminal: Terminal): Promise<number> {
  const { where, source: isSource = false, config: path, topic, bytes, raw } = options;
  const place = /^(\d{1,9})[:-](\d{1,15})$/.exec(where);
  if (!place) {
    terminal.err(
      `${terminal.style.bad('✗')} ${safeText(where)} is not a place: write partition:offset, such as 0:12, as weir dlq ls prints it.`,
    );
    return EXIT_CODES.usage;
  }
  const config = loadPipelineFile(path, terminal.env);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'error', name: config.name });
  const named = topic ?? config.output.deadLetters.topic;
  const found = await findDeadLetter(
    {
      config,
      topic: named,
      filter: {},
      logger,
      onProgress: (records) => terminal.progress(`${numberText(records)} records read`),
    },
    { partition: Number(place[1]), offset: Number(place[2]), isSource },
  );
  if (!found) {
    const what = isSource ? `of record ${where} of the input topic` : `at ${where}`;
    terminal.err(`${terminal.style.bad('✗')} There is no dead letter ${what} in ${named}; weir dlq ls lists what there is.`);
    return EXIT_CODES.fatal;
  }
  for (const line of showLines(named, found, bytes, terminal.style)) terminal.out(line);
  return raw === undefined ? EXIT_CODES.ok : await writeRaw(raw, found.letter, terminal);
}

async function writeRaw(file: string, { value, omittedBytes }: DeadLetter, terminal: Terminal): Promise<number> {
  if (value === null) {
    terminal.err(
      `${terminal.style.bad('✗')} ${omittedBytes === undefined ? 'The record has no value' : 'The dead letter is without its value'}: nothing was written.`,
    );
    return EXIT_CODES.fatal;
  }
  await writeOutputFile(file, value);
  terminal.err(`${terminal.style.good('✓')} ${numberText(value.length)} bytes written to ${file}`);
  return EXIT_CODES.ok;
}

/** A dead letter as lines of text. @param bytes of the value to show */
export function showLines(topic: string, { letter, isRedriven }: ListedLetter, bytes: number, style: Style): string[] {
  const { source, key, value, headers, rawHeaders } = letter;
  const known = ERROR_TABLE[letter.code as ErrorCode] as (typeof ERROR_TABLE)[ErrorCode] | undefined;
  const facts: [string, string][] = [
    ['code', `${letter.code} (${letter.stage})`],
    ['what', known?.title ?? 'a code that this version of weir does not know'],
    ['message', letter.message || '-'],
    ['what to do', known?.action ?? 'Look it up in the reference of the version that wrote it.'],
    ['source', `${source.topic} ${source.partition}:${source.offset}, ${timeText(source.timestampMs)}`],
    ['schema id', letter.schemaId || '-'],
    ['model version', letter.modelVersion],
    ['worker', letter.worker],
    ['attempt', `${letter.attempt} (times redriven before it failed)`],
    ['redriven', isRedriven ? 'yes' : 'no'],
    ['key', key === null ? 'none' : `${bytesText(key)} (${numberText(key.length)} bytes)`],
  ];
  return [
    style.bold(`Dead letter ${topic} ${letter.partition}:${letter.offset}, ${timeText(letter.timestampMs)}`),
    ...facts.map(([name, text]) => `  ${name.padEnd(15)}${safeText(text)}`),
    '',
    ...(rawHeaders ? [`Headers: ${rawHeaders.length} bytes that are not headers`, ...dump(rawHeaders, bytes)] : headerLines(headers)),
    '',
    ...(value === null ? [noValue(letter)] : [`Value: ${numberText(value.length)} bytes`, ...dump(value, bytes)]),
  ];
}

function noValue({ omittedBytes, source }: DeadLetter): string {
  if (omittedBytes === undefined) return 'Value: none (tombstone)';
  return `Value: ${numberText(omittedBytes)} bytes, too large for the dead-letter topic; look for it in ${safeText(source.topic)} at ${source.partition}:${source.offset}`;
}

function headerLines(headers: DeadLetter['headers']): string[] {
  if (headers.length === 0) return ['Headers: none'];
  const width = Math.min(40, Math.max(...headers.map(({ key }) => key.length)));
  return [
    `Headers: ${headers.length}`,
    ...headers.map(({ key, value }) => `  ${safeText(key).padEnd(width)}  ${value === null ? 'null' : bytesText(value, 128)}`),
  ];
}

function dump(bytes: Buffer, most: number): string[] {
  const rest = bytes.length - most;
  return [...hexDump(bytes.subarray(0, most)).map((line) => `  ${line}`), ...(rest > 0 ? [`  … ${numberText(rest)} more bytes`] : [])];
}
