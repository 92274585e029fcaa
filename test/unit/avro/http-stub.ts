import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A request as the stub saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What the stub answers: status and body (objects as JSON), or nothing at all, or whatever the function does with the socket. */
export type StubAnswer =
  | { readonly status: number; readonly body?: unknown; readonly type?: string }
  | 'hang'
  | ((response: ServerResponse) => void);

/** A local HTTP server that plays a registry in ways in which a real one cannot be made to fail. Closed when the test ends. */
export async function startHttpStub(answer: (request: SeenRequest) => StubAnswer): Promise<{ origin: string; seen: SeenRequest[] }> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seenRequest = { method, path: url, headers, body: Buffer.concat(parts).toString() };
      seen.push(seenRequest);
      const what = answer(seenRequest);
      if (what === 'hang') return;
      if (typeof what === 'function') return what(response);
      const { status, body = '', type = 'application/json' } = what;
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
