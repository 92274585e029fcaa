import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a real service that can be made to fail as networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Bytes stop flowing both ways; connections stay, as behind a router that drops packets, or a stopped server. */
  stall(): void;
  /** Undoes `stall`; what waited goes on. */
  resume(): void;
  /** Resets every connection and refuses new ones until `restore`. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Leads new connections to another port of the host. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port to `host:port`. */
export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  let target = port;
  const pairs = new Set<[Socket, Socket]>();
  let stalled = false;
  let accepted = 0;
  const server = createServer((client) => {
    accepted++;
    const upstream = connect(target, host);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    for (const socket of pair) socket.on('error', drop).on('close', drop);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => client.write(bytes));
    if (stalled) for (const socket of pair) socket.pause();
  });
  const listen = (at: number): Promise<void> => new Promise((resolve) => server.listen(at, '127.0.0.1', resolve));
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const [client] of pairs) client.resetAndDestroy();
    });
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  const own = address.port;
  const setStalled = (value: boolean): void => {
    stalled = value;
    for (const pair of pairs) for (const socket of pair) stalled ? socket.pause() : socket.resume();
  };
  return {
    port: own,
    get accepted() {
      return accepted;
    },
    stall: () => setStalled(true),
    resume: () => setStalled(false),
    cut: stop,
    restore: () => listen(own),
    leadTo: (other) => void (target = other),
    close: async () => {
      if (server.listening) await stop();
    },
  };
}
