import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { applyPipelineTopics } from '../../src/app/topics.ts';
import { loadPipelineFile, type PipelineConfig } from '../../src/config/index.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { startWorker, type WorkerProcess } from '../support/flights.ts';
import { committed, eventually, produce, readTopic } from '../support/kafka.ts';
import { services, uniqueName } from '../support/services.ts';
import { slowModel } from '../unit/model/onnx-builder.ts';
import { manifestOf } from '../unit/model/package-folder.ts';

const running: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((w) => w.stop('SIGKILL')));
});

/** A pipeline of numbers, whose model takes microseconds times the largest number of a run. */
async function slowPipeline(runTimeoutMs: number): Promise<{ config: PipelineConfig; file: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-slow-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'weir.yaml');
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model', 'model.onnx'), slowModel());
  writeFileSync(join(folder, 'model', 'model.yaml'), manifestOf(1));
  writeFileSync(join(folder, 'event.avsc'), JSON.stringify({ type: 'record', name: 'Event', fields: [{ name: 'c0', type: 'double' }] }));
  const name = uniqueName('slow');
  writeFileSync(
    file,
    `name: ${name}
kafka: {brokers: "${services().kafkaBrokers}", sessionTimeoutMs: 8s, heartbeatIntervalMs: 1s}
input: {topic: ${name}.in, format: plain, schema: event.avsc}
model: {package: model, runtime: {threads: 1}, runTimeoutMs: ${runTimeoutMs}}
delivery: {mode: at-least-once}
drift: {enabled: false}
ops: {port: 0}
`,
  );
  const config = loadPipelineFile(file, {});
  await applyPipelineTopics(config, { dryRun: false, withInput: 1, logger: silentLogger });
  return { config, file };
}

async function worker(file: string): Promise<WorkerProcess> {
  const started = await startWorker({ env: { ...process.env, LOG_LEVEL: 'info' } }, file);
  running.push(started);
  return started;
}

async function send({ input }: PipelineConfig, numbers: readonly number[]): Promise<void> {
  const double = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return bytes;
  };
  await produce(
    input.topic,
    numbers.map((value) => ({ value: double(value) })),
  );
}

async function metric({ log }: WorkerProcess, name: string): Promise<number> {
  const url = /"url":"(http[^"]+)"/.exec(log())![1]!;
  const page = await (await fetch(new URL('/metrics', url))).text();
  const line = page.split('\n').find((text) => text.startsWith(`${name} `) || text.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
}

describe('a worker with a slow model in a thread', { timeout: 180_000 }, () => {
  it('keeps its place in the group through a run that is longer than its session', async () => {
    const { config, file } = await slowPipeline(150_000);
    const { child, log, drain } = await worker(file);
    const scored = async (count: number): Promise<void> =>
      eventually(async () => (await readTopic(config.output.predictions.topic)).length === count, 150_000);
    let count = 0;
    // About 10 s on a machine that does nothing else; more turns on one that is faster.
    for (let turns = 6e6, tookMs = 0; tookMs < config.kafka.sessionTimeoutMs * 1.2; turns *= 2) {
      const startedMs = performance.now();
      await send(config, [turns]);
      await scored(++count);
      tookMs = performance.now() - startedMs;
    }
    expect(await metric(running[0]!, 'weir_rebalances_total')).toBe(1);
    await send(config, [1, 2]);
    await scored(count + 2);
    await drain();
    expect(child.exitCode, log()).toBe(0);
    expect([...(await committed(config.kafka.groupId, config.input.topic)).values()]).toEqual([count + 2]);
  });

  it('gives the record whose run never ends to the dead letters, scores the others, and ends in order', async () => {
    const { config, file } = await slowPipeline(1_500);
    const { log, drain } = await worker(file);
    await send(config, [1, 2, 1e15, 3]);
    await eventually(async () => (await readTopic(config.output.predictions.topic)).length === 3, 60_000);
    await eventually(async () => (await readTopic(config.output.deadLetters.topic)).length === 1);
    const [letter] = await readTopic(config.output.deadLetters.topic);
    expect(letter!.headers).toMatchObject({ 'weir.error.code': 'inference_abandoned', 'weir.error.stage': 'score' });
    expect(log()).toContain(`"records":"${config.input.topic}-0 offset 2"`);
    expect(await metric(running[0]!, 'weir_model_run_timeouts_total')).toBe(2);
    expect(await metric(running[0]!, 'weir_model_threads{state="hung"}')).toBe(2);
    // Two threads still compute; neither they nor Node's waiting for them keeps the process.
    await drain();
  });
});
