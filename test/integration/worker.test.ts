import { afterEach, describe, expect, it } from 'vitest';
import { MODELS, type ReferenceRow, referenceRows, scoreDirectly } from '../../examples/flights/build/reference-rows.ts';
import { examplePath } from '../../examples/flights/flight-data.ts';
import {
  flightsPipeline,
  type Prediction,
  publish,
  readPredictions,
  someFlights,
  startWorker,
  type WorkerProcess,
} from '../support/flights.ts';
import { committed, createTopic, eventually, produce, readTopic, withAdmin } from '../support/kafka.ts';
import { uniqueName } from '../support/services.ts';

const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});

async function worker(...args: Parameters<typeof startWorker>): Promise<WorkerProcess> {
  const started = await startWorker(...args);
  running.push(started);
  return started;
}

async function recordsIn(topic: string): Promise<number> {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  return offsets.reduce((sum, o) => sum + Number(o.high) - Number(o.low), 0);
}

/** Rows built without weir, by flight id: what the predictions are held against. */
async function independentRows(wanted: ReadonlySet<string>): Promise<ReferenceRow[]> {
  const rows: ReferenceRow[] = [];
  for await (const row of referenceRows()) if (wanted.has(row.flightId)) rows.push(row);
  return rows;
}

describe('weir run', { timeout: 180_000 }, () => {
  it.each(MODELS)('scores flights as ONNX Runtime does on rows built without weir: %s', async (model) => {
    const pipeline = await flightsPipeline({
      FLIGHTS_MODEL: model,
      FLIGHTS_LAYOUT: { 'flights-lr': 'json', 'flights-gbt': 'packed', 'flights-mlp': 'hash' }[model],
    });
    const count = await publish(pipeline, someFlights(3_000, 109));
    await worker(pipeline);
    await eventually(async () => (await recordsIn(pipeline.config.output.predictions.topic)) >= count);
    const predictions = await readPredictions(pipeline);
    expect(predictions.length).toBe(count);
    const byFlight = new Map(predictions.map((p) => [p.key!, p]));
    const rows = await independentRows(new Set(byFlight.keys()));
    expect(rows.length).toBe(count);
    const { scores } = await scoreDirectly(model, examplePath(`models/${model}/1/model.onnx`), rows);
    let worst = 0;
    rows.forEach((row, i) => {
      const prediction = byFlight.get(row.flightId)!;
      worst = Math.max(worst, Math.abs(prediction.score - scores[i]!));
      expect(prediction).toMatchObject({ model, modelVersion: '1', entityKey: row.flightId });
      expect(prediction.predictionId).toBe(`${prediction.source.topic}-${prediction.source.partition}-${prediction.source.offset}`);
      expect(prediction.partition).toBe(prediction.source.partition);
      // 15 % of the flights find no plane, and the prediction says so.
      expect(prediction.degradedFeatures.includes('seats')).toBe(!row.found.plane);
      expect(prediction.status === 'DEGRADED').toBe(prediction.degradedFeatures.length > 0);
    });
    expect(worst).toBeLessThanOrEqual(1e-6);
    expect(inOrder(predictions)).toBe(true);
  });

  it('survives kill -9 of one of two workers: nothing lost, duplicates only with the same id and score', async () => {
    const pipeline = await flightsPipeline({}, 6);
    const first = await worker(pipeline);
    const second = await worker(pipeline);
    const publishing = publish(pipeline, someFlights(20_000, 3), 4_000);
    await eventually(async () => (await recordsIn(pipeline.config.output.predictions.topic)) > 4_000);
    expect(await first.stop('SIGKILL')).toBe('SIGKILL');
    await worker(pipeline);
    const count = await publishing;
    const ids = async (): Promise<Map<string, Set<number>>> => {
      const found = new Map<string, Set<number>>();
      for (const { predictionId, score } of await readPredictions(pipeline))
        found.set(predictionId, (found.get(predictionId) ?? new Set()).add(score));
      return found;
    };
    await eventually(
      async () => (await recordsIn(pipeline.config.output.predictions.topic)) >= count && (await ids()).size === count,
      60_000,
    );
    const scores = await ids();
    expect([...scores.values()].every((s) => s.size === 1)).toBe(true);
    // The survivor has not been touched.
    expect(second.child.exitCode).toBeNull();
  });

  it('repeats nothing when workers join and leave in order, and commits the end', async () => {
    const pipeline = await flightsPipeline({}, 6);
    const first = await worker(pipeline);
    const publishing = publish(pipeline, someFlights(16_000, 5), 3_000);
    await eventually(async () => (await recordsIn(pipeline.config.output.predictions.topic)) > 1_000);
    const second = await worker(pipeline);
    await eventually(async () => (await recordsIn(pipeline.config.output.predictions.topic)) > 6_000);
    await first.drain();
    const count = await publishing;
    const { topic } = pipeline.config.output.predictions;
    await eventually(async () => (await recordsIn(topic)) >= count);
    await second.drain();
    const predictions = await readPredictions(pipeline);
    expect(new Set(predictions.map((p) => p.predictionId)).size).toBe(count);
    expect(predictions.length).toBe(count);
    expect(inOrder(predictions)).toBe(true);
    const positions = await committed(pipeline.config.kafka.groupId, pipeline.config.input.topic);
    expect([...positions.values()].reduce((a, b) => a + b, 0)).toBe(count);
  });

  it('sends what cannot be read to the dead letters with its bytes, reason and coordinates, and goes on', async () => {
    const pipeline = await flightsPipeline({}, 1);
    const count = await publish(pipeline, someFlights(50, 1));
    const bomb = Buffer.from('80d0acf30e', 'hex');
    const poison = [
      Buffer.from('not avro'),
      Buffer.from([0, 0, 0, 0]),
      Buffer.concat([Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]), bomb]),
      Buffer.alloc(0),
    ];
    await produce(pipeline.config.input.topic, [
      ...poison.map((value, i) => ({ key: `poison-${i}`, value, headers: { h: `${i}` } })),
      { key: 'tombstone', value: null },
    ]);
    const more = await publish(pipeline, someFlights(50, 2));
    const first = await worker(pipeline);
    const { predictions, deadLetters } = pipeline.config.output;
    await eventually(async () => (await recordsIn(predictions.topic)) >= count + more);
    await eventually(async () => (await recordsIn(deadLetters.topic)) >= poison.length);
    await first.drain();
    const letters = await readTopic(deadLetters.topic);
    expect(letters.map((l) => l.value)).toEqual(poison);
    letters.forEach((letter, i) => {
      expect(letter.key).toBe(`poison-${i}`);
      expect(letter.headers).toMatchObject({
        h: `${i}`,
        'weir.error.stage': 'decode',
        'weir.error.topic': pipeline.config.input.topic,
        'weir.error.partition': '0',
        'weir.error.offset': `${count + i}`,
        '__connect.errors.topic': pipeline.config.input.topic,
      });
    });
    expect(letters.map((l) => l.headers['weir.error.code'])).toEqual(['frame_invalid', 'frame_invalid', 'schema_unknown', 'frame_invalid']);
    expect(await recordsIn(predictions.topic)).toBe(count + more);
  });

  it.each(['at-least-once', 'exactly-once'])(
    'makes a dead letter of a prediction that its topic does not take, and goes on: %s',
    async (delivery) => {
      const prefix = uniqueName('small');
      await createTopic(`${prefix}.predictions`, 1, { 'max.message.bytes': '1500' });
      const pipeline = await flightsPipeline({ FLIGHTS_PREFIX: prefix, FLIGHTS_DELIVERY: delivery }, 1);
      const { input, output } = pipeline.config;
      const before = await publish(pipeline, someFlights(20, 1));
      const [flight] = await readTopic(input.topic);
      // A prediction carries the key of its event.
      const key = 'k'.repeat(3_000);
      await produce(input.topic, [{ key, value: flight!.value }]);
      const after = await publish(pipeline, someFlights(20, 2));
      await worker(pipeline);
      await eventually(async () => (await readPredictions(pipeline)).length === before + after);
      const letters = await readTopic(output.deadLetters.topic);
      expect(letters.map((l) => [l.key, l.headers['weir.error.code'], l.value?.equals(flight!.value!)])).toEqual([
        [key, 'output_too_large', true],
      ]);
    },
  );

  it.each([
    ['sized by weir topics apply, whole', 'applied'],
    ['that takes less than the input, without its value', 'default'],
  ])('writes a very large record that cannot be read to a dead-letter topic %s, and goes on', async (_, deadLetterTopic) => {
    const prefix = uniqueName('large');
    await createTopic(`${prefix}.departed`, 1, { 'max.message.bytes': '5000000' });
    if (deadLetterTopic === 'default') await createTopic(`${prefix}.dead-letters`, 1);
    const pipeline = await flightsPipeline({ FLIGHTS_PREFIX: prefix }, 1);
    const before = await publish(pipeline, someFlights(50, 1));
    const garbage = Buffer.alloc(3_000_000, 0xa5);
    await produce(pipeline.config.input.topic, [{ key: 'large', value: garbage, headers: { h: '1' } }]);
    const after = await publish(pipeline, someFlights(50, 2));
    const first = await worker(pipeline);
    const { predictions, deadLetters } = pipeline.config.output;
    await eventually(async () => (await recordsIn(predictions.topic)) >= before + after);
    await eventually(async () => (await recordsIn(deadLetters.topic)) >= 1);
    await first.drain();
    expect(await recordsIn(predictions.topic)).toBe(before + after);
    const [letter, ...more] = await readTopic(deadLetters.topic);
    expect(more).toEqual([]);
    expect(letter).toMatchObject({
      key: 'large',
      headers: { h: '1', 'weir.error.code': 'frame_invalid', 'weir.error.partition': '0', 'weir.error.offset': String(before) },
    });
    if (deadLetterTopic === 'applied') {
      expect(letter!.value!.equals(garbage)).toBe(true);
      expect(letter!.headers).not.toHaveProperty('weir.error.value.bytes');
    } else {
      expect(letter!.value).toBeNull();
      expect(letter!.headers['weir.error.value.bytes']).toBe('3000000');
    }
    const positions = await committed(pipeline.config.kafka.groupId, pipeline.config.input.topic);
    expect(positions).toEqual(new Map([[0, before + 1 + after]]));
  });
});

/** True when the predictions of each partition are in the order of their inputs, repeats aside. */
function inOrder(predictions: readonly Prediction[]): boolean {
  const last = new Map<number, number>();
  return predictions.every(({ partition, source }) => {
    const isNext = source.offset > (last.get(partition) ?? -1);
    last.set(partition, source.offset);
    return isNext;
  });
}
