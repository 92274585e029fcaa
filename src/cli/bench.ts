import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BenchCommandOptions } from './bench-run.ts';
import { eventCount, examples, wholeNumber, withConfig } from './options.ts';
import type { Terminal } from './terminal.ts';

type Run<Options> = (options: Options, terminal: Terminal) => Promise<number>;
type MakeAction = <Options>(load: () => Promise<Run<Options>>) => (options: Options) => Promise<void>;

/** Adds `weir bench`. */
export function addBenchCommand(program: Command, action: MakeAction): void {
  withConfig(program.command('bench'))
    .summary('measure throughput and latency of a pipeline, and find batch settings')
    .description(
      [
        'Runs the pipeline of this file in this process, with its model, its stores, validation, drift counting and encoding, but without Kafka: events come from memory and predictions are thrown away. Measures the maximum throughput, the latency at given rates, and which batch.maxRows meets a latency target.',
        'Nothing is written to Kafka, to the schema registry or to a store, and no offset is committed. The online stores are really read, as fast as they answer: mind who else needs them. What Kafka itself costs (fetching, compressing, producing, transactions) is not in the figures.',
        'Events are made up from an Avro schema, with numbers within min and max of their columns and entities that the stores hold; or replayed from the input topic with --from-topic. Ctrl-C ends it and prints what there is.',
      ].join('\n\n'),
    )
    .addOption(
      new Option(
        '--schema <file>',
        'schema (.avsc) to make events of; default: that of the pipeline, or the latest in the registry',
      ).conflicts('fromTopic'),
    )
    .option('--from-topic [records]', 'replay so many records of the input topic, the youngest (default: 100,000)', eventCount)
    .option(
      '--seconds <n>',
      'length of each measurement; a setting takes as long in four parts: throughput and latency, two rounds each',
      seconds,
      10,
    )
    .option('--rate <list>', 'events a second to measure the latency at, separated by commas', rates, [1_000])
    .option('--target-ms <n>', 'latency target for the settings: 99 of 100 events within it; default: batch.targetMs', wholeNumber)
    .option('--no-settings', 'leave out the search for batch settings')
    .option('--events <n>', 'events to make up; they are offered again and again', eventCount, 100_000)
    .option('--seed <n>', 'seed of what is made up: the same seed gives the same events, for the same stores', wholeNumber, 1)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      examples(
        'weir bench',
        'weir bench --rate 500,5000 --target-ms 20',
        'weir bench --from-topic --no-settings --json | jq .maximum.eventsPerSecond',
      ),
    )
    .action(action<BenchCommandOptions>(async () => (await import('./bench-run.ts')).benchCommand));
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3_600)) throw new InvalidArgumentError('It must be a number of seconds from 0.1 to 3600.');
  return value;
}

/** Rates of the option --rate: `1000` or `500,5000`. */
export function rates(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part.trim() || Number.NaN);
    if (!(value > 0 && value <= 1e8)) throw new InvalidArgumentError('It must be events a second, such as 1000, or several: 500,5000.');
    return value;
  });
}
