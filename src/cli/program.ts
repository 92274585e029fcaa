import { Command, CommanderError, Option } from 'commander';
import { addBenchCommand } from './bench.ts';
import { addDlqCommands } from './dlq.ts';
import { addDriftCommands } from './drift.ts';
import { addProfileCommands } from './profile.ts';
import { EXIT_CODES, reportFailure } from './failure.ts';
import { examples, wholeNumber, workerCount, withConfig } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Environment variables that weir itself reads; those of `${NAME}` in a pipeline file are the user's. */
export const ENVIRONMENT = {
  WEIR_CONFIG: 'Pipeline file, where --config is not given.',
  WEIR_WORKERS: 'weir run: number of worker processes or auto, where --workers is not given.',
  LOG_LEVEL: 'debug, info, warn or error; wins over ops.logLevel. debug also prints stack traces.',
  NO_COLOR: 'Set to anything: no colours.',
} as const;

/** Exit codes in words. */
export const EXIT_CODE_HELP = {
  [EXIT_CODES.ok]: 'done; weir run: stopped by SIGTERM or SIGINT with everything in flight settled',
  [EXIT_CODES.fatal]: 'failed at run time, or weir check found an error; standard error says what to do',
  [EXIT_CODES.usage]: 'the command line or the pipeline file is not valid; trying again changes nothing',
} as const;

/** What a command does when it runs; each is loaded when it is called, so that --help is quick. */
export type Action<Options> = (options: Options, terminal: Terminal) => Promise<number>;

/** Outcome of the last command of a program. */
interface Outcome {
  exitCode: number;
}

/**
 * The command line of weir.
 * @param outcome gets the exit code of the command that ran
 */
