/** `npm run bench -- <name> [options]`: runs one of the benchmarks. Each interleaves what it compares and prints medians. */
const BENCHMARKS: Readonly<Record<string, { readonly path: string; readonly what: string }>> = {
  pipeline: { path: './pipeline/pipeline.ts', what: 'one worker from topic to topic, split by step; starts its own services' },
  transport: { path: './transport/transport.ts', what: 'reading and writing Kafka against stock kafkajs; starts its own broker' },
  latency: { path: './delivery/latency.ts', what: 'latency of a worker under a paced load, by delivery mode' },
  delivery: { path: './delivery/delivery.ts', what: 'one worker at full speed, by delivery mode and share of poison' },
  stall: { path: './pipeline/stall.ts', what: 'memory of a worker while its output stands still for 60 s' },
  decode: { path: './decode/decode.ts', what: 'compiled Avro plans against avsc, JSON against JSON.parse' },
  redis: { path: './redis/redis.ts', what: 'layouts of the Redis store' },
  drift: { path: './drift/observe.ts', what: 'counting a row for drift' },
};

const [name, ...rest] = process.argv.slice(2);
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (!benchmark) {
  const list = Object.entries(BENCHMARKS).map(([key, { what }]) => `  ${key.padEnd(10)}${what}`);
  console.error(`Usage: npm run bench -- <name> [options]\n\n${list.join('\n')}`);
  process.exit(name === undefined || name === '--help' ? 0 : 2);
}
// Each benchmark reads its own options.
process.argv.splice(2, process.argv.length - 2, ...rest);
await import(benchmark.path);
