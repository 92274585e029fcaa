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

/** Examples below the help of a command. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
