/**
 * What drift and labels cost: one worker over the flights from topic to topic, scoring alone, with drift, and with drift and labels. Topics are new in each
 * round, since predictions of events that were scored before would count as repeated.
 *
 *     npm run bench -- monitoring [--events 1000000] [--rounds 5] [--model gbt] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices } from '../../src/dev/index.ts';
import { median } from '../statistics.ts';
import { machineLine, table } from '../report.ts';
import { FIGURE_HEADS, figureCells, figuresOf, measure, prepare, type Run, STEPS } from './worker-run.ts';
import { WORKLOADS } from './workloads.ts';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    model: { type: 'string', default: 'gbt' },
    json: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
const workload = WORKLOADS[`flights-${options.model}-packed`];
if (!workload) throw new Error(`There is no model ${options.model}; there are gbt and mlp.`);

const VARIANTS = {
  'scoring alone': { FLIGHTS_DRIFT: 'false', FLIGHTS_LABELS: 'false' },
  'with drift': { FLIGHTS_DRIFT: 'true', FLIGHTS_LABELS: 'false' },
  'with drift and labels': { FLIGHTS_DRIFT: 'true', FLIGHTS_LABELS: 'true' },
};
type Variant = keyof typeof VARIANTS;

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  const runs = new Map<Variant, Run[]>();
  for (let round = 0; round < Number(options.rounds); round++) {
    const names = Object.keys(VARIANTS) as Variant[];
    // Each comes first in its turn.
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      const env = { ...workload.env, ...VARIANTS[name] };
      const prepared = await prepare({ ...workload, env }, services, { folder, events, suffix: `-${names.indexOf(name)}-${round}` });
      const run = await measure(prepared, { folder, events });
      runs.set(name, [...(runs.get(name) ?? []), run]);
      console.error(
        `round ${round + 1}, ${name}: ${Math.round(run.eventsPerSecond)} events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU-s/M`,
      );
    }
  }
  report(runs);
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}

function report(runs: ReadonlyMap<Variant, readonly Run[]>): void {
  const base = runs.get('scoring alone')!;
  const rows = (Object.keys(VARIANTS) as Variant[]).map((name) => {
    const measured = runs.get(name)!;
    const ratios = measured.map((run, round) => run.cpuSecondsPerMillion / base[round]!.cpuSecondsPerMillion);
    const steps = Object.fromEntries(STEPS.map((step) => [step, median(measured.map((run) => run.steps[step]!))]));
    return { variant: name, ...figuresOf(measured), cpuRatio: Number(median(ratios).toFixed(3)), steps };
  });
  console.log(
    `${machineLine(`${events} flights, ${workload!.description.replace(', drift on', '')}`, `${options.rounds} rounds`, 'medians')}\n`,
  );
  const lines = rows.map((r) => [r.variant, ...figureCells(r), r.cpuRatio.toFixed(2), ...STEPS.map((step) => r.steps[step]!.toFixed(2))]);
  console.log(table(['variant', ...FIGURE_HEADS, 'CPU / scoring alone', ...STEPS], lines));
  console.log('\nSteps: seconds of wall time per million events. The ratio is the median of those of the rounds.');
  if (options.json) console.log(JSON.stringify({ node: process.version, events, rounds: Number(options.rounds), rows }));
}
