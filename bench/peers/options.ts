/** Options of `npm run bench -- peers`. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchOf } from '../../src/dev/index.ts';
import type { Competitor } from './session.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const DEFAULT_SECONDS = 20;
const DEFAULT_ROUNDS = 5;

/** The text of `--help`. */
export const HELP = `npm run bench -- peers [options]: a worker of weir against hand-written workers, interleaved in one run (bench/peers/README.md)

  --peer NAME=COMMAND   a worker: a command for sh that honours the contract; repeatable
  --peer NAME[W,W]=…    the same, for these workloads only
  --workloads W,W       default: all
${[...WORKLOADS.values()].map(({ name, description }) => `                          ${name.padEnd(18)}${description}`).join('\n')}
  --events N            events of each run, the same for all workloads; 0: latency only. Default: by workload, 1 to 2 million
  --rounds N            rounds (default ${DEFAULT_ROUNDS})
  --rate R,R            latency too, at so many events per second
  --seconds N           how long at each rate (default ${DEFAULT_SECONDS})
  --verify              check each output: one prediction an event, a sample of scores computed again
  --services BROKERS REDIS
                        host:port of services that run, in place of starting some; their CPU time is unknown then, and features
                        are overwritten in that Redis
  --json                the figures as one object on the last line`;

/** What to do. */
export interface PeersOptions {
  /** weir first. */
  readonly competitors: readonly Competitor[];
  readonly workloads: readonly Workload[];
  /** Undefined: the default of each workload. 0: none. */
  readonly events: number | undefined;
  readonly rounds: number;
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly isVerified: boolean;
  /** Undefined: they are to be started. */
  readonly services: { readonly brokers: string; readonly redisUrl: string } | undefined;
  readonly isJson: boolean;
}

/** @returns undefined when help is wanted @throws Error that says which option is wrong */
export function peersOptions(args: readonly string[]): PeersOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      peer: { type: 'string', multiple: true, default: [] },
      workloads: { type: 'string', default: [...WORKLOADS.keys()].join(',') },
      events: { type: 'string' },
      rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
      rate: { type: 'string', default: '' },
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      verify: { type: 'boolean', default: false },
      services: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  if (positionals.length !== (values.services === undefined ? 0 : 1)) {
    throw new Error(`--services takes two words, brokers and Redis; nothing else stands alone. Found: ${positionals.join(' ') || 'one'}.`);
  }
  const competitors = [weir(), ...values.peer.map(competitor)];
  const names = competitors.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new Error(`--peer: ${names.join(', ')} must be different names.`);
  return {
    competitors,
    workloads: values.workloads.split(',').map(workload),
    events: values.events === undefined ? undefined : number('--events', values.events, 0),
    rounds: number('--rounds', values.rounds, 1),
    rates: values.rate === '' ? [] : values.rate.split(',').map((rate) => number('--rate', rate, 1)),
    seconds: number('--seconds', values.seconds, 1),
    isVerified: values.verify,
    services: values.services === undefined ? undefined : { brokers: values.services, redisUrl: `redis://${positionals[0]}` },
    isJson: values.json,
  };
}

/** The contract worker of this checkout, by the Node that runs this: without the launcher, which is a process more. */
function weir(): Competitor {
  const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;
  const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const { command, options, env } = launchOf(pathOf('../../src/cli/main.ts'));
  const variables = Object.entries(env).map(([variable, value]) => `${variable}=${value}`);
  return { name: 'weir', command: ['exec env', ...variables, ...[command, ...options, pathOf('worker.ts')].map(quoted)].join(' ') };
}

function competitor(text: string): Competitor {
  const parts = /^([\w.-]+)(?:\[([^\]]*)\])?=(.+)$/s.exec(text);
  if (!parts) throw new Error(`--peer ${text}: it must look like name=command, with letters, digits, dots, _ and - in the name.`);
  const [, name, workloads, command] = parts;
  return {
    name: name!,
    command: command!,
    ...(workloads === undefined ? {} : { workloads: workloads.split(',').map((w) => workload(w).name) }),
  };
}

function workload(name: string): Workload {
  const found = WORKLOADS.get(name);
  if (!found) throw new Error(`There is no workload ${name}; there are ${[...WORKLOADS.keys()].join(', ')}.`);
  return found;
}

function number(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`${option} ${text}: it must be a whole number of at least ${least}.`);
  return value;
}
