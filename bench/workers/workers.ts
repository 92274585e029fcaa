/**
 * One topic of 4 partitions, worked off at full speed by one worker and by pools of workers (`weir run --workers`): events per second
 * and CPU-seconds per million events of all processes of weir, that of the supervisor included.
 *
 *     npm run bench -- workers [--workers 1,2] [--events 1000000] [--rounds 5] [--pin] [--quick] [--json]
 *
 * The flights with packed features and the boosted trees, drift on, exactly once. Brokers and Redis run on the same machine: where
 * they have no cores to themselves, events per second say how much these are in the way, and CPU-seconds what a worker costs. Where
 * two processors share a core, CPU-seconds grow with how many of them are busy, whatever they do. With `--pin` (Linux) all of weir runs on
 * processor 0 and all else on processor 1, so that CPU-seconds of one worker and of several can be compared.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KAFKA_VERSION, startServices } from '../../src/dev/index.ts';
import { FIGURE_HEADS, figureCells, figuresOf, measure, prepare, type Run } from '../pipeline/worker-run.ts';
import { WORKLOADS } from '../pipeline/workloads.ts';
import { machineLine, table } from '../report.ts';

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: '1,2' },
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    pin: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const events = options.quick ? 200_000 : Number(options.events);
const rounds = options.quick ? 1 : Number(options.rounds);

/** Moves this process, and all that it starts from now on, to a processor. */
function pinTo(processor: number): void {
  if (options.pin) execFileSync('taskset', ['--all-tasks', '--pid', '--cpu-list', String(processor), String(process.pid)]);
}

const folder = mkdtempSync(join(tmpdir(), 'weir-workers-'));
pinTo(1);
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  pinTo(0);
  const prepared = await prepare(WORKLOADS['flights-gbt-packed']!, services, { folder, events });
  const cells = options.workers.split(',').map((workers) => ({ workers, runs: [] as Run[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const { workers, runs } of cells) {
      // The page of a pool holds the metrics of all its processes, and they are added up.
      const run = await measure({ ...prepared, env: { ...prepared.env, WEIR_WORKERS: workers } }, { folder, events });
      runs.push(run);
      console.error(
        `round ${round}, ${workers} workers: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M, load ${loadavg()[0]!.toFixed(1)}`,
      );
    }
  }
  report(cells);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

function report(cells: readonly { readonly workers: string; readonly runs: readonly Run[] }[]): void {
  const rows = cells.map(({ workers, runs }) => ({ workers, ...figuresOf(runs) }));
  const how = options.pin ? ['all of weir on one processor'] : [];
  console.log(`${machineLine(`Kafka ${KAFKA_VERSION}`, `${events} events`, `${rounds} rounds`, 'medians', ...how)}\n`);
  console.log(
    table(
      ['workers', ...FIGURE_HEADS],
      rows.map((row) => [row.workers, ...figureCells(row)]),
    ),
  );
  if (options.json)
    console.log(JSON.stringify({ node: process.version, kafka: KAFKA_VERSION, events, rounds, isPinned: options.pin, rows }));
}
