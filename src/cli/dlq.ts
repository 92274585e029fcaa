import { type Command, InvalidArgumentError, Option } from 'commander';
import { ERROR_TABLE, RECORD_ERROR_CODES } from '../core/errors.ts';
import type { DlqLsOptions } from './dlq-ls.ts';
import type { DlqRedriveOptions } from './dlq-redrive.ts';
import type { DlqShowOptions } from './dlq-show.ts';
import { examples, moment, wholeNumber, withConfig } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Options that say which dead letters are meant, as all dlq commands have them. */
export interface DlqFilterOptions {
  readonly config: string;
  readonly topic?: string;
  readonly code?: readonly string[];
  readonly stage?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
  readonly partition?: readonly number[];
  readonly sourcePartition?: readonly number[];
}

type Run<Options> = (options: Options, terminal: Terminal) => Promise<number>;
type MakeAction = <Options>(load: () => Promise<Run<Options>>) => (options: Options) => Promise<void>;

/** Adds `weir dlq ls`, `show` and `redrive`. */
export function addDlqCommands(program: Command, action: MakeAction): void {
  const dlq = program.command('dlq').description('Dead letters of a pipeline: look at them, and send them back once the reason is mended.');

  withFilter(dlq.command('ls'))
    .summary('list dead letters, with a summary by code')
    .description(
      'Lists the dead letters of a pipeline, oldest first, and how many there are by code. Nothing is changed: no consumer group is joined and no offset is committed. The time is when the dead letter was written.',
    )
    .option('--limit <n>', 'list the newest n only; the summary counts all', wholeNumber, 50)
    .option('--open', 'only those that have not been redriven')
    .option('--json', 'print one JSON object a line for each dead letter, all of them, and no summary')
    .addHelpText(
      'after',
      examples(
        'weir dlq ls',
        'weir dlq ls --since 2h --code schema_unknown decode_failed',
        'weir dlq ls --json | jq -r .code | sort | uniq -c',
      ),
    )
    .action(action<DlqLsOptions>(async () => (await import('./dlq-ls.ts')).dlqLsCommand));

  withTopic(dlq.command('show'))
    .summary('show one dead letter: reason, headers, bytes')
    .description(
      'Shows everything of one dead letter: what happened and what to do, its headers, and its value as hexadecimal. The bytes may be confidential; this is the only command of weir that prints them.',
    )
    .argument('<partition:offset>', 'where the dead letter is, as weir dlq ls prints it')
    .option('--source', 'partition and offset are those of the input record, as metrics and logs name it')
    .option('--bytes <n>', 'bytes of the value to print', wholeNumber, 512)
    .option('--raw <file>', 'write the original value, byte for byte, to a file')
    .addHelpText('after', examples('weir dlq show 0:12', 'weir dlq show --source 3:48211 --raw event.bin'))
    .action((where: string, options: Omit<DlqShowOptions, 'where'>) =>
      action<DlqShowOptions>(async () => (await import('./dlq-show.ts')).dlqShowCommand)({ ...options, where }),
    );

  withFilter(dlq.command('redrive'))
    .summary('write the records of dead letters back to the input topic')
    .description(
      [
        'Writes the original key, value, headers and timestamp of dead letters to the input topic of the pipeline, to be scored again; first mend the reason. What is redriven stays in the dead-letter topic.',
        'Each dead letter is redriven once: records and a marker in the dead-letter topic are written in one transaction, so filters, repeats and interrupted redrives neither lose nor double anything. --again overrides that. Of two redrives at a time the newer one goes on and the older one ends.',
        'Loop protection: the header weir.redrive.attempt counts how often a record has been redriven; see --max-attempts.',
      ].join('\n\n'),
    )
    .option('--to <topic>', 'write to this topic instead of the input topic; partitions are chosen by key')
    .option('--limit <n>', 'redrive n at most, oldest of the lowest partition first: try a few before all', wholeNumber)
    .option('--max-attempts <n>', 'leave records alone that have been redriven so often', wholeNumber, 3)
    .option('--again', 'redrive also what has been redriven before: its records are scored twice')
    .option('--dry-run', 'print what would be done, by code, and write nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples('weir dlq redrive --dry-run', 'weir dlq redrive --code feature_unavailable --since 2h', 'weir dlq redrive --limit 10 --yes'),
    )
    .action(action<DlqRedriveOptions>(async () => (await import('./dlq-redrive.ts')).dlqRedriveCommand));
}

const STAGES = [...new Set(RECORD_ERROR_CODES.map((code) => ERROR_TABLE[code].stage))];

function withTopic(command: Command): Command {
  return withConfig(command).option('--topic <name>', 'dead-letter topic; default: that of the pipeline');
}

function withFilter(command: Command): Command {
  return withTopic(command)
    .addOption(new Option('--code <code...>', 'only these codes (docs/reference/errors.md)').choices(RECORD_ERROR_CODES))
    .addOption(new Option('--stage <stage...>', 'only what failed at these stages').choices(STAGES))
    .option('--since <time>', 'only what was written since: ISO 8601, or how long ago, such as 2h', moment)
    .option('--until <time>', 'only what was written before: ISO 8601, or how long ago', moment)
    .option('--partition <n...>', 'only these partitions of the dead-letter topic', partition)
    .option('--source-partition <n...>', 'only records of these partitions of the input topic', partition);
}

function partition(text: string, before: readonly number[] | undefined): number[] {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be the number of a partition.');
  return [...(before ?? []), Number(text)];
}
