import { type DeadLetterList, listDeadLetters } from '../app/dlq-list.ts';
import type { ListedLetter } from '../app/dlq-topic.ts';
import { loadPipelineFile } from '../config/index.ts';
import { createLogger } from '../ops/logger.ts';
import type { DlqFilterOptions } from './dlq.ts';
import { filterFrom } from './dlq-text.ts';
import { bytesText, cut, numberText, safeText, timeText } from './text.ts';
import { EXIT_CODES } from './failure.ts';
import { type Style, type Terminal, table } from './terminal.ts';

/** Options of `weir dlq ls`. */
export interface DlqLsOptions extends DlqFilterOptions {
  readonly limit: number;
  readonly open?: boolean;
  readonly json?: boolean;
}

/** One line of the table; strings, so that no batch of records is kept for it. */
interface Line {
  readonly timestampMs: number;
  readonly cells: readonly string[];
}

/** `weir dlq ls`: prints dead letters and how many there are by code. @throws WeirError */
export async function dlqLsCommand(options: DlqLsOptions, terminal: Terminal): Promise<number> {
  const { config: path, topic, limit, open = false, json = false } = options;
  const config = loadPipelineFile(path, terminal.env);
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'error', name: config.name });
  let lines: Line[] = [];
  const list = await listDeadLetters(
    {
      config,
      ...(topic === undefined ? {} : { topic }),
      filter: filterFrom(options),
      logger,
      onProgress: (records) => terminal.progress(`${numberText(records)} records read`),
    },
    (listed) => {
      if (open && listed.isRedriven) return;
      if (json) return terminal.out(JSON.stringify(letterObject(listed)));
      lines.push({ timestampMs: listed.letter.timestampMs, cells: cellsOf(listed) });
      if (lines.length >= 2 * limit + 1_000) lines = newest(lines, limit);
    },
  );
  if (json) return EXIT_CODES.ok;
  const shown = newest(lines, limit);
  for (const line of listLines(list, shown, terminal.style, terminal.columns)) terminal.out(line);
  return EXIT_CODES.ok;
}

function newest(lines: readonly Line[], limit: number): Line[] {
  return lines.toSorted((a, b) => a.timestampMs - b.timestampMs).slice(-limit);
}

const HEADING = ['TIME', 'WHERE', 'CODE', 'STAGE', 'SOURCE', 'SCHEMA', 'KEY', 'ATTEMPT', 'REDRIVEN', 'MESSAGE'];

function cellsOf({ letter, isRedriven }: ListedLetter): string[] {
  const { source, key } = letter;
  return [
    timeText(letter.timestampMs),
    `${letter.partition}:${letter.offset}`,
    safeText(letter.code),
    safeText(letter.stage),
    `${source.partition}:${source.offset}`,
    safeText(cut(letter.schemaId, 24)) || '-',
    key === null ? '-' : bytesText(key, 24),
    String(letter.attempt),
    isRedriven ? 'yes' : '-',
    safeText(letter.message),
  ];
}

/** The list as lines of text: a table, then the summary. */
export function listLines(list: DeadLetterList, lines: readonly Line[], style: Style, columns?: number): string[] {
  const total = list.codes.reduce((sum, { letters }) => sum + letters, 0);
  if (total === 0) return [`${style.good('✓')} No dead letters in ${list.topic} that fit.`];
  const fit = (line: string): string => (columns === undefined ? line : cut(line, columns));
  const [heading = '', ...rows] = lines.length > 0 ? table([HEADING, ...lines.map(({ cells }) => cells)]) : [];
  const [summary = '', ...codes] = table([
    ['CODE', 'STAGE', 'DEAD LETTERS', 'REDRIVEN', 'FIRST', 'LAST'],
    ...list.codes.map(({ code, stage, letters, redriven, firstMs, lastMs }) => [
      safeText(code),
      safeText(stage),
      numberText(letters),
      numberText(redriven),
      timeText(firstMs),
      timeText(lastMs),
    ]),
  ]);
  return [
    ...(lines.length > 0 ? [style.bold(fit(heading)), ...rows.map(fit), ''] : []),
    `${numberText(total)} dead letter${total === 1 ? '' : 's'} in ${list.topic}${lines.length < total ? `, ${numberText(lines.length)} shown` : ''}:`,
    style.bold(summary),
    ...codes,
  ];
}

/** A dead letter as an object for other tools; keys and headers that are not UTF-8 come as base64. */
export function letterObject({ letter, isRedriven }: ListedLetter): object {
  const { key, value, rawHeaders: _raw, headers, timestampMs, ...rest } = letter;
  return {
    ...rest,
    time: timeText(timestampMs),
    isRedriven,
    key: key === null ? null : jsonBytes(key),
    headers: headers.map((header) => ({ key: header.key, value: header.value === null ? null : jsonBytes(header.value) })),
    valueBytes: value === null ? null : value.length,
  };
}

function jsonBytes(bytes: Buffer): string | { readonly base64: string } {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString('base64') };
}
