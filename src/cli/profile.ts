import { type Command, Option } from 'commander';
import { examples, withConfig, wholeNumber } from './options.ts';
import type { ProfileBuildOptions } from './profile-build.ts';
import type { ProfileShowOptions } from './profile-show.ts';
import type { Terminal } from './terminal.ts';

type Run<Options> = (options: Options, terminal: Terminal) => Promise<number>;
type MakeAction = <Options>(load: () => Promise<Run<Options>>) => (options: Options) => Promise<void>;

/** Adds `weir profile build`, `show` and `diff`. */
export function addProfileCommands(program: Command, action: MakeAction): void {
  const profile = program.command('profile').description('Reference profile of a model package.');
  withConfig(profile.command('build'))
    .summary('make the reference profile that drift is measured against')
    .description(
      'Runs the pipeline over events (decode, enrich, validate, score) and writes what columns and scores look like: the reference profile of the model package. Use the events the model was trained on, or a healthy stretch of the topic. With labels in the pipeline file, and events from a topic, it also says how good the scores are.',
    )
    .addOption(new Option('--file <avro>', 'events from an Avro container file').conflicts('topic'))
    .addOption(new Option('--topic <name>', 'events from a topic, from its beginning').conflicts('file'))
    .option('--limit <records>', 'records at most', wholeNumber)
    .option('--out <path>', 'where to write; default: the reference file that the model package names')
    .addHelpText(
      'after',
      examples(
        'weir profile build --file training-events.avro',
        'weir profile build --topic flights.departed --limit 200000 --out reference.json',
      ),
    )
    .action(action<ProfileBuildOptions>(async () => (await import('./profile-build.ts')).profileBuildCommand));

  withFile(profile.command('show'))
    .summary('print what a reference profile holds')
    .description(
      'Prints a line for each column and the score: type, cells, missing values, range, mean and standard deviation. --column prints the cells of one: edges or words, and how many values each holds.',
    )
    .option('--column <name>', 'the cells of one column; score for the score')
    .option('--json', 'print the profile as JSON')
    .addHelpText('after', examples('weir profile show', 'weir profile show --file reference.json --column temp'))
    .action(action<ProfileShowOptions>(async () => (await import('./profile-show.ts')).profileShowCommand));

  withFile(profile.command('diff'))
    .summary('say how two reference profiles differ')
    .description(
      'Compares the profile of the model package (or --file) with an earlier one, column by column: the share of the distribution that moved, means, standard deviations, missing values, new words. Where the bins of both differ it says what moved at least. Nothing is changed.',
    )
    .requiredOption('--against <file>', 'the earlier profile')
    .option('--json', 'print one JSON object a line for each column')
    .addHelpText('after', examples('weir profile diff --against ../models/delay/1/reference.json'))
    .action(action<ProfileShowOptions>(async () => (await import('./profile-show.ts')).profileDiffCommand));
}

function withFile(command: Command): Command {
  return withConfig(command).option('--file <json>', 'a reference profile; default: that of the model package');
}
