import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { isAlive } from '../../../src/dev/cache.ts';
import { beginService, type LocalService, type LocalServiceParts, startService } from '../../../src/dev/local-service.ts';
import { startProcess, waitUntilReady } from '../../../src/dev/process.ts';
import { createDataFolder } from '../../../src/dev/workspace.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'weir-local-service-test-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** A shell that appends a line to the file `starts` and then runs `script`. */
async function parts(script: string, given?: string): Promise<LocalServiceParts> {
  const folder = await createDataFolder('test', given);
  const starts = join(folder.path, 'starts');
  const args = ['-c', `echo started >>'${starts}'; ${script}`];
  return {
    folder,
    endpoint: 'nowhere:1',
    port: 1,
    async start() {
      await rm(join(folder.path, 'ready'), { force: true });
      return startProcess({ name: 'shell', command: 'sh', args, logFile: join(folder.path, 'log') });
    },
    untilReady: (process) => waitUntilReady(process, () => existsSync(join(folder.path, 'ready')), { timeoutMs: 30_000 }),
  };
}

const startsOf = (service: LocalService): number => readFileSync(join(service.dataFolder, 'starts'), 'utf8').split('\n').length - 1;

async function started(): Promise<LocalService> {
  const service = await startService(await parts(`touch '${parent}/ready'; exec sleep 60`, parent));
  onTestFinished(() => service.stop());
  return service;
}

test('a restart after a crash runs a new process on the same data', async () => {
  const service = await started();
  const { pid } = service;
  service.kill('SIGKILL');
  expect(await service.outcome).toBe('SIGKILL');
  await service.restart();
  expect([isAlive(pid), isAlive(service.pid), startsOf(service)]).toEqual([false, true, 2]);
});

test('a restart ends a process that still runs, and two at once are one', async () => {
  const service = await started();
  const { pid, outcome } = service;
  await Promise.all([service.restart(), service.restart()]);
  expect([await outcome, isAlive(pid), isAlive(service.pid), startsOf(service)]).toEqual(['SIGTERM', false, true, 2]);
});

test('a stopped service on a given folder can be restarted; one whose data are gone cannot', async () => {
  const service = await started();
  await service.stop();
  await service.restart();
  expect(isAlive(service.pid)).toBe(true);
  await service.stop();
  await rm(parent, { recursive: true });
  await expect(service.restart()).rejects.toThrow('stopped for good');
  expect(isAlive(service.pid)).toBe(false);
});

test('a stop during a restart wins, and leaves no process', async () => {
  const service = await started();
  const [restarted] = await Promise.allSettled([service.restart(), service.stop()]);
  expect(restarted).toMatchObject({
    reason: { message: expect.stringMatching(/was stopped while it was restarted|ended while starting/) },
  });
  expect(isAlive(service.pid)).toBe(false);
});

test('a process that ends before it is ready is an error with its last words', async () => {
  const { service, ready } = await beginService(await parts('echo no luck; exit 3', parent));
  await expect(ready()).rejects.toThrow('no luck');
  expect(await service.outcome).toBe('exit 3');
});

test('a temporary folder goes with the service', async () => {
  const made = await parts('exec sleep 60');
  const { service } = await beginService(made);
  expect(existsSync(made.folder.path)).toBe(true);
  await service.stop();
  expect([existsSync(made.folder.path), isAlive(service.pid)]).toEqual([false, false]);
  await service.stop();
});
