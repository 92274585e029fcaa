import { afterEach, describe, expect, it } from 'vitest';
import {
  type FlightsPipeline,
  flightsPipeline,
  type Prediction,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { committed, eventually } from '../support/kafka.ts';

const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});

async function worker(pipeline: FlightsPipeline): Promise<WorkerProcess> {
  const started = await startWorker(pipeline);
  running.push(started);
  return started;
}

const exactlyOnce = (partitions: number): Promise<FlightsPipeline> => flightsPipeline({ FLIGHTS_DELIVERY: 'exactly-once' }, partitions);

async function predicted(pipeline: FlightsPipeline, atLeast: number): Promise<Prediction[]> {
  let predictions: Prediction[] = [];
  await eventually(async () => {
    predictions = await readPredictions(pipeline);
    return predictions.length >= atLeast;
  }, 90_000);
  return predictions;
}

describe('weir run, exactly once', { timeout: 240_000 }, () => {
  it('commits predictions and positions together, and leaves nothing open behind', async () => {
    const pipeline = await exactlyOnce(4);
    const count = await publish(pipeline, someFlights(3_000, 109));
    const first = await worker(pipeline);
    expect((await predicted(pipeline, count)).length).toBe(count);
    const more = await publish(pipeline, someFlights(500, 7));
    await predicted(pipeline, count + more);
    await first.drain();
    const positions = await committed(pipeline.config.kafka.groupId, pipeline.config.input.topic);
    expect([...positions.values()].reduce((a, b) => a + b, 0)).toBe(count + more);
    const all = await readPredictions(pipeline);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count + more, count + more]);
  });

  it('neither loses nor doubles a prediction when one of two workers is killed', async () => {
    const pipeline = await exactlyOnce(6);
    const first = await worker(pipeline);
    await worker(pipeline);
    const publishing = publish(pipeline, someFlights(20_000, 3), 4_000);
    await predicted(pipeline, 4_000);
    expect(await first.stop('SIGKILL')).toBe('SIGKILL');
    await worker(pipeline);
    const count = await publishing;
    const all = await predicted(pipeline, count);
    expect([all.length, new Set(all.map((p) => p.predictionId)).size]).toEqual([count, count]);
  });
});
