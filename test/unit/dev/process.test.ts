import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive } from '../../../src/dev/cache.ts';
import { DevServicesError } from '../../../src/dev/errors.ts';
import { startProcess, tailOf, waitUntilReady } from '../../../src/dev/process.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-process-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function shell(script: string) {
  return startProcess({ name: 'thing', command: 'sh', args: ['-c', script], logFile: join(folder, 'log') });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(20);
}

describe('startProcess', () => {
  test('writes both outputs to the log and tells the outcome', async () => {
    const process = await shell('echo out; echo err >&2; exit 3');
    expect(await process.outcome).toBe('exit 3');
    expect(process.hasEnded()).toBe(true);
    expect(tailOf(process.logFile).split('\n').sort()).toEqual(['err', 'out']);
  });

  test('says what could not be started', async () => {
    const started = startProcess({ name: 'thing', command: join(folder, 'nothing'), args: [], logFile: join(folder, 'log') });
    await expect(started).rejects.toThrow(DevServicesError);
    await expect(started).rejects.toThrow(/thing could not be started: .*ENOENT/);
  });

  test('stop ends a process that ignores SIGTERM, after the grace', async () => {
    const process = await shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    await until(() => tailOf(process.logFile) === 'ready');
    await process.stop(100);
    expect(await process.outcome).toBe('SIGKILL');
    expect(isAlive(process.pid)).toBe(false);
    await process.stop(); // once more does no harm
  });

  test('stop ends a frozen process', async () => {
    const process = await shell('exec sleep 600');
    process.kill('SIGSTOP');
    await process.stop();
    expect(await process.outcome).toBe('SIGTERM');
  });
});

describe('waitUntilReady', () => {
  test('reports the last words of a process that ends instead', async () => {
    const process = await shell('echo cannot bind: Address already in use; exit 1');
    const waiting = waitUntilReady(process, () => false, { timeoutMs: 60_000, pollMs: 5 });
    await expect(waiting).rejects.toThrow(/^thing ended while starting.*\ncannot bind: Address already in use$/);
  });

  test('reports the last words when the time is up', async () => {
    const process = await shell('echo still at it; exec sleep 600');
    await until(() => tailOf(process.logFile) !== '');
    const waiting = waitUntilReady(process, () => false, { timeoutMs: 20, pollMs: 5 });
    await expect(waiting).rejects.toThrow(/thing was not ready after 0 s.*\nstill at it$/);
    await process.stop();
  });
});

test('tailOf gives the last lines, and nothing for no file', async () => {
  const file = join(folder, 'lines');
  expect(tailOf(file)).toBe('');
  await writeFile(file, '1\n2\n3\n');
  expect(tailOf(file, 2)).toBe('2\n3');
});

describe('what this process started does not outlive it', () => {
  // A parent that starts a process and holds a folder, releases another pair, and then ends as told.
  const parent = (ending: string): string => `
    import { spawn } from 'node:child_process';
    import { guardChild, startProcess } from ${JSON.stringify(new URL('../../../src/dev/process.ts', import.meta.url).href)};
    import { createDataFolder } from ${JSON.stringify(new URL('../../../src/dev/workspace.ts', import.meta.url).href)};
    const kept = await createDataFolder('released'); kept.release();
    const data = await createDataFolder('guarded with spaces');
    const gone = await startProcess({ name: 'gone', command: 'true', args: [], logFile: data.path + '/log' });
    await gone.outcome;
    const child = await startProcess({ name: 'sleep', command: 'sleep', args: ['600'], logFile: data.path + '/log' });
    const released = await startProcess({ name: 'sleep', command: 'sleep', args: ['600'], logFile: data.path + '/log' });
    released.release();
    const own = spawn('sleep', ['600'], { stdio: 'ignore' });
    guardChild(own);
    console.log(JSON.stringify({ pid: child.pid, ownPid: own.pid, folder: data.path, releasedPid: released.pid, releasedFolder: kept.path }));
    ${ending}
  `;

  test.each([
    ['kill -9', 'process.kill(process.pid, "SIGKILL");', 'SIGKILL'],
    ['SIGTERM', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);', 'SIGTERM'],
    ['Ctrl-C', 'process.kill(process.pid, "SIGINT"); setInterval(() => {}, 1000);', 'SIGINT'],
    ['an uncaught exception', 'throw new Error("on purpose");', 1],
    ['process.exit', 'process.exit(0);', 0],
  ])('after %s', async (_name, ending, expected) => {
    const script = join(folder, 'parent.ts');
    await writeFile(script, parent(ending));
    const output = join(folder, 'output');
    const child = spawn('sh', ['-c', 'exec "$0" "$1" > "$2" 2> "$2.err"', process.execPath, script, output]);
    const how = await new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    expect(how).toBe(expected);
    const started = JSON.parse(await readFile(output, 'utf8')) as {
      pid: number;
      ownPid: number;
      folder: string;
      releasedPid: number;
      releasedFolder: string;
    };
    await until(() => !existsSync(started.folder));
    await until(() => !isRunning(started.pid) && !isRunning(started.ownPid));
    expect(isRunning(started.releasedPid)).toBe(true);
    expect(existsSync(started.releasedFolder)).toBe(true);
    process.kill(started.releasedPid, 'SIGKILL');
    await rm(started.releasedFolder, { recursive: true });
  });
});

/** An orphan that ended may stay a zombie until the first process of the machine takes notice; it runs no more. */
function isRunning(pid: number): boolean {
  if (!isAlive(pid)) return false;
  const state = existsSync(`/proc/${pid}/stat`) ? stateOf(pid) : 'R';
  return state !== 'Z';
}

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? 'Z';
  } catch {
    return 'Z';
  }
}
