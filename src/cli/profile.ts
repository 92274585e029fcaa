import { type Command, Option } from 'commander';
import { examples, moment, windowName, withConfig, wholeNumber } from './options.ts';
import type { ProfileBuildOptions } from './profile-build.ts';
import type { ProfilePinOptions } from './profile-pin.ts';
import type { ProfileShowOptions } from './profile-show.ts';
import type { Terminal } from './terminal.ts';

type Run<Options> = (options: Options, terminal: Terminal) => Promise<number>;
type MakeAction = <Options>(load: () => Promise<Run<Options>>) => (options: Options) => Promise<void>;

/** Adds `weir profile build`, `pin`, `show` and `diff`. */
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

  withConfig(profile.command('pin'))
    .summary('write the counts of healthy windows, to compare later ones with')
    .description(
      'Adds up the counts of the final windows of drift that lie between two times, in the bins of the reference profile, and writes them to a file. Name it in weir.yaml (drift.pinned), and each later window is also compared with it; with drift.reference: pinned that comparison decides. Use it when the data has changed for good and the model is still right, or when the training data never looked like production. Windows that were counted in the bins of another profile are left out, so pin again after weir profile build. Nothing is written to Kafka.',
    )
    .requiredOption('--from <time>', 'windows that begin then or later: ISO 8601, or how long ago, such as 30d', moment)
    .requiredOption('--to <time>', 'windows that end then or earlier: ISO 8601, or how long ago', moment)
    .option('--window <size>', 'windows of this size; default: the shortest between these times', windowName)
    .option('--topic <name>', 'statistics topic; default: that of the pipeline')
    .option('--out <path>', 'where to write; default: pinned.json beside the reference profile')
    .addHelpText(
      'after',
      examples(
        'weir profile pin --from 2026-03-01 --to 2026-03-08',
        'weir profile pin --from 7d --to 1d --window 1d --out models/delay/1/pinned.json',
      ),
    )
    .action(action<ProfilePinOptions>(async () => (await import('./profile-pin.ts')).profilePinCommand));

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
