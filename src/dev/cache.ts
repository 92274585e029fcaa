import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { guardItem, releaseItem } from './guard.ts';

/** Takes one line of progress for the person who waits. */
export type LineLog = (line: string) => void;

/** Where fetched programs are kept: `$XDG_CACHE_HOME/weir`, else `~/.cache/weir`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'weir');
}

/** What to keep in the cache, and how to get it. */
export interface Installation {
  /** Name of the folder in the cache, version included. */
  readonly name: string;
  /** What the person reads while it lasts. */
  readonly announcement: string;
  /** Fills the empty folder. Whatever it throws leaves the cache as it was. */
  install(folder: string): Promise<void>;
  readonly log: LineLog;
  /** The cache; default `cacheFolder()`. */
  readonly root?: string;
}

/**
 * The folder of an installation, made at first use.
 *
 * Any number of processes may ask at once: the content is built in a folder of its own and renamed into place, so
 * the folder is there completely or not at all. The lock beside it only saves the others the work; one that was left
 * by a dead process is taken over, and were two processes to hold it, the second rename would find the first one's.
 */
export async function installOnce(installation: Installation): Promise<string> {
  const { name, log } = installation;
  const target = join(installation.root ?? cacheFolder(), name);
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  const unlock = await lock(`${target}.lock`, () => existsSync(target), name, log);
  if (unlock === undefined) return target;
  const building = `${target}.${process.pid}.${randomUUID().slice(0, 8)}`;
  guardItem(`path:${building}`);
  try {
    if (existsSync(target)) return target;
    log(installation.announcement);
    await mkdir(building);
    await installation.install(building);
    await rename(building, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
    return target;
  } finally {
    await rm(building, { recursive: true, force: true });
    releaseItem(`path:${building}`);
    await unlock();
  }
}

/** Holds the lock file and returns how to let it go, or undefined when the work was done by somebody else meanwhile. */
async function lock(file: string, isDone: () => boolean, name: string, log: LineLog): Promise<(() => Promise<void>) | undefined> {
  let told = false;
  while (!isDone()) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      guardItem(`path:${file}`);
      return async () => {
        await rm(file, { force: true });
        releaseItem(`path:${file}`);
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = holderOf(file);
    if (holder !== undefined && !isAlive(holder)) await rm(file, { force: true });
    else if (!told && holder !== undefined) {
      told = true;
      log(`waiting for process ${holder}, which is fetching ${name}`);
    }
    await delay(100);
  }
  return undefined;
}

function holderOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // let go between our open and our read
  }
}

/** True when a process with this pid runs, ours or somebody else's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
