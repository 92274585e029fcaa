/**
 * One worker from topic to topic at full speed, by delivery mode and by the share of events that are poison: events per
 * second, CPU-seconds per million events of the worker process and its resident memory.
 *
 *     npm run bench -- delivery [--events 200000] [--rounds 5] [--quick] [--json]
 *
 * The flights with packed features and the boosted trees, drift on, as in `bench/pipeline`. Rounds are interleaved; medians are printed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KAFKA_VERSION, startServices } from '../../src/dev/index.ts';
import { FIGURE_HEADS, figureCells, figuresOf, measure, type Prepared, prepare, type Run } from '../pipeline/worker-run.ts';
import { WORKLOADS } from '../pipeline/workloads.ts';
import { machineLine, table } from '../report.ts';
import { flightsPipeline, VARIANTS } from './variants.ts';

const POISON_SHARE = 0.01;

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const events = options.quick ? 60_000 : Number(options.events);
const rounds = options.quick ? 1 : Number(options.rounds);

const folder = mkdtempSync(join(tmpdir(), 'weir-delivery-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  const workload = WORKLOADS['flights-gbt-packed']!;
  const clean = await prepare(workload, services, { folder, events });
  const poisoned = await prepare(workload, services, { folder, events, poisonShare: POISON_SHARE });
  const cells = VARIANTS.flatMap((variant): { name: string; prepared: Prepared; runs: Run[] }[] => {
    const path = flightsPipeline(folder, variant);
    const cell = (share: number, prepared: Prepared) => ({
      name: share === 0 ? variant.name : `${variant.name}, ${share * 100} % poison`,
      prepared: { ...prepared, path },
      runs: [],
    });
    const isPoisoned = variant.commitIntervalMs === 100;
    return [cell(0, clean), ...(isPoisoned ? [cell(POISON_SHARE, poisoned)] : [])];
  });
  for (let round = 1; round <= rounds; round++) {
    for (const { name, prepared, runs } of cells) {
      const run = await measure(prepared, { folder, events });
      runs.push(run);
      console.error(
        `round ${round} ${name}: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M, load ${loadavg()[0]!.toFixed(1)}`,
      );
    }
  }
  report(cells);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

function report(cells: readonly { readonly name: string; readonly runs: readonly Run[] }[]): void {
  const rows = cells.map(({ name, runs }) => ({ name, ...figuresOf(runs) }));
  console.log(`${machineLine(`Kafka ${KAFKA_VERSION}`, `${events} events`, `${rounds} rounds`, 'medians')}\n`);
  console.log(
    table(
      ['delivery', ...FIGURE_HEADS],
      rows.map((row) => [row.name, ...figureCells(row)]),
    ),
  );
  if (options.json) console.log(JSON.stringify({ node: process.version, kafka: KAFKA_VERSION, events, rounds, rows }));
}
