/**
 * `npm run bench -- <name> [options] [--save]`: runs one of the benchmarks. Each interleaves what it compares and prints medians; `--save`
 * puts the result into docs/performance.md.
 */
import { writeIntoPage } from './document.ts';

const BENCHMARKS: Readonly<Record<string, { readonly path: string; readonly what: string }>> = {
  pipeline: { path: './pipeline/pipeline.ts', what: 'one worker from topic to topic, split by step; starts its own services' },
  monitoring: { path: './pipeline/monitoring.ts', what: 'what drift and labels cost one worker' },
  profile: { path: './profile/profile.ts', what: 'where the time of one worker goes, as a table and a flame graph' },
  transport: { path: './transport/transport.ts', what: 'reading and writing Kafka against stock kafkajs; starts its own broker' },
  latency: { path: './delivery/latency.ts', what: 'latency of a worker under a paced load, by delivery mode' },
  delivery: { path: './delivery/delivery.ts', what: 'one worker at full speed, by delivery mode and share of poison' },
  peers: {
    path: './peers/peers.ts',
    what: 'a worker against hand-written ones in other languages, given as commands; starts its own services',
  },
  workers: { path: './workers/workers.ts', what: 'one worker against a pool of worker processes on the same topic' },
  stall: { path: './pipeline/stall.ts', what: 'memory of a worker while its output stands still for 60 s' },
  decode: { path: './decode/decode.ts', what: 'compiled Avro plans against avsc, JSON against JSON.parse' },
  onnx: { path: './onnx/onnx.ts', what: 'CPU of a model by rows per run, inline and in a thread; the event loop beside a slow one' },
  redis: { path: './redis/redis.ts', what: 'layouts of the Redis store' },
  drift: { path: './drift/observe.ts', what: 'counting a row for drift' },
  'drift-simulation': { path: './drift/simulation.ts', what: 'false alarms without drift, and power with it' },
};

const [name, ...rest] = process.argv.slice(2);
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (!benchmark) {
  const list = Object.entries(BENCHMARKS).map(([key, { what }]) => `  ${key.padEnd(18)}${what}`);
  console.error(`Usage: npm run bench -- <name> [options] [--save]\n\n${list.join('\n')}`);
  process.exit(name === undefined || name === '--help' ? 0 : 2);
}
// Each benchmark reads its own options; `--save` is for all of them.
const given = rest.filter((option) => option !== '--save');
process.argv.splice(2, process.argv.length - 2, ...given);
const printed: string[] = [];
if (given.length < rest.length) {
  const print = console.log;
  console.log = (text = '') => {
    printed.push(...String(text).split('\n'));
    print(text);
  };
}
await import(benchmark.path);
if (printed.length > 0) {
  // Commands of peers hold paths of this machine.
  const shown = given.map((option, i) => (given[i - 1] === '--peer' ? `${option.split('=', 1)[0]}=…` : option));
  writeIntoPage(name!, ['npm run bench --', name, ...shown].join(' '), printed);
}
