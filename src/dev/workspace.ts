import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardItem, releaseItem } from './guard.ts';

/** The folder a service keeps its data and log in. */
export interface DataFolder {
  readonly path: string;
  /** Removes the folder, unless it was given by the caller. */
  remove(): Promise<void>;
  /** Lets the folder outlive this process. */
  release(): void;
}

/**
 * A temporary data folder that goes when it is removed or when this process ends.
 * @param given a folder of the caller's, which is made if missing and never removed: a service that is started on it
 *   again goes on from its data
 */
export async function createDataFolder(service: string, given?: string): Promise<DataFolder> {
  if (given !== undefined) {
    await mkdir(given, { recursive: true });
    return { path: given, remove: async () => undefined, release: () => undefined };
  }
  const path = await mkdtemp(join(tmpdir(), `weir-${service}-`));
  guardItem(`path:${path}`);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      releaseItem(`path:${path}`);
    },
    release: () => releaseItem(`path:${path}`),
  };
}
