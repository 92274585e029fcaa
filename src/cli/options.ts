import { windowSizeFrom } from '../core/window-size.ts';
import { parseDuration } from '../core/duration.ts';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Gives a command the option that names the pipeline file. */
export function withConfig(command: Command): Command {
  return command.addOption(new Option('-c, --config <file>', 'pipeline file').default('weir.yaml').env('WEIR_CONFIG'));
}

/** @param wanted what the option takes, for the message @throws InvalidArgumentError when the text is no whole number from 1 to `most` */
function wholeUpTo(most: number, text: string, wanted: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) throw new InvalidArgumentError(`It must be a whole number ${wanted}.`);
  return value;
}

/** A whole number of at least 1. */
export function wholeNumber(text: string): number {
  return wholeUpTo(Number.POSITIVE_INFINITY, text, 'of at least 1');
}

/** More would not fit the memory that events may take. */
const MAX_EVENTS = 2_000_000;

/** A number of events to hold in memory. */
export function eventCount(text: string): number {
  return wholeUpTo(MAX_EVENTS, text, `from 1 to ${MAX_EVENTS.toLocaleString('en')}; they are offered again and again`);
}

/** More processes of one machine are not meant. */
const MAX_WORKERS = 256;

/** A number of worker processes, or `auto`. */
export function workerCount(text: string): number | 'auto' {
  return text === 'auto' ? text : wholeUpTo(MAX_WORKERS, text, `from 1 to ${MAX_WORKERS}, or auto`);
}

/** Examples below the help of a command. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** A size of windows of drift; its name, the same for all spellings. */
export function windowName(text: string): string {
  const size = windowSizeFrom(text);
  if (!size)
    throw new InvalidArgumentError('It must be a duration such as 5m, 1h or 28d, or month, or a number of rows such as 50000rows.');
  return size.name;
}

/** A time: ISO 8601, or a duration before now. Milliseconds since the epoch. */
export function moment(text: string): number {
  const agoMs = /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text.trim()) ? parseDuration(text) : undefined;
  if (agoMs !== undefined) return Date.now() - agoMs;
  // Date.parse takes much that is not ISO 8601, "2" among it.
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a time such as 2026-03-01T12:00:00Z, or a duration such as 2h.');
  return ms;
}
