import type { Command } from 'commander';
import type { DriftExportOptions } from './drift-export.ts';
import type { DriftLsOptions } from './drift-ls.ts';
import type { DriftReportCommandOptions } from './drift-report.ts';
import { examples, moment, windowName, withConfig } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Options that say which windows are meant. */
export interface DriftWindowOptions {
  readonly config: string;
  readonly topic?: string;
  /** Milliseconds since the epoch, in event time. */
  readonly from?: number;
  readonly to?: number;
  readonly model?: string;
  readonly modelVersion?: string;
  /** Name of a size of windows. */
  readonly window?: string;
}

type Run<Options> = (options: Options, terminal: Terminal) => Promise<number>;
type MakeAction = <Options>(load: () => Promise<Run<Options>>) => (options: Options) => Promise<void>;

/** Adds `weir drift` and its commands. */
export function addDriftCommands(program: Command, action: MakeAction): void {
  const drift = program.command('drift').description('Drift of a pipeline: what its windows say.');

  withWindows(drift.command('ls'))
    .summary('list the windows, what drifted in each, and what to do')
    .description(
      'Lists the windows of the statistics topic, the newest record of each, oldest window first: how many rows, how far the score moved, which columns are in drift, and what weir recommends; with labels, also how good the predictions were. Nothing is changed: no consumer group is joined and no offset is committed. Times are event times.',
    )
    .option('--features', 'list the columns of each window that are not OK, with how far they moved and why, and why performance fell')
    .option('--json', 'print one JSON object a line for each window, with all statistics')
    .addHelpText(
      'after',
      examples(
        'weir drift ls',
        'weir drift ls --from 30d --features',
        "weir drift ls --json | jq -c '[.windowStart, .driftedFeatureNames]'",
      ),
    )
    .action(action<DriftLsOptions>(async () => (await import('./drift-ls.ts')).driftLsCommand));

  withWindows(drift.command('export'))
    .summary('write the counts and statistics of every window, feature and edge')
    .description(
      'Writes one JSON object a line for each window that is final: its statistics, and for every feature the edges or words, the counts and sums of each cell, and those of the reference, so that anyone can check the statistics with another implementation. performance says how good the predictions were, a record an arm, or null when the pipeline has no labels. Nothing is changed.',
    )
    .option('--open', 'also windows that are not final yet')
    .option('--out <file>', 'write to a file')
    .option('--json', 'one JSON object a line: what it always writes')
    .addHelpText(
      'after',
      examples(
        'weir drift export --out windows.jsonl',
        "weir drift export --window 1d --from 30d | jq -c '.features[] | [.name, .tvd, .cells.counts]'",
      ),
    )
    .action(action<DriftExportOptions>(async () => (await import('./drift-export.ts')).driftExportCommand));

  withWindows(drift.command('report'))
    .summary('write a page for people: what drifted, how, and what was decided')
    .description(
      'Writes an HTML page of the windows that are final: a heat map of features by windows, the histograms of what drifted against those of the reference, and what was decided and why; with labels, how good the predictions were over time. The page is one file that loads nothing and runs no scripts; it can be read on a phone, in light and dark, and by a screen reader. Nothing is changed. Prints the name of the file, and on standard error what the page says in a sentence.',
    )
    .requiredOption('--html <file>', 'where to write the page; a file that is there is replaced')
    .option('--open', 'also windows that are not final yet')
    .addHelpText(
      'after',
      examples(
        'weir drift report --from 7d --html drift.html',
        'weir drift report --window 1d --from 2026-03-01 --to 2026-04-01 --html march.html',
      ),
    )
    .action(action<DriftReportCommandOptions>(async () => (await import('./drift-report.ts')).driftReportCommand));
}

function withWindows(command: Command): Command {
  return withConfig(command)
    .option('--topic <name>', 'statistics topic; default: that of the pipeline')
    .option('--from <time>', 'only windows that end after this: ISO 8601, or how long ago, such as 30d', moment)
    .option('--to <time>', 'only windows that begin before this: ISO 8601, or how long ago', moment)
    .option('--window <size>', 'only windows of this size, such as 1h, month or 50000rows', windowName)
    .option('--model <name>', 'only this model')
    .option('--model-version <version>', 'only this version of it');
}
