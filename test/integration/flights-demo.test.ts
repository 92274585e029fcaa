import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { examplePath } from '../../examples/flights/flight-data.ts';
import type { RunResult } from '../../examples/flights/summary.ts';
import { quietKafka } from '../../examples/flights/topic-reader.ts';
import { services } from '../support/services.ts';

interface Demo {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

/** The demo as `npm run demo` starts it, on the services of this test run. */
function startDemo(args: readonly string[]): Demo {
  const { kafkaBrokers, redisUrl, registryUrl } = services();
  const env = { ...process.env, WEIR_KAFKA_BROKERS: kafkaBrokers, WEIR_REDIS_URL: redisUrl, WEIR_REGISTRY_URL: registryUrl };
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
  expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms);
  expect(result.p50Ms).toBeGreaterThan(0);
  expect(demo.stdout()).toContain('every flight is accounted for exactly once');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe must see no escape sequence
  expect(demo.stdout()).not.toMatch(/\x1b/);

  const topics = /The topics were (.*)\./.exec(demo.stdout())?.[1]?.split(', ') ?? [];
  expect(topics).toHaveLength(4);
  const admin = quietKafka('test', services().kafkaBrokers.split(',')).admin();
  await admin.connect();
  const left = await admin.listTopics();
  await admin.disconnect();
  expect(left.filter((topic) => topics.includes(topic))).toEqual([]);
});

test('Ctrl-C in the midst of it stops all that it started', { timeout: 240_000 }, async () => {
  const demo = startDemo(['--rate', '2000']);
  const pid = demo.child.pid ?? 0;
  await expect.poll(() => demo.stdout(), { timeout: 120_000, interval: 100 }).toMatch(/[1-9][\d,]* of 328,521 scored/);
  const started = childrenOf(pid);
  expect(started.length).toBeGreaterThanOrEqual(2);
  demo.child.kill('SIGINT');
  expect(await demo.exitCode, demo.stderr()).toBe(130);
  await expect.poll(() => started.filter(isAlive), { timeout: 10_000 }).toEqual([]);
});

test('a wrong option is refused before anything starts', { timeout: 30_000 }, async () => {
  const demo = startDemo(['--model', 'xgb']);
  expect(await demo.exitCode).toBe(2);
  expect(demo.stderr()).toContain('must be one of flights-gbt, flights-lr, flights-mlp');
  expect(demo.stdout()).toBe('');
});
