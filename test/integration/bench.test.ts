import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import { topicSpecs } from '../../src/app/topics.ts';
import type { BenchReport } from '../../src/app/bench/bench.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { guardChild } from '../../src/dev/process.ts';
import { withAdmin } from '../../src/kafka/admin.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { type FlightsPipeline, flightsPipeline, publish, someFlights } from '../support/flights.ts';
import { committed, eventually } from '../support/kafka.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let pipeline: FlightsPipeline;
beforeAll(async () => {
  pipeline = await flightsPipeline({}, 2);
}, 120_000);

/** Runs `weir bench` as a process. */
function bench(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'bench', '--config', examplePath('weir.yaml'), ...args], {
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  guardChild(child);
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => void (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (output.err += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output, ended };
}

async function report(...args: string[]): Promise<BenchReport> {
  const { output, ended } = bench({ ...pipeline.env, LOG_LEVEL: 'warn' }, ...args, '--json');
  const code = await ended;
  if (code !== 0) throw new Error(`exit ${code}: ${output.err}`);
  // Nothing of the progress where nobody watches.
  expect(output.err).not.toContain('events');
  return JSON.parse(output.out.trim().split('\n').at(-1)!) as BenchReport;
}

/** Records in all topics of the pipeline but the input. */
async function written(): Promise<number> {
  const { config } = pipeline;
  const kafka = createKafka(config.kafka, silentLogger);
  const [, ...topics] = topicSpecs(config).map(({ topic }) => topic);
  return withAdmin(kafka, 'counting', async (admin) => {
    const offsets = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return offsets.flat().reduce((sum, { high }) => sum + Number(high), 0);
  });
}

describe('weir bench', { timeout: 120_000 }, () => {
  it('measures made-up events on real features: all are scored, and the stores know their entities', async () => {
    const found = await report('--seconds', '1', '--rate', '200,400', '--events', '20000', '--target-ms', '5000');
    const { maximum, latency, settings } = found;
    expect(found).toMatchObject({
      model: { name: 'flights-gbt' },
      scope: { kafka: false, stores: ['main'], drift: true },
      interrupted: false,
    });
    expect(found.events).toMatchObject({ kind: 'synthetic', count: 20_000 });
    for (const group of ['plane', 'airport', 'route', 'carrier']) {
      expect(found.events.entities[group], group).toBeGreaterThan(100);
      expect(maximum!.hitShare[group], group).toBeGreaterThan(0.99);
    }
    expect(maximum!.failed).toEqual([]);
    expect(maximum!.eventsPerSecond).toBeGreaterThan(0);
    expect(maximum!.rowsPerBatch).toBeGreaterThan(10);
    for (const name of ['decode', 'enrich', 'validate', 'score', 'drift', 'encode', 'emit'] as const)
      expect(maximum!.stepMicrosPerEvent[name], name).toBeGreaterThan(0);
    expect(latency.map(({ rate }) => rate)).toEqual([200, 400]);
    for (const { keepsRate, eventsPerSecond, latency: latencies, failed } of latency) {
      // How well the rate is kept is a matter of what else the machine does.
      expect(typeof keepsRate).toBe('boolean');
      expect(failed).toEqual([]);
      expect(eventsPerSecond).toBeGreaterThan(0);
      const { p50Ms, p95Ms, p99Ms, maxMs } = latencies!;
      expect(p50Ms).toBeGreaterThan(0);
      expect([p50Ms, p95Ms, p99Ms, maxMs]).toEqual([p50Ms, p95Ms, p99Ms, maxMs].sort((a, b) => a - b));
    }
    expect(settings.map(({ maxRows }) => maxRows)).toEqual([64, 256, 512, 1_024, 2_048, 4_096]);
    for (const { rowsPerBatch, maxRows } of settings) expect(rowsPerBatch).toBeLessThanOrEqual(maxRows);
    // No machine is so slow that it meets a target of five seconds with none of them.
    expect(settings).toContainEqual(found.recommended);
  });

  it('replays records of the topic; writes nothing, commits nothing', async () => {
    await publish(pipeline, someFlights(2_000, 50));
    const found = await report('--from-topic', '1500', '--seconds', '1', '--rate', '100', '--no-settings');
    expect(found.events).toMatchObject({ kind: 'captured', origin: pipeline.config.input.topic, count: 1_500 });
    expect(found.maximum!.failed).toEqual([]);
    expect(found.maximum!.eventsPerSecond).toBeGreaterThan(0);
    expect(found.settings).toEqual([]);
    expect(await written()).toBe(0);
    // A new cluster has no coordinator of groups yet.
    await vi.waitFor(
      async () => expect([...(await committed(pipeline.config.kafka.groupId, pipeline.config.input.topic)).values()]).toEqual([-1, -1]),
      { timeout: 30_000, interval: 200 },
    );
  });

  it('says so when the store holds no entities', async () => {
    const { output, ended } = bench(
      { ...pipeline.env, FLIGHTS_KEY_PREFIX: 'nobody' },
      '--seconds',
      '0.5',
      '--no-settings',
      '--events',
      '500',
    );
    expect(await ended).toBe(0);
    expect(output.out).toContain('feature group plane: no entities were found');
    expect(output.out).toMatch(/events per second +[\d,]+/);
  });

  it('ends on SIGINT with what there is', async () => {
    const { child, output, ended } = bench({ ...pipeline.env, LOG_LEVEL: 'info' }, '--seconds', '60', '--events', '500');
    await eventually(() => Promise.resolve(output.err.includes('compiled a writer schema')));
    child.kill('SIGINT');
    expect(await ended).toBe(1);
    expect(output.out).toContain('interrupted');
  });
});
