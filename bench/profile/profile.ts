/**
 * Where the time of a worker goes: runs a workload of `bench/pipeline` under V8's sampling profiler and draws it.
 *
 *     npm run bench -- profile [--workload w2p] [--events 1000000] [--out flame.svg] [--json]
 *
 * The first half of the samples (start, just-in-time compilation) is left out. What the profiler sees is the main thread and wall time:
 * reading from sockets happens inside of the event loop's wait and is not in it, nor are the threads of the garbage collector.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices } from '../../src/dev/index.ts';
import { measure, prepare } from '../pipeline/worker-run.ts';
import { WORKLOADS } from '../pipeline/workloads.ts';
import { type CpuProfile, flameSvg, selfTimes } from './flame.ts';

const SKIP_SHARE = 0.5;
const SAMPLE_MICROS = 500;
const SHOWN = 25;

const { values: options } = parseArgs({
  options: {
    workload: { type: 'string', default: 'w2p' },
    events: { type: 'string', default: '1000000' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const workload = WORKLOADS[options.workload];
if (!workload) throw new Error(`There is no workload ${options.workload}; there are ${Object.keys(WORKLOADS).join(', ')}.`);
const events = Number(options.events);

const folder = mkdtempSync(join(tmpdir(), 'weir-profile-'));
const services = await startServices({ needs: ['kafka', 'redis', 'registry'], log: (line) => console.error(line) });
try {
  console.error(`${workload.name}: features and ${events} events`);
  const prepared = await prepare(workload, services, { folder, events });
  const profiling = `--cpu-prof --cpu-prof-interval=${SAMPLE_MICROS} --cpu-prof-dir=${folder}`;
  const run = await measure({ ...prepared, env: { ...prepared.env, NODE_OPTIONS: profiling } }, { folder, events });
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (!file) throw new Error('The worker has left no profile.');
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const title = `${workload.name}: ${workload.description}; ${Math.round(run.eventsPerSecond)} events/s under the profiler`;
  if (options.out) writeFileSync(options.out, flameSvg(profile, { title, skipShare: SKIP_SHARE }));
  const times = selfTimes(profile, SKIP_SHARE);
  const total = times.reduce((sum, { micros }) => sum + micros, 0);
  const rows = times.slice(0, SHOWN).map(({ name, micros }) => ({ name, share: micros / total }));
  console.log(`${title}\n\n| function | share of the busy time of the main thread |\n|---|---|`);
  for (const { name, share } of rows) console.log(`| ${name} | ${(100 * share).toFixed(1)} % |`);
  if (options.json) console.log(JSON.stringify({ workload: workload.name, node: process.version, events, rows }));
} finally {
  await services.stop();
  rmSync(folder, { recursive: true });
}
