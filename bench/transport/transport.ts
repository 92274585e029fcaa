/**
 * Our transport against stock kafkajs on one real broker: records per second and CPU-seconds per million records of the node
 * process (all threads, garbage collection included).
 *
 *     npm run bench -- transport [--only both,120] [--rounds 5] [--quick] [--profile FOLDER] [--json]
 *
 * Each run of a cell is a process of its own. Rounds are interleaved and the two sides of a cell alternate; medians are
 * printed. Head-line cells take two rounds more. `--only` chooses cells whose names hold all the words given.
 * Reads are read_committed, writes wait for all replicas, nothing is compressed; topics have 4 partitions.
 */
import { machineLine } from '../report.ts';
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { OutputRecords } from '../../src/core/outputs.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { KAFKA_VERSION, startKafka } from '../../src/dev/index.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { OutputProducer } from '../../src/kafka/producer.ts';
import { median } from '../statistics.ts';
import type { CellSpec } from './cell.ts';
import { sampleRecords } from './events.ts';
import type { CellRun } from './meter.ts';

const PARTITIONS = 4;
const HEADLINE_ROUNDS = 2;
const CELL = fileURLToPath(new URL('cell.ts', import.meta.url));
/** Enough for the fastest cell to read for warm-up and window. */
const INPUT_RECORDS: Readonly<Record<number, number>> = { 120: 8_000_000, 1024: 2_500_000 };

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** What is compared. */
interface Cell extends Pick<CellSpec, 'task' | 'delivery' | 'commitIntervalMs' | 'valueBytes'> {
  readonly name: string;
  readonly isHeadline: boolean;
}

if (options.help) {
  console.log(`npm run bench -- transport [options]: reading and writing Kafka, weir against stock kafkajs

  --only WORDS      cells whose names have all these words: consume, produce, avro (transport with Avro in between), both (whole pipeline),
                    at-least-once, exactly-once, 20ms, 100ms, 500ms, 120B, 1024B; separated by commas
  --rounds N        rounds (default 5); head-line cells take ${HEADLINE_ROUNDS} more
  --quick           one short round
  --profile FOLDER  CPU profiles of all runs
  --json            the figures as one object on the last line`);
  process.exit(0);
}
const words = options.only.split(',').filter((word) => word !== '');
const cells = allCells().filter(({ name }) => words.every((word) => name.split(' ').includes(word)));
if (cells.length === 0) {
  const known = [...new Set(allCells().flatMap(({ name }) => name.split(' ')))].join(', ');
  console.error(`--only ${options.only}: no cell has all of these words. Words of cells: ${known}.`);
  process.exit(2);
}
const rounds = options.quick ? 1 : Number(options.rounds);
const durations = options.quick
  ? { warmUpMs: 700, warmUpCpuMs: 500, windowMs: 1_000, windowCpuMs: 300 }
  : { warmUpMs: 1_500, warmUpCpuMs: 1_500, windowMs: 2_000, windowCpuMs: 1_000 };
const log = (line: string): void => console.error(line);

// Outputs are of no use once they are acknowledged.
const kafka = await startKafka({ log, extraProperties: { 'log.retention.check.interval.ms': '2000' } });
const brokers = [kafka.endpoint];
const runs = new Map(cells.map((cell) => [cell, { ours: [] as CellRun[], stock: [] as CellRun[] }]));
try {
  await createTopics();
  for (const valueBytes of new Set(cells.map((cell) => cell.valueBytes))) await fillInput(valueBytes);
  for (let round = 1; round <= rounds + (options.quick ? 0 : HEADLINE_ROUNDS); round++) {
    for (const cell of cells) {
      if (round > rounds && !cell.isHeadline) continue;
      for (const side of round % 2 ? (['ours', 'stock'] as const) : (['stock', 'ours'] as const)) {
        const run = await measure(cell, side, round);
        runs.get(cell)![side].push(run);
        log(
          `round ${round} ${side} ${cell.name}: ${(perSecond(run) / 1e3).toFixed(0)} k/s, ${perCore(run).toFixed(0)} k/s per core, ${run.seconds.toFixed(1)} s, load ${loadavg()[0]!.toFixed(1)}`,
        );
      }
    }
  }
  report();
} finally {
  await kafka.stop();
}

function allCells(): Cell[] {
  return [120, 1024].flatMap((valueBytes) => {
    const cell = (task: Cell['task'], delivery: Cell['delivery'], commitIntervalMs: number): Cell => {
      const how = task === 'consume' ? [] : delivery === 'exactly-once' ? [delivery, `${commitIntervalMs}ms`] : [delivery];
      const isHeadline = valueBytes === 120 && task !== 'produce' && delivery === 'at-least-once';
      return { task, delivery, commitIntervalMs, valueBytes, isHeadline, name: [task, ...how, `${valueBytes}B`].join(' ') };
    };
    const exactlyOnce = (task: Cell['task']): Cell[] => [20, 100, 500].map((ms) => cell(task, 'exactly-once', ms));
    return [
      cell('consume', 'at-least-once', 100),
      ...(['produce', 'avro', 'both'] as const).flatMap((task) => [cell(task, 'at-least-once', 100), ...exactlyOnce(task)]),
    ];
  });
}

