import { randomInt } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { DevServicesError } from './errors.ts';

/**
 * Below the ports that Linux (32768 and up) and macOS (49152 and up) give to outgoing connections. A client that keeps
 * dialling a server which is being restarted could otherwise be given the port of that server, and even be connected to
 * itself.
 */
const LOWEST_PORT = 12_288;
const HIGHEST_PORT = 32_767;

/** As many different TCP ports of the loopback interface, all free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let attempt = 0; servers.length < count; attempt++) {
      const server = createServer();
      const isFree = await listens(server, randomInt(LOWEST_PORT, HIGHEST_PORT + 1));
      if (isFree) servers.push(server);
      else if (attempt >= count + 1_000) throw new DevServicesError(`no free port found between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
    }
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** False when somebody has the port. */
async function listens(server: Server, port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
}

/** How servers of all kinds (Redis, Java, Quarkus, Docker) say that somebody else has the port. */
const PORT_CLASH = /address already in use|BindException|port already bound|in use by another process|port is already allocated/i;

/**
 * Runs `start` with free ports, and again with others when somebody took one in between: a port can only be
 * chosen, not reserved, for a server that must know its port beforehand.
 */
export async function withFreePorts<T>(count: number, start: (ports: readonly number[]) => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePorts(count));
    } catch (error) {
      if (attempt >= attempts || !(error instanceof Error) || !PORT_CLASH.test(error.message)) throw error;
    }
  }
}

/** The port at `index`. @throws DevServicesError when there is none */
export function portAt(ports: readonly number[], index: number): number {
  const port = ports[index];
  if (port === undefined) throw new DevServicesError(`port ${index} of ${ports.length} was asked for`);
  return port;
}
