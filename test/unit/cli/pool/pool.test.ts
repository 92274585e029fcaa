/** Pools of real processes, without services: the workers start, say what they wait for, and wait. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { examplePath } from '../../../../examples/flights/flight-data.ts';
import { parseMetrics } from '../../../../examples/flights/worker-metrics.ts';
import { workerArgs } from '../../../../src/cli/pool/process.ts';
import { guardChild } from '../../../../src/dev/process.ts';
import { eventually } from '../../../support/eventually.ts';
import { isRunning, logLines, workerPids } from '../../../support/pool.ts';

const main = new URL('../../../../src/cli/main.ts', import.meta.url).pathname;
const NOWHERE = '127.0.0.1:1';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-pool-'));
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model', 'model.yaml'), '');
  writeFileSync(join(folder, 'event.avsc'), '"long"');
  writeFileSync(
    join(folder, 'weir.yaml'),
    `name: broken
kafka: {brokers: "${NOWHERE}"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
ops: {port: 0}
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

interface RunningPool {
  readonly child: ChildProcess;
  readonly log: () => string;
  readonly ended: Promise<number | NodeJS.Signals>;
}

const pools: RunningPool[] = [];
afterEach(async () => {
  for (const { child, log, ended } of pools.splice(0)) {
    child.kill('SIGKILL');
    await ended;
    for (const pid of [...workerPids(log()).values()].flat()) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  }
});

function start(file: string, workers: string): RunningPool {
  const child = spawn(process.execPath, [main, 'run', '--config', file, '--workers', workers], {
    env: {
      ...process.env,
      KAFKA_BROKERS: NOWHERE,
      SCHEMA_REGISTRY_URL: `http://${NOWHERE}`,
      REDIS_URL: `redis://${NOWHERE}`,
      LOG_LEVEL: 'info',
      WEIR_OPS_PORT: '0',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  guardChild(child);
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const made = { child, log: () => text, ended };
  pools.push(made);
  return made;
}

/** A pool whose workers have loaded the model and wait for what is not there. */
async function waitingPool(workers: number): Promise<RunningPool & { readonly url: string }> {
  const made = start(examplePath('weir.yaml'), String(workers));
  await eventually(() => made.log().split('"model loaded"').length > workers);
  const url = /"url":"(http[^"]+)"/.exec(made.log())![1]!;
  return { ...made, url };
}

const pidsOf = ({ log }: RunningPool): number[] => [...workerPids(log()).values()].map((pids) => pids.at(-1)!);

describe('a pool of processes', () => {
  it('speaks for its workers on one port, starts one again that is killed, and drains with exit code 0', async () => {
    const pool = await waitingPool(2);
    const ready = async (): Promise<{ status: number; reasons: string[] }> => {
      const response = await fetch(`${pool.url}/readyz`);
      return { status: response.status, reasons: ((await response.json()) as { reasons: string[] }).reasons };
    };
    const waiting = 'starting: model, stores and topics';
    await eventually(async () => (await ready()).reasons.join() === `worker 0: ${waiting},worker 1: ${waiting}`);
    expect((await ready()).status).toBe(503);
    expect((await fetch(`${pool.url}/livez`)).status).toBe(200);
    const samples = parseMetrics(await (await fetch(`${pool.url}/metrics`)).text());
    const memory = samples.filter(({ name }) => name === 'process_resident_memory_bytes').map(({ labels }) => labels['worker']);
    expect(memory).toEqual(['supervisor', '0', '1']);

    const [killed, other] = pidsOf(pool);
    process.kill(killed!, 'SIGKILL');
    await eventually(() => workerPids(pool.log()).get(0)!.length === 2);
    expect(pidsOf(pool)[1]).toBe(other);
    expect(isRunning(other!)).toBe(true);
    await eventually(async () => (await ready()).reasons[0] === `worker 0: ${waiting}`);
    const pids = pidsOf(pool);
    pool.child.kill('SIGTERM');
    expect(await pool.ended).toBe(0);
    expect(pids.some(isRunning)).toBe(false);
    const died = logLines(pool.log()).find(({ msg }) => msg.startsWith('worker died'));
    expect(died).toMatchObject({ worker: 0, how: 'ended by SIGKILL', deaths: 1 });
  });

  it('takes its workers with it when it is killed', async () => {
    const pool = await waitingPool(2);
    const pids = pidsOf(pool);
    expect(pids.map(isRunning)).toEqual([true, true]);
    pool.child.kill('SIGKILL');
    await pool.ended;
    await eventually(() => !pids.some(isRunning), 10_000);
  });

  it('is ended at once by a second signal, whatever its workers do', async () => {
    const pool = await waitingPool(2);
    const pids = pidsOf(pool);
    process.kill(pids[1]!, 'SIGSTOP');
    pool.child.kill('SIGINT');
    await eventually(() => pool.log().includes('"worker ended"'));
    expect(isRunning(pids[1]!)).toBe(true);
    pool.child.kill('SIGINT');
    expect(await pool.ended).toBe(1);
    await eventually(() => !pids.some(isRunning), 5_000);
  });

  it('drains when the terminal gives Ctrl-C to all its processes', async () => {
    const pool = await waitingPool(2);
    const pids = pidsOf(pool);
    for (const pid of pids) process.kill(pid, 'SIGINT');
    pool.child.kill('SIGINT');
    expect(await pool.ended).toBe(0);
    expect(pids.some(isRunning)).toBe(false);
  });

  it('ends with the exit code and the words of a worker that cannot go on', async () => {
    const pool = start(join(folder, 'weir.yaml'), '2');
    expect(await pool.ended).toBe(1);
    const words = pool.log().slice(pool.log().lastIndexOf('✗ '));
    expect(words).toMatch(/^✗ model_invalid: .*\n {2}Worker [01]: .*model\.yaml/);
    expect(words).toContain('→ ');
    expect(pool.log()).toMatch(/^worker [01]: ✗ model_invalid/m);
    expect(pool.log()).not.toContain('will be started again');
  });

  it('ends when a worker dies again and again', async () => {
    const pool = start(examplePath('weir.yaml'), '2');
    const shot = new Set<number>();
    const timer = setInterval(() => {
      for (const pid of workerPids(pool.log()).get(1) ?? []) if (!shot.has(pid) && shot.add(pid)) process.kill(pid, 'SIGKILL');
    }, 10);
    const outcome = await pool.ended.finally(() => clearInterval(timer));
    expect(outcome).toBe(1);
    expect(shot.size).toBe(5);
    expect(pool.log()).toContain('worker_crashed');
    expect(pool.log()).toContain('Worker 1 died 5 times without a minute of health, the last time: ended by SIGKILL.');
  });
});

describe('workerArgs', () => {
  it('calls the same program with the same options, less the debugger’s port', () => {
    const given = {
      execArgv: ['--inspect=0', '--inspect-brk', '--max-old-space-size=300'],
      argv: ['node', '/app/main.js', 'run', '--workers', '2'],
    };
    const common = ['--max-old-space-size=300', '/app/main.js', 'run', '--workers', '2', '--worker=1'];
    expect(workerArgs(1, [], given)).toEqual(common);
    expect(workerArgs(1, [{ groupId: 'a', memberId: 'b' }], given)).toEqual([...common, '--predecessors=[{"groupId":"a","memberId":"b"}]']);
  });
});
