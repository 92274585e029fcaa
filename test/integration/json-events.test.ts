import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import avsc from 'avsc';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { loadPipelineFile } from '../../src/config/index.ts';
import { readOwnSchema } from '../../src/core/own-schemas.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { startWorker, type WorkerProcess } from '../support/flights.ts';
import { eventually, produce, type ReadRecord, readTopic } from '../support/kafka.ts';
import { services, uniqueName } from '../support/services.ts';
import { sumModel } from '../unit/model/onnx-builder.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-json-'));
const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SIZE = 784;
const MODEL = `name: sum
version: "1"
inputs:
  x:
    type: float32
    columns:
      - {name: amount, from: event.payment.amount, required: true}
      - {name: pixels, from: event.data, size: ${SIZE}, default: 0, min: 0, max: 1}
outputs:
  score: {output: y}
`;

/** A pipeline over JSON events whose score is the sum of the amount and all pixels. */
function writePipeline(name: string): string {
  mkdirSync(join(folder, 'model'), { recursive: true });
  writeFileSync(join(folder, 'model', 'model.yaml'), MODEL);
  writeFileSync(join(folder, 'model', 'model.onnx'), sumModel(SIZE + 1));
  const file = join(folder, 'weir.yaml');
  writeFileSync(
    file,
    `name: ${name}
kafka: {brokers: "${services().kafkaBrokers}"}
input: {topic: ${name}.in, format: json, eventTime: event.at, tombstones: dead-letter}
model: {package: model}
output: {deadLetters: {guard: {enabled: false}}}
delivery: {mode: at-least-once}
drift: {enabled: false}
ops: {port: 0}
`,
  );
  return file;
}

interface Prediction {
  readonly score: number;
  readonly status: string;
  readonly degradedFeatures: string[];
  readonly source: { offset: number };
}
const predictionType = avsc.Type.forSchema(readOwnSchema('prediction') as avsc.Schema);
/** C3 01 and the fingerprint stand before the body. */
const predictionFrom = ({ value }: ReadRecord): Prediction => predictionType.fromBuffer(value!.subarray(10)) as unknown as Prediction;

const pixels = (row: number): number[] => Array.from({ length: SIZE }, (_, i) => Number(((i * 37 + row * 101) % 1000) / 1000));
const event = (row: number, data: unknown): string => JSON.stringify({ id: `e${row}`, at: 1.7e12 + row, payment: { amount: row }, data });

const POISON: readonly (readonly [string | Buffer | null, string, RegExp])[] = [
  ['', 'decode_failed', /byte 0 of 0: expected a JSON object/],
  ['not json', 'decode_failed', /byte 0 of 8: expected a JSON object, found n/],
  [event(1, pixels(1)).slice(0, 1_000), 'decode_failed', /byte 1000 of 1000: expected/],
  [Buffer.from([0, 0, 0, 0, 1, 2]), 'decode_failed', /found 0x00/],
  [`{"payment":{"amount":1},"deep":${'['.repeat(5_000)}`, 'decode_failed', /at most 512 levels/],
  [event(1, pixels(1).slice(1)), 'data_unresolvable', /event\.data has 783 numbers, but column pixels takes 784/],
  [event(1, pixels(1).with(17, '0' as unknown as number)), 'data_unresolvable', /event\.data has an element 17 that is no number/],
  [event(1, pixels(1).join(';')), 'data_unresolvable', /event\.data has an element 0 that is no number/],
  ['{"payment":{"amount":"12"}}', 'data_unresolvable', /event\.payment\.amount is a string, but column amount needs a number/],
  ['{"payment":null}', 'missing_required', /Column amount has no value/],
  [event(1, pixels(1).with(300, 2)), 'out_of_range', /Element 300 of column pixels is above its max of 1/],
  [null, 'tombstone', /no value/],
];

describe('JSON events through a real worker', { timeout: 180_000 }, () => {
  it('are scored, as arrays and as texts; poison among them becomes dead letters with its reason', async () => {
    const name = uniqueName('json');
    const file = writePipeline(name);
    const env = { ...process.env, LOG_LEVEL: 'info' };
    const config = loadPipelineFile(file, env as Record<string, string>);
    await applyPipelineTopics(config, { dryRun: false, withInput: 1, logger: silentLogger });
    // Good, poison, good, …: each poison has good neighbours in its micro-batch.
    const records = POISON.flatMap(([value], i) => [
      { key: `good-${2 * i}`, value: event(2 * i, pixels(2 * i)) },
      { key: `poison-${i}`, value },
      { key: `good-${2 * i + 1}`, value: event(2 * i + 1, pixels(2 * i + 1).join(',')) },
    ]);
    await produce(config.input.topic, [...records, { key: 'none', value: '{"payment":{"amount":5}}' }]);
    const worker = await startWorker({ env }, file);
    running.push(worker);
    const { predictions, deadLetters } = config.output;
    let scored: ReadRecord[] = [];
    let dead: ReadRecord[] = [];
    await eventually(async () => {
      [scored, dead] = [await readTopic(predictions.topic), await readTopic(deadLetters.topic)];
      return scored.length > 2 * POISON.length && dead.length >= POISON.length;
    }, 60_000);
    await worker.drain();

    expect(scored.length).toBe(2 * POISON.length + 1);
    const bySource = new Map(scored.map((record) => [predictionFrom(record).source.offset, predictionFrom(record)]));
    for (const [offset, { key }] of records.entries()) {
      if (!key.startsWith('good')) continue;
      const row = Number(key.slice(5));
      const sum = pixels(row).reduce((total, x) => total + x, row);
      expect(bySource.get(offset)).toMatchObject({ status: 'OK', degradedFeatures: [] });
      expect(bySource.get(offset)!.score / sum).toBeCloseTo(1, 5);
    }
    expect(bySource.get(records.length)).toMatchObject({ score: 5, status: 'DEGRADED', degradedFeatures: ['pixels'] });

    expect(dead.length).toBe(POISON.length);
    for (const [i, letter] of dead.entries()) {
      const [value, code, message] = POISON[i]!;
      expect(letter.key).toBe(`poison-${i}`);
      expect(letter.value?.toString('latin1')).toBe(value === null ? undefined : Buffer.from(value).toString('latin1'));
      expect(letter.headers['weir.error.code']).toBe(code);
      expect(letter.headers['weir.error.message']).toMatch(message);
    }
  });
});