export function createProgram(terminal: Terminal, outcome: Outcome = { exitCode: EXIT_CODES.ok }): Command {
  const action =
    <Options>(load: () => Promise<Action<Options>>) =>
    async (options: Options): Promise<void> => {
      outcome.exitCode = await (await load())(options, terminal);
    };
  const program = new Command('weir')
    .description('Streaming inference for Kafka: Avro feature events in, ONNX predictions and drift statistics out.')
    .option('--verbose', 'print stack traces with errors')
    .showHelpAfterError('(run the command with --help for its options and examples)')
    .showSuggestionAfterError()
    .addHelpText('after', () => footer());

  withConfig(program.command('run'))
    .summary('score records until SIGTERM')
    .description(
      'Runs one worker: it joins the consumer group, scores records in micro-batches and publishes predictions, dead letters and drift profiles. A worker uses one CPU core; start up to as many as the input topic has partitions, as processes of this machine with --workers or elsewhere. SIGTERM or SIGINT drains: what is in flight is settled and committed, within shutdownTimeoutMs. Delivery is exactly once for consumers that read with isolation.level=read_committed; delivery.mode: at-least-once trades that for latency.',
    )
    .addOption(
      new Option(
        '--workers <number>',
        'worker processes of this machine, supervised by this one: a worker that is killed or crashes is started again, one ops port and one SIGTERM serve all; auto: one for each CPU that this process may use',
      )
        .argParser(workerCount)
        .default(1)
        .env('WEIR_WORKERS'),
    )
    .addOption(new Option('--worker <index>').argParser(Number).hideHelp())
    .addOption(new Option('--predecessors <json>').hideHelp())
    .addHelpText(
      'after',
      examples('weir run --config weir.yaml', 'weir run --workers 4', 'KAFKA_BROKERS=broker:9092 LOG_LEVEL=debug weir run'),
    )
    .action(
      action<{ config: string; workers: number | 'auto'; worker?: number; predecessors?: string }>(
        async () => (await import('./run.ts')).runCommand,
      ),
    );

  withConfig(program.command('check'))
    .summary('hold pipeline file, schemas, model and reference profile against each other')
    .description(
      'Checks everything that can be checked before a record is read: the pipeline file, the model package with its ONNX graph and golden rows, the bindings of the columns to the event schema, the prediction schema and the reference profile. With --schema or --registry it answers: does a schema change still score?',
    )
    .option('--schema <file...>', 'writer schemas (.avsc) to check, such as the next version of a producer')
    .option('--registry', 'fetch the latest writer schema of the input topic from the schema registry and check it')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      examples('weir check', 'weir check --schema next/flight-departed.avsc', 'weir check --registry --json | jq ".steps[].findings[]"'),
    )
    .action(
      action<{ config: string; schema?: string[]; registry?: boolean; json?: boolean }>(
        async () => (await import('./check.ts')).checkCommand,
      ),
    );

  const topics = program.command('topics').description('Topics of a pipeline.');
  withConfig(topics.command('apply'))
    .summary('create the topics that a pipeline needs')
    .description(
      'Creates the topics for predictions, dead letters and drift that do not exist, and compares those that do. Existing topics are never changed, so it is safe to repeat. The input topic belongs to its producer and must exist, unless --with-input says otherwise.',
    )
    .option('--dry-run', 'print what would be created, and create nothing')
    .option('--with-input <partitions>', 'create the input topic too, with so many partitions', wholeNumber)
    .addHelpText('after', examples('weir topics apply --dry-run', 'weir topics apply --with-input 8'))
    .action(
      action<{ config: string; dryRun?: boolean; withInput?: number }>(async () => (await import('./topics-apply.ts')).topicsApplyCommand),
    );

  const features = program.command('features').description('Feature groups of a pipeline.');
  withConfig(features.command('load'))
    .summary('load rows into a feature group')
    .description(
      'Writes the rows of a file into the online store of a feature group, in the layout that the pipeline file names. A row replaces what its entity had.',
    )
    .requiredOption('--group <name>', 'feature group, as under features in the pipeline file')
    .requiredOption('--file <path>', 'rows: an Avro container file (.avro), or one JSON object a line (.ndjson, .jsonl)')
    .requiredOption('--entity <field...>', 'field whose value is the entity; several are joined by --separator')
    .option('--separator <text>', 'what stands between several entity fields', ':')
    .option('--timestamp <field>', 'field with the time of the row, in milliseconds since the epoch or ISO 8601; default: now')
    .option('--feature <name...>', 'fields to load; default: all but the entity and the timestamp')
    .addHelpText(
      'after',
      examples(
        'weir features load --group plane --file planes.avro --entity tailnum',
        'weir features load --group route --file routes.ndjson --entity origin dest --separator - --timestamp updatedAt',
      ),
    )
    .action(
      action<{ config: string; group: string; file: string; entity: string[]; separator: string; timestamp?: string; feature?: string[] }>(
        async () => (await import('./features-load.ts')).featuresLoadCommand,
      ),
    );

  addProfileCommands(program, action);
  addBenchCommand(program, action);
  addDlqCommands(program, action);
  addDriftCommands(program, action);

  program
    .command('version')
    .description('Prints the versions of weir and of Node.js.')
    .action(action<object>(async () => (await import('./version.ts')).versionCommand));

  return program;
}

/** Runs one command line and returns the exit code; never throws. @param args without the names of node and script */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const outcome: Outcome = { exitCode: EXIT_CODES.ok };
  const program = createProgram(terminal, outcome);
  configureAll(program, (command) => {
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.err(text.replace(/\n$/, '')),
    });
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.exitCode;
  } catch (thrown) {
    // commander has printed already what it has to say. --help is no error; no command at all is one.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    return reportFailure(thrown, terminal, program.opts<{ verbose?: boolean }>().verbose === true);
  }
}

function configureAll(command: Command, configure: (command: Command) => void): void {
  configure(command);
  for (const child of command.commands) configureAll(child, configure);
}

function footer(): string {
  const width = 12;
  const rows = (entries: readonly (readonly [string, string])[]): string =>
    entries.map(([key, text]) => `  ${key.padEnd(width)} ${text}`).join('\n');
  return [
    '',
    'First steps:',
    '  $ weir check             # is weir.yaml right?',
    '  $ weir topics apply      # create what is missing',
    '  $ weir run               # score',
    '',
    'Exit codes:',
    rows(Object.entries(EXIT_CODE_HELP)),
    '',
    'Environment:',
    rows(Object.entries(ENVIRONMENT)),
  ].join('\n');
}
