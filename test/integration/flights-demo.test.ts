import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import type { RunResult } from '../../examples/flights/summary.ts';
import { quietKafka } from '../../examples/flights/topic-reader.ts';
import { services } from '../support/services.ts';

/** Temporary folder of the demo, to see what it leaves. */
let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'weir-demo-test-'));
});
afterEach(() => rmSync(temporary, { recursive: true, force: true }));

interface Demo {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

/** The demo as `npm run demo` starts it, on the services of this test run. */
function startDemo(args: readonly string[]): Demo {
  const { kafkaBrokers, redisUrl, registryUrl } = services();
  const env = {
    ...process.env,
    WEIR_KAFKA_BROKERS: kafkaBrokers,
    WEIR_REDIS_URL: redisUrl,
    WEIR_REGISTRY_URL: registryUrl,
    TMPDIR: temporary,
  };
  const child = spawn(process.execPath, [examplePath('demo.ts'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, exitCode, stdout: () => stdout, stderr: () => stderr };
}

/** Processes that a process has started and that are still there. */
function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  const processes = lines.map((line) => line.trim().split(/\s+/));
  return processes.filter(([, parent, state]) => Number(parent) === pid && !state?.startsWith('Z')).map(([child]) => Number(child));
}

async function listTopics(): Promise<string[]> {
  const admin = quietKafka('test', services().kafkaBrokers.split(',')).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  await admin.disconnect();
  return topics;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a short demo accounts for every flight, and leaves the services as they were', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--limit', '6000', '--partitions', '4', '--model', 'lr', '--layout', 'packed']);
  expect(await demo.exitCode, demo.stderr() + demo.stdout()).toBe(0);
  const lines = demo.stdout().trimEnd().split('\n');
  const result = JSON.parse(lines.at(-1) ?? '') as RunResult;
  expect(result).toMatchObject({ events: 6_000, deadLetters: 0, predictions: 6_000, duplicates: 0, missing: 0, unexplained: 0 });
  expect(result).toMatchObject({ driftCoverage: 1, workers: 2, model: 'flights-lr' });
  expect(result.withLabel).toBeGreaterThan(5_900);
  expect(result.labelled).toBe(result.withLabel);
  expect(result.auc!.raw).toBeGreaterThanOrEqual(result.auc!.lower);
  expect(result.auc!.raw).toBeLessThanOrEqual(result.auc!.upper);
  expect(result.performance).toMatchObject([{ month: '2013-01', predictions: 6_000, labelled: result.labelled }]);
  expect(demo.stdout()).toContain('labels have found their prediction');
  expect(lines.at(-2)).toContain(result.report);
  expect(readFileSync(result.report, 'utf8')).toMatch(/^<!doctype html>/i);
  expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms);
  expect(result.p50Ms).toBeGreaterThan(0);
  expect(demo.stdout()).toContain('every flight is accounted for exactly once');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe must see no escape sequence
  expect(demo.stdout()).not.toMatch(/\x1b/);
  expect(demo.stderr()).toBe(''); // no warning of Node about the client's timers, among others
  expect(demo.stdout()).toMatch(/metrics were at http:\S+\/metrics, http:\S+\/metrics\./);
  expect(readdirSync(temporary)).toEqual([]);

  const topics = /The topics were (.*)\./.exec(demo.stdout())?.[1]?.split(', ') ?? [];
  expect(topics).toHaveLength(6);
  const left = await listTopics();
  expect(left.filter((topic) => topics.includes(topic))).toEqual([]);
});

test('Ctrl-C in the midst of it, told twice, stops all that it started and cleans up', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--rate', '2000']);
  const pid = demo.child.pid ?? 0;
  await expect.poll(() => demo.stdout(), { timeout: 120_000, interval: 100 }).toMatch(/[1-9][\d,]* of 328,521 scored/);
  const started = childrenOf(pid);
  expect(started.length).toBeGreaterThanOrEqual(2);
  const isTheirs = (topic: string): boolean => /^flights-[0-9a-f]{6}\./.test(topic);
  expect((await listTopics()).filter(isTheirs)).not.toEqual([]);
  demo.child.kill('SIGINT');
  setTimeout(() => demo.child.kill('SIGTERM'), 300); // as bootstrap and npm hand on what the group has had
  expect(await demo.exitCode, demo.stderr()).toBe(130);
  await expect.poll(() => started.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  expect((await listTopics()).filter(isTheirs)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test('a demo that is killed leaves neither processes nor files', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--rate', '2000']);
  await expect.poll(() => childrenOf(demo.child.pid ?? 0).length, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(2);
  const started = childrenOf(demo.child.pid ?? 0);
  expect(readdirSync(temporary)).toHaveLength(1);
  demo.child.kill('SIGKILL');
  await demo.exitCode;
  await expect.poll(() => started.filter(isAlive), { timeout: 20_000 }).toEqual([]);
  await expect.poll(() => readdirSync(temporary), { timeout: 20_000 }).toEqual([]);
});

test('--keep says where everything is, and its last line on standard output is the result to the end', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--limit', '2000', '--partitions', '2', '--keep']);
  await expect.poll(() => demo.stdout(), { timeout: 120_000, interval: 100 }).toMatch(/^{.*}$/m);
  demo.child.kill('SIGTERM');
  expect(await demo.exitCode, demo.stderr()).toBe(0);
  const { kafkaBrokers, redisUrl, registryUrl } = services();
  for (const place of [kafkaBrokers, redisUrl, registryUrl]) expect(demo.stdout()).toContain(` ${place}\n`);
  expect(JSON.parse(demo.stdout().trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ events: 2_000, predictions: 2_000 });
  expect(demo.stderr()).toContain('stopping …');
  expect(readdirSync(temporary)).toEqual([]);
});

test('--no-labels publishes no arrivals, and says nothing of performance', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--limit', '2000', '--partitions', '2', '--no-labels']);
  expect(await demo.exitCode, demo.stderr() + demo.stdout()).toBe(0);
  const result = JSON.parse(demo.stdout().trimEnd().split('\n').at(-1) ?? '') as RunResult;
  expect(result).toMatchObject({ events: 2_000, predictions: 2_000, labelled: null, auc: null, performance: [] });
  expect(demo.stdout()).not.toContain('arrived');
});

test('a wrong option is refused before anything starts', { timeout: 30_000 }, async () => {
  const demo = startDemo(['--model', 'xgb']);
  expect(await demo.exitCode).toBe(2);
  expect(demo.stderr()).toContain('must be one of flights-gbt, flights-lr, flights-mlp');
  expect(demo.stdout()).toBe('');
});
