import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFolder, installOnce, isAlive } from '../../../src/dev/cache.ts';

let root: string;
let lines: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'weir-cache-test-'));
  lines = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = (content: string) => (folder: string) => writeFile(join(folder, 'file'), content);
const request = (install: (folder: string) => Promise<void>) => ({
  name: 'thing-1',
  announcement: 'fetching thing …',
  log: (line: string) => void lines.push(line),
  root,
  install,
});

test('installs at first use and says so once', async () => {
  const folder = await installOnce(request(write('first')));
  expect(folder).toBe(join(root, 'thing-1'));
  await installOnce(request(write('second')));
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('first');
  expect(lines).toEqual(['fetching thing …']);
  expect(await readdir(root)).toEqual(['thing-1']);
});

test('ten at once do the work once and all get it', async () => {
  let installs = 0;
  const install = async (folder: string): Promise<void> => {
    installs++;
    await delay(50);
    await write('x')(folder);
  };
  const folders = await Promise.all(Array.from({ length: 10 }, () => installOnce(request(install))));
  expect(new Set(folders)).toEqual(new Set([join(root, 'thing-1')]));
  expect(installs).toBe(1);
  expect(await readdir(root)).toEqual(['thing-1']);
});

test('a failed installation leaves nothing behind, and the next one starts anew', async () => {
  const failing = installOnce(
    request(async (folder) => {
      await write('half')(folder);
      throw new Error('no network');
    }),
  );
  await expect(failing).rejects.toThrow('no network');
  expect(await readdir(root)).toEqual([]);
  const folder = await installOnce(request(write('whole')));
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('whole');
});

test('takes over the lock of a process that is gone', async () => {
  await writeFile(join(root, 'thing-1.lock'), '4194305'); // above the highest pid of Linux and macOS
  await installOnce(request(write('x')));
  expect(await readdir(root)).toEqual(['thing-1']);
});

test('waits while a living process holds the lock, and uses what that one made', async () => {
  await writeFile(join(root, 'thing-1.lock'), String(process.ppid));
  const waiting = installOnce(request(write('ours')));
  while (lines.length === 0) await delay(10);
  expect(existsSync(join(root, 'thing-1'))).toBe(false);
  await installOnce({ ...request(write('theirs')), name: 'made-by-them' });
  await rename(join(root, 'made-by-them'), join(root, 'thing-1'));
  expect(await readFile(join(await waiting, 'file'), 'utf8')).toBe('theirs');
  expect(lines[0]).toBe(`waiting for process ${process.ppid}, which is fetching thing-1`);
});

test('the cache follows XDG_CACHE_HOME', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/somewhere' })).toBe(join('/somewhere', 'weir'));
  expect(cacheFolder({})).toMatch(/\.cache.weir$/);
});

test('isAlive knows this process and no impossible one', () => {
  expect(isAlive(process.pid)).toBe(true);
  expect(isAlive(4_194_305)).toBe(false);
});
