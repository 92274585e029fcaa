import avsc from 'avsc';
import { afterEach, describe, expect, it } from 'vitest';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { type FlightsPipeline, flightsPipeline, publish, someFlights, startWorker, type WorkerProcess } from '../support/flights.ts';
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

const total = (found: ReadonlyMap<number, Statistics>): number => [...found.values()].reduce((sum, w) => sum + w.events, 0);

async function run(workers: number, partitions: number, flights: number): Promise<Map<number, Statistics>> {
  const pipeline = await flightsPipeline({ FLIGHTS_MIN_SAMPLES: '2000' }, partitions);
  const fleet: WorkerProcess[] = [];
  for (let i = 0; i < workers; i++) fleet.push(await startWorker(pipeline));
  running.push(...fleet);
  const count = await publish(pipeline, someFlights(flights, 6));
  expect(count).toBe(flights);
  await eventually(async () => total(await windows(pipeline)) === flights, 60_000);
  for (const worker of fleet) await worker.drain();
  return windows(pipeline);
}

describe('drift of a fleet', { timeout: 180_000 }, () => {
  it('is the same from two workers on six partitions as from one worker on one, to the last bit', async () => {
    const fleet = await run(2, 6, 48_000);
    const single = await run(1, 1, 48_000);
    expect(total(fleet)).toBe(48_000);
    expect(fleet.size).toBeGreaterThan(10);
    expect(verdicts(fleet)).toEqual(verdicts(single));
    // A year holds real drift against its first quarter: temperature at least.
    const drifted = new Set([...fleet.values()].flatMap((w) => w.driftedFeatureNames));
    expect(drifted).toContain('temp');
    expect([...fleet.values()].some((w) => w.recommendation === 'retrain_model')).toBe(true);
  });
});
