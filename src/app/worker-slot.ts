import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeirError } from '../core/errors.ts';

/** More workers of one group on one host are not meant. */
const MAX_SLOTS = 1_000;

/** A name that no other worker on this host has while this one lives. */
export interface WorkerSlot {
  /** `<group>-<host name>-<slot>`. */
  readonly id: string;
  release(): Promise<void>;
}

/**
 * Takes the first slot of a group that is free on this host: a worker that is started again finds the slot of the one that
 * died, and with it the transactional id under which its open transaction is aborted at once instead of after a time-out.
 *
 * The slot is held by listening on a local socket, which the kernel gives up with the process, however it ends.
 * @param options.from first slot to try; the workers of a pool begin at their own numbers, so that each comes back to its slot
 * @throws WeirError `state_invalid` when no socket can be had
 */
export async function takeWorkerSlot(
  groupId: string,
  { host = hostname(), from = 0 }: { readonly host?: string; readonly from?: number } = {},
): Promise<WorkerSlot> {
  for (let tried = 0; tried < MAX_SLOTS; tried++) {
    const slot = (from + tried) % MAX_SLOTS;
    const id = `${groupId}-${host}-${slot}`;
    const server = await listen(socketPath(id));
    if (server) return { id, release: () => new Promise((resolve) => server.close(() => resolve())) };
  }
  throw new WeirError('state_invalid', `No free worker slot of group ${groupId} on ${host}; set delivery.transactionalId.`);
}

/** Linux has names of sockets that are no files: nothing is left behind, and no writable folder is needed. */
function socketPath(id: string): string {
  const name = `weir-${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`);
}

/** Undefined when another process listens there. */
async function listen(path: string, isRetry = false): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, exclusive: true }, resolve);
    });
  } catch (thrown) {
    const cause = thrown as NodeJS.ErrnoException;
    if (cause.code !== 'EADDRINUSE') {
      throw new WeirError('state_invalid', `Cannot take a worker slot (${cause.message}); set delivery.transactionalId.`, { cause });
    }
    // The file of a process that was killed is still there, and nobody answers.
    if (isRetry || path.startsWith('\0') || (await isAnswered(path))) return undefined;
    await rm(path, { force: true });
    return listen(path, true);
  }
  server.unref();
  return server;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
