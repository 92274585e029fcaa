import { type AddressInfo, createServer, type Server } from 'node:net';
import { DevServicesError } from './errors.ts';

/** As many different TCP ports of the loopback interface, all free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      servers.push(server);
    }
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
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
