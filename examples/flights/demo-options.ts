/** The command line of the demo. */
import { parseArgs } from 'node:util';

const MODELS = ['flights-gbt', 'flights-lr', 'flights-mlp'] as const;
const LAYOUTS = ['json', 'hash', 'packed'] as const;
/** More is a slip of the finger: one machine is not to bear it. */
const MAX_PARTITIONS = 1_000;
const MAX_WORKERS = 100;

/** What a person may choose. */
export interface DemoOptions {
  readonly model: (typeof MODELS)[number];
  readonly layout: (typeof LAYOUTS)[number];
  readonly partitions: number;
  readonly workers: number;
  /** Events per second; absent: as fast as the workers take them. */
  readonly rate?: number;
  /** Events in all; absent: the year. */
  readonly limit?: number;
  /** False: arrivals are neither published nor joined. */
  readonly hasLabels: boolean;
  readonly isKept: boolean;
  readonly isJson: boolean;
  readonly hasColor: boolean;
  readonly isHelp: boolean;
}

/** An option that is not one; the message says what would be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Text of `--help`. */
export const HELP = `Scores the 328,521 flights that left New York in 2013: Avro events through Kafka, features from Redis, an ONNX model in
two worker processes, predictions and drift statistics back to Kafka; arrivals, once they are known, say how good the predictions were. Brings up all it needs and takes it down again.

Usage: npm run demo -- [options]

  --rate N         events per second; default: as fast as the workers take them
  --limit N        stop after N flights; default: the whole year
  --model NAME     flights-gbt (default), flights-lr or flights-mlp; also gbt, lr, mlp
  --layout NAME    how features lie in Redis: json (default), hash or packed
  --partitions N   partitions of the topics, 1 to 1000; default 8
  --workers N      worker processes in the consumer group, 1 to 100; default 2
  --no-labels      publish no arrivals: drift alone, to compare with
  --keep           leave everything up at the end, until Ctrl-C
  --json           print nothing but the last line
  --no-color       no colours (NO_COLOR does the same)
  --help           this text

The last line on standard output is a JSON object, counted by reading the topics back: events, predictions, deadLetters,
duplicates, missing, unexplained, seconds, eventsPerSecond, p50Ms, p95Ms, p99Ms, driftedFeatures, drift, labelled, auc,
performance, report, …. The line above it is the path of a page that draws drift and performance; it stays when all else is gone.
Exit code: 0 when every flight is accounted for exactly once and each label has
found its prediction, 1 when not or when something failed, 2 for a wrong option.

Services: Kafka, Redis and a schema registry are taken from WEIR_KAFKA_BROKERS, WEIR_REDIS_URL and WEIR_REGISTRY_URL
where these are set; else from Docker; else run as processes with Java 17 and Maven.
`;

/** @throws UsageError */
export function parseDemoOptions(args: readonly string[], env: NodeJS.ProcessEnv = process.env): DemoOptions {
  const { values } = parse(args);
  const rate = values.rate === undefined ? undefined : positive('--rate', values.rate);
  const limit = values.limit === undefined ? undefined : whole('--limit', values.limit);
  return {
    model: MODELS.find((model) => model === `flights-${values.model}`) ?? oneOf('--model', values.model, MODELS),
    layout: oneOf('--layout', values.layout, LAYOUTS),
    partitions: whole('--partitions', values.partitions, MAX_PARTITIONS),
    workers: whole('--workers', values.workers, MAX_WORKERS),
    ...(rate === undefined ? {} : { rate }),
    ...(limit === undefined ? {} : { limit }),
    hasLabels: !values['no-labels'],
    isKept: values.keep,
    isJson: values.json,
    hasColor: !values['no-color'] && !env['NO_COLOR'],
    isHelp: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string' },
        limit: { type: 'string' },
        model: { type: 'string', default: MODELS[0] },
        layout: { type: 'string', default: LAYOUTS[0] },
        partitions: { type: 'string', default: '8' },
        workers: { type: 'string', default: '2' },
        'no-labels': { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'no-color': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(option: string, text: string): number {
  const value = Number(text.replaceAll(',', ''));
  if (!(value > 0) || !Number.isFinite(value)) throw new UsageError(`${option} ${text}: must be a number above 0`);
  return value;
}

function whole(option: string, text: string, max = Number.POSITIVE_INFINITY): number {
  const value = positive(option, text);
  if (value > max) throw new UsageError(`${option} ${text}: must be from 1 to ${max}`);
  if (!Number.isInteger(value)) throw new UsageError(`${option} ${text}: must be a whole number`);
  return value;
}

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new UsageError(`${option} ${text}: must be one of ${allowed.join(', ')}`);
  return found;
}
