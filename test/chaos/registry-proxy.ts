/** A proxy in front of the schema registry that answers, refuses or fails. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running proxy. */
export interface RegistryProxy {
  /** Base URL for clients. */
  readonly url: string;
  /** `down`: connections are reset; `failing`: status 500. */
  mode: 'up' | 'down' | 'failing';
  /** Requests that met a fault. */
  readonly faults: number;
  close(): void;
}

/** Starts a proxy to the registry whose base URL is given. */
export async function startRegistryProxy(target: string): Promise<RegistryProxy> {
  let faults = 0;
  const base = new URL(target);
  const server = createServer((request, response) => {
    if (proxy.mode !== 'up') faults++;
    if (proxy.mode === 'down') return request.socket.resetAndDestroy();
    if (proxy.mode === 'failing') return response.writeHead(500, { 'content-type': 'text/plain' }).end('out of order');
    // weir only reads from the registry here.
    fetch(new URL(request.url ?? '/', base.origin), { signal: AbortSignal.timeout(10_000) })
      .then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      })
      .catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: RegistryProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base.pathname}`,
    mode: 'up',
    get faults() {
      return faults;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}