async function createTopics(): Promise<void> {
  const admin = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topic = (name: string, config: Record<string, string>) => ({
    topic: name,
    numPartitions: PARTITIONS,
    replicationFactor: 1,
    configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
  });
  const short = { 'retention.bytes': '134217728', 'segment.bytes': '67108864', 'file.delete.delay.ms': '1000' };
  await admin.createTopics({
    waitForLeaders: false,
    topics: [topic('input-120', {}), topic('input-1024', {}), topic('output', short), topic('output-dead', short)],
  });
  await admin.disconnect();
}

async function fillInput(valueBytes: number): Promise<void> {
  const topic = `input-${valueBytes}`;
  const count = INPUT_RECORDS[valueBytes]! / (options.quick ? 2 : 1);
  log(`filling ${topic} with ${count} records`);
  const producer = new OutputProducer({ kafka: createKafka({ brokers, clientId: 'fill', ssl: false }, silentLogger), compression: 'none' });
  await producer.start([topic]);
  const samples = sampleRecords(valueBytes);
  const outputs = new OutputRecords(topic);
  for (let i = 0; i < count; ) {
    outputs.clear();
    for (const end = Math.min(count, i + 10_000); i < end; i++) {
      const { key, value } = samples[i % samples.length]!;
      const keyStart = outputs.put(key);
      const valueStart = outputs.put(value);
      outputs.add(i % PARTITIONS, Date.now(), keyStart, key.length, valueStart, value.length);
    }
    await producer.send([outputs]);
  }
  await producer.close();
}

async function measure(cell: Cell, side: CellSpec['side'], round: number): Promise<CellRun> {
  const { task, delivery, commitIntervalMs, valueBytes } = cell;
  const spec: CellSpec = {
    ...{ side, task, delivery, commitIntervalMs, valueBytes, brokers, ...durations },
    inputTopic: `input-${valueBytes}`,
    outputTopic: 'output',
    name: `${side}-${cell.name.replaceAll(' ', '-')}-${round}`,
  };
  const profile =
    options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`, `--cpu-prof-name=${spec.name}.cpuprofile`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...profile, CELL, JSON.stringify(spec)], { timeout: 120_000 });
  const run = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as CellRun;
  if (!(run.records > 0)) throw new Error(`${spec.name} measured nothing.\n${stderr}`);
  return run;
}

/** Records per second of wall time. */
function perSecond({ records, seconds: wall }: CellRun): number {
  return records / wall;
}

/** Thousand records per CPU-second. */
function perCore({ records, cpuSeconds }: CellRun): number {
  return records / cpuSeconds / 1e3;
}

function summary(measured: readonly CellRun[]) {
  const cores = measured.map(perCore);
  return {
    recordsPerSecond: Math.round(median(measured.map(perSecond))),
    recordsPerCpuSecond: Math.round(median(cores) * 1e3),
    range: [Math.round(Math.min(...cores) * 1e3), Math.round(Math.max(...cores) * 1e3)],
    cpuSecondsPerMillion: Number((1e3 / median(cores)).toPrecision(3)),
    rssMb: Math.round(median(measured.map(({ rssMb }) => rssMb))),
  };
}

function report(): void {
  const rows = [...runs].map(([{ name, task, delivery, commitIntervalMs, valueBytes }, measured]) => {
    const ours = summary(measured.ours);
    const stock = summary(measured.stock);
    const ratio = Number((ours.recordsPerCpuSecond / stock.recordsPerCpuSecond).toFixed(1));
    return { name, task, delivery, commitIntervalMs, valueBytes, rounds: measured.ours.length, ours, stock, ratio };
  });
  console.log(`${machineLine(`Kafka ${KAFKA_VERSION}`, `${rounds} rounds (head-line cells more)`, 'medians')}\n`);
  console.log(
    '| cell | k/s ours | stock | k/s per core ours (range) | stock (range) | ratio | CPU-s per M ours | stock | RSS MB ours | stock |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|');
  const k = (value: number): string => (value / 1e3).toFixed(value < 100_000 ? 1 : 0);
  for (const { name, ours, stock, ratio } of rows) {
    const core = (side: typeof ours): string => `${k(side.recordsPerCpuSecond)} (${side.range.map(k).join('–')})`;
    console.log(
      `| ${name} | ${k(ours.recordsPerSecond)} | ${k(stock.recordsPerSecond)} | ${core(ours)} | ${core(stock)} | ${ratio} × | ${ours.cpuSecondsPerMillion} | ${stock.cpuSecondsPerMillion} | ${ours.rssMb} | ${stock.rssMb} |`,
    );
  }
  if (options.json) console.log(JSON.stringify({ node: process.version, kafka: KAFKA_VERSION, rounds, rows }));
}
