import { type Command, InvalidArgumentError, Option } from 'commander';

/** Gives a command the option that names the pipeline file. */
export function withConfig(command: Command): Command {
  return command.addOption(new Option('-c, --config <file>', 'pipeline file').default('weir.yaml').env('WEIR_CONFIG'));
}

/** A whole number of at least 1. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

/** More would not fit the memory that events may take. */
const MAX_EVENTS = 2_000_000;

/** A number of events to hold in memory. */
export function eventCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_EVENTS) {
    throw new InvalidArgumentError(
      `It must be a whole number from 1 to ${MAX_EVENTS.toLocaleString('en')}; they are offered again and again.`,
    );
  }
  return value;
}

/** More processes of one machine are not meant. */
const MAX_WORKERS = 256;

/** A number of worker processes, or `auto`. */
export function workerCount(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_WORKERS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_WORKERS}, or auto.`);
  }
  return value;
}

/** Examples below the help of a command. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
