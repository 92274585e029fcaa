import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { Message } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { examplePath, type FlightRecord } from '../../examples/flights/flight-data.ts';
import { flightDeparted } from '../../examples/flights/flight-event.ts';
import { registeredPrefix } from '../../examples/flights/replay.ts';
import { runProgram } from '../../src/cli/program.ts';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { Random } from '../../src/core/random.ts';
import {
  type FlightsPipeline,
  flightsPipeline,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { eventually, produce, readTopic } from '../support/kafka.ts';
import { services } from '../support/services.ts';
import { recordingTerminal } from '../unit/cli/terminal-fixture.ts';

const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.stop('SIGKILL')));
});

interface Performance {
  readonly arm: string;
  readonly window: string;
  readonly windowStart: number;
  readonly predictions: number;
  readonly labelled: number;
  readonly realised: {
    readonly n: number;
    readonly accuracy: number;
    readonly brier: number;
    readonly auc: number;
    readonly aucLower: number;
    readonly aucUpper: number;
  } | null;
  readonly byScore: { readonly predictions: number; readonly labelled: number; readonly positives: number }[];
}

const performanceType = avsc.Type.forSchema(readOwnSchema('performance-statistics') as never, { wrapUnions: false });
const arrivedType = avsc.Type.forSchema(JSON.parse(readFileSync(examplePath('schemas/flight-arrived.avsc'), 'utf8')) as never, {
  wrapUnions: false,
});

/** Newest record of each window, by its start. */
async function performance({ config }: FlightsPipeline): Promise<Map<number, Performance>> {
  const newest = new Map<number, Performance>();
  for (const { value } of await readTopic(config.labels!.performanceTopic)) {
    const record = performanceType.fromBuffer(value!.subarray(5)) as Performance;
    newest.set(record.windowStart, record);
  }
  return newest;
}

const sum = (found: ReadonlyMap<number, Performance>, what: 'predictions' | 'labelled'): number =>
  [...found.values()].reduce((total, window) => total + window[what], 0);

/** Arrivals of flights; of some the delay was first said wrong, and of some it is said twice. */
async function publishArrivals({ config }: FlightsPipeline, flights: readonly FlightRecord[], seed: number): Promise<Map<string, number>> {
  const random = new Random(seed);
  const { topic } = config.labels!;
  const prefix = await registeredPrefix(services().registryUrl, topic, arrivedType.schema());
  const truth = new Map<string, number>();
  const messages: Message[] = [];
  for (const flight of flights) {
    const { flightId, departedAt } = flightDeparted(flight);
    const message = (arrDelayMinutes: number | null): Message => ({
      key: flightId,
      value: Buffer.concat([
        prefix,
        arrivedType.toBuffer({ flightId, arrivedAt: departedAt + 7_200_000, arrDelayMinutes, diverted: false }),
      ]),
    });
    const { arrDelayMinutes } = flight;
    if (arrDelayMinutes !== null) truth.set(flightId, arrDelayMinutes > 15 ? 1 : 0);
    if (random.below(10) === 0 && arrDelayMinutes !== null) messages.push(message(arrDelayMinutes > 15 ? 0 : 60));
    messages.push(message(arrDelayMinutes));
    if (random.below(10) === 0) messages.push(message(arrDelayMinutes));
  }
  for (let i = 0; i < messages.length; i += 2_000) await produce(topic, messages.slice(i, i + 2_000));
  return truth;
}

/** What one pass over predictions and outcomes says, by start of the month. */
async function expected(
  pipeline: FlightsPipeline,
  truth: ReadonlyMap<string, number>,
): Promise<Map<number, { n: number; labelled: number; right: number }>> {
  const months = new Map<number, { n: number; labelled: number; right: number }>();
  const seen = new Set<string>();
  for (const { predictionId, key, score, eventTime } of (await readPredictions(pipeline)) as (Awaited<
    ReturnType<typeof readPredictions>
  >[number] & { eventTime: number })[]) {
    if (seen.has(predictionId)) continue;
    seen.add(predictionId);
    const at = new Date(eventTime);
    const start = Date.UTC(at.getUTCFullYear(), at.getUTCMonth());
    const month = months.get(start) ?? { n: 0, labelled: 0, right: 0 };
    months.set(start, month);
    month.n++;
    const y = truth.get(key!);
    if (y === undefined) continue;
    month.labelled++;
    if ((score >= 0.5 ? 1 : 0) === y) month.right++;
  }
  return months;
}

