/**
 * One worker from topic to topic: events per second, CPU-seconds per million events of the worker process (all threads,
 * garbage collection included), and where the time goes by step.
 *
 *     npm run bench -- pipeline [--events 300000] [--rounds 5] [--workloads flights-gbt-packed,w2p] [--json]
 *
 * The topic is filled first, then one worker starts and works it off: the first quarter of the records (start, just-in-time
 * compilation) is left out. Rounds of the workloads are interleaved; medians are printed. Steps are wall time on the one
 * event loop: those that wait (enrich, emit) overlap with others, so the steps do not add up to the whole.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices } from '../../src/dev/index.ts';
import { median } from '../statistics.ts';
import { machineLine, table } from '../report.ts';
import { FIGURE_HEADS, figureCells, figuresOf, measure, type Prepared, prepare, type Run, STEPS } from './worker-run.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '5' },
    workloads: { type: 'string', default: Object.keys(WORKLOADS).join(',') },
    json: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
const chosen = options.workloads.split(',').map((name) => {
  const workload = WORKLOADS[name];
  if (!workload) throw new Error(`There is no workload ${name}; there are ${Object.keys(WORKLOADS).join(', ')}.`);
  return workload;
});

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  const prepared = new Map<Workload, Prepared>();
  for (const workload of chosen) {
    console.error(`${workload.name}: features and ${events} events`);
    prepared.set(workload, await prepare(workload, services, { folder, events }));
  }
  const runs = new Map<Workload, Run[]>(chosen.map((workload) => [workload, []]));
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const workload of chosen) {
      const run = await measure(prepared.get(workload)!, { folder, events });
      runs.get(workload)!.push(run);
      console.error(
        `round ${round} ${workload.name}: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M`,
      );
    }
  }
  report(runs);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

function report(runs: ReadonlyMap<Workload, readonly Run[]>): void {
  const rows = [...runs].map(([workload, measured]) => ({
    workload: workload.name,
    description: workload.description,
    ...figuresOf(measured),
    steps: Object.fromEntries(STEPS.map((step) => [step, median(measured.map((r) => r.steps[step]!))])),
  }));
  console.log(`${machineLine(`${events} events`, `${options.rounds} rounds`, 'medians')}\n`);
  const lines = rows.map((r) => [r.workload, ...figureCells(r), ...STEPS.map((step) => r.steps[step]!.toFixed(2))]);
  console.log(table(['workload', ...FIGURE_HEADS, ...STEPS], lines));
  console.log('\nSteps: seconds of wall time per million events.');
  if (options.json) console.log(JSON.stringify({ node: process.version, events, rounds: Number(options.rounds), rows }));
}
