import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avsc from 'avsc';
import { afterEach, describe, expect, it } from 'vitest';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { exportDrift } from '../../src/app/drift-export.ts';
import { readDriftHistory } from '../../src/app/drift-history.ts';
import { silentLogger } from '../../src/core/silent.ts';
import {
  type FlightsPipeline,
  flightsPipeline,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { runProgram } from '../../src/cli/program.ts';
import { recordingTerminal } from '../unit/cli/terminal-fixture.ts';
import { eventually, readTopic } from '../support/kafka.ts';

const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});

interface Statistics {
  readonly windowStart: number;
  readonly events: number;
  readonly status: string;
  readonly overallDrift: boolean;
  readonly driftedFeatureNames: string[];
  readonly recommendation: string;
  readonly features: { name: string; n: number; tvd: number | null; status: string }[];
  readonly prediction: object;
}

const type = avsc.Type.forSchema(readOwnSchema('drift-statistics') as avsc.Schema);

/** Last record of each window, by start: revisions begin at 0 again when the merger moves. */
async function windows({ config }: FlightsPipeline): Promise<Map<number, Statistics>> {
  const latest = new Map<number, Statistics>();
  for (const { value } of await readTopic(config.drift.statisticsTopic)) {
    const statistics = type.fromBuffer(value!.subarray(5)) as Statistics;
    latest.set(statistics.windowStart, statistics);
  }
  return latest;
}

/** What the data alone decide: everything but when and by whom it was published. */
function verdicts(found: ReadonlyMap<number, Statistics>): object[] {
  return [...found.values()]
    .sort((a, b) => a.windowStart - b.windowStart)
    .map(({ windowStart, events, status, overallDrift, driftedFeatureNames, features, prediction }) => ({
      windowStart,
      events,
      status,
      overallDrift,
      driftedFeatureNames,
      features,
      prediction,
    }));
}

/** What `weir drift export` says of each window, without the statistics. */
async function cellsOf({ config }: FlightsPipeline): Promise<{ start: number; events: number; counts: number[][]; sums: number[][] }[]> {
  const { windows: exported, unreadable, withoutCounts } = await exportDrift({ config, logger: silentLogger });
  expect({ unreadable, withoutCounts }).toEqual({ unreadable: 0, withoutCounts: 0 });
  return exported.map(({ windowStart, events, features, prediction }) => ({
    start: windowStart,
    events,
    counts: [...features, prediction].map(({ cells }) => [...cells!.counts]),
    sums: [...features, prediction].map(({ cells }) => [...(cells!.sums ?? [])]),
  }));
}

/** What an operator sees of the windows: in the terminal, as a page, and as lines of JSON. */
async function commandsSayIt({ env }: FlightsPipeline, windowCount: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-drift-'));
  try {
    const page = join(folder, 'drift.html');
    const lines = join(folder, 'drift.jsonl');
    const config = ['--config', examplePath('weir.yaml')];
    for (const args of [['ls'], ['report', '--html', page, '--open'], ['export', '--out', lines, '--open']]) {
      const terminal = recordingTerminal(env as Record<string, string>);
      expect(await runProgram(['drift', ...args, ...config], terminal), terminal.stderr.join('\n')).toBe(0);
      if (args[0] === 'ls') expect(terminal.stdout.join('\n')).toContain('windows of month');
    }
    expect(readFileSync(page, 'utf8')).toMatch(/^<!DOCTYPE html>[^]*<h1[^]*temp[^]*<\/html>\s*$/);
    const exported = readFileSync(lines, 'utf8').trim().split('\n');
    expect(exported).toHaveLength(windowCount);
    expect((JSON.parse(exported[0]!) as { features: unknown[] }).features.length).toBeGreaterThan(10);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const total = (found: ReadonlyMap<number, Statistics>): number => [...found.values()].reduce((sum, w) => sum + w.events, 0);

interface Run {
  readonly pipeline: FlightsPipeline;
  readonly found: Map<number, Statistics>;
}

/** @param disturb what happens to the workers while the flights come in, a few seconds long */
async function run(workers: number, partitions: number, flights: number, disturb?: (fleet: Fleet) => Promise<void>): Promise<Run> {
  const pipeline = await flightsPipeline({ FLIGHTS_MIN_SAMPLES: '2000' }, partitions);
  const fleet: WorkerProcess[] = [];
  const start = async (slot: number): Promise<void> => {
    fleet[slot] = await startWorker(pipeline);
    running.push(fleet[slot]);
  };
  for (let slot = 0; slot < workers; slot++) await start(slot);
  const publishing = publish(pipeline, someFlights(flights, 6), disturb && 4_000);
  await disturb?.({
    async crash(slot) {
      await fleet[slot]!.stop('SIGKILL');
      await start(slot);
    },
  });
  expect(await publishing).toBe(flights);
  await eventually(async () => total(await windows(pipeline)) === flights, 60_000);
  for (const worker of fleet) await worker.drain();
  return { pipeline, found: await windows(pipeline) };
}

interface Fleet {
  /** kill -9 of a worker, and a start. */
  crash(slot: number): Promise<void>;
}

describe('drift of a fleet', { timeout: 180_000 }, () => {
  it('is the same from two workers on six partitions as from one worker on one, to the last bit', async () => {
    const { found: fleet } = await run(2, 6, 48_000);
    const { found: single } = await run(1, 1, 48_000);
    expect(total(fleet)).toBe(48_000);
    expect(fleet.size).toBeGreaterThan(10);
    expect(verdicts(fleet)).toEqual(verdicts(single));
    // A year holds real drift against its first quarter: temperature at least.
    const drifted = new Set([...fleet.values()].flatMap((w) => w.driftedFeatureNames));
    expect(drifted).toContain('temp');
    expect([...fleet.values()].some((w) => w.recommendation === 'retrain_model')).toBe(true);
  });

  it('is the same when workers are killed at work, the merger among them, though they score rows again', async () => {
    const undisturbed = await run(1, 1, 40_000);
    const { found: single } = undisturbed;
    const { pipeline, found } = await run(2, 6, 40_000, async ({ crash }) => {
      for (const slot of [0, 1, 0, 1]) {
        await new Promise((resolve) => setTimeout(resolve, 800));
        await crash(slot);
      }
    });
    expect((await readPredictions(pipeline)).length).toBeGreaterThan(40_000);
    expect(verdicts(found)).toEqual(verdicts(single));
    // The histograms themselves, cell by cell.
    const cells = await cellsOf(pipeline);
    expect(cells).toEqual(await cellsOf(undisturbed.pipeline));
    expect(cells.flatMap(({ counts }) => counts.map((column) => column.reduce((a, b) => a + b, 0)))).toContain(cells[0]!.events);
    const history = await readDriftHistory({ config: pipeline.config, logger: silentLogger });
    expect(history).toMatchObject({ topic: pipeline.config.drift.statisticsTopic, unreadable: 0 });
    expect(history.windows.map(({ windowStart, events }) => [windowStart, events])).toEqual(
      verdicts(single).map((window) => [(window as Statistics).windowStart, (window as Statistics).events]),
    );
    expect(history.windows.every(({ gapOffsets }) => gapOffsets === 0)).toBe(true);
    const late = await readDriftHistory({
      config: pipeline.config,
      logger: silentLogger,
      fromMs: history.windows.at(-1)!.windowStart,
      version: '1',
    });
    expect(late.windows.length).toBeLessThanOrEqual(1);
    await commandsSayIt(pipeline, history.windows.length);
  });
});