async function expectAgreement(pipeline: FlightsPipeline, truth: ReadonlyMap<string, number>): Promise<void> {
  const months = await expected(pipeline, truth);
  const found = await performance(pipeline);
  expect([...found.keys()].sort((a, b) => a - b)).toEqual([...months.keys()].sort((a, b) => a - b));
  for (const [start, { n, labelled, right }] of months) {
    const { predictions, labelled: joined, realised } = found.get(start)!;
    expect([start, predictions, joined]).toEqual([start, n, labelled]);
    expect(realised!.accuracy).toBeCloseTo(right / labelled, 12);
    expect(realised!.aucLower).toBeLessThanOrEqual(realised!.auc);
  }
}

/** A record of the labels topic that is no label. */
async function withoutSense({ config }: FlightsPipeline): Promise<void> {
  await produce(config.labels!.topic, [{ key: 'x', value: Buffer.from('garbage'), partition: 1 }]);
}

/** What an operator sees of it. */
async function expectCommandsToSayIt({ env }: FlightsPipeline, labelled: number): Promise<void> {
  const say = async (...args: string[]): Promise<string> => {
    const terminal = recordingTerminal(env as Record<string, string>);
    expect(await runProgram(['drift', ...args, '--config', examplePath('weir.yaml')], terminal), terminal.stderr.join('\n')).toBe(0);
    return terminal.stdout.join('\n');
  };
  expect(await say('ls')).toMatch(/PERFORMANCE[^]*auc 0\.\d+/);
  const lines = (await say('export', '--open', '--json')).trim().split('\n');
  const windows = lines.map((line) => JSON.parse(line) as { performance: Performance[] });
  expect(windows.reduce((total, { performance: [of] }) => total + (of?.labelled ?? 0), 0)).toBe(labelled);
}

describe('labels', { timeout: 240_000 }, () => {
  it.each(['at-least-once', 'exactly-once'])('are joined once each by workers that are killed, delivering %s', async (mode) => {
    const pipeline = await flightsPipeline({ FLIGHTS_DELIVERY: mode, FLIGHTS_MIN_SAMPLES: '1000' }, 4);
    const fleet = [await startWorker(pipeline), await startWorker(pipeline)];
    running.push(...fleet);
    const flights = [...someFlights(20_000, 16)];
    const half = flights.length / 2;
    await publish(pipeline, flights.slice(0, half));
    // Some labels are there before their flight is scored, most come later.
    const truth = await publishArrivals(pipeline, flights.slice(half / 2, half + 2_000), 7);
    await withoutSense(pipeline);
    const publishing = publish(pipeline, flights.slice(half), 3_000);
    await fleet[0]!.stop('SIGKILL');
    fleet[0] = await startWorker(pipeline);
    running.push(fleet[0]);
    await withoutSense(pipeline);
    const late = await publishArrivals(pipeline, [...flights.slice(0, half / 2), ...flights.slice(half + 2_000)], 8);
    for (const [id, y] of late) truth.set(id, y);
    await fleet[1]!.stop('SIGKILL');
    fleet[1] = await startWorker(pipeline);
    running.push(fleet[1]);
    await publishing;
    await eventually(async () => {
      const found = await performance(pipeline);
      return sum(found, 'predictions') === flights.length && sum(found, 'labelled') === truth.size;
    }, 90_000).catch(async (cause: unknown) => {
      const found = await performance(pipeline);
      throw new Error(`${sum(found, 'predictions')} of ${flights.length} predictions, ${sum(found, 'labelled')} of ${truth.size} labels`, {
        cause,
      });
    });
    for (const worker of fleet) await worker.drain();
    await expectAgreement(pipeline, truth);
    // Each record that is no label is a dead letter, once.
    const letters = await readTopic(pipeline.config.output.deadLetters.topic);
    const places = letters.map(({ headers }) =>
      [headers['weir.error.code'], headers['weir.error.topic'], headers['weir.error.partition']].join(' '),
    );
    expect(places).toEqual(Array.from({ length: 2 }, () => `frame_invalid ${pipeline.config.labels!.topic} 1`));
    await expectCommandsToSayIt(pipeline, truth.size);
  });
});
