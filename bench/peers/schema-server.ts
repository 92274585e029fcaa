/** The schema registry that the contract does without: knows the event schema by its id, and gives a new id to whatever is registered. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EVENT_SCHEMA_ID, FEATURE_EVENT, PREDICTION_SCHEMA_ID } from './contract.ts';

/** Listens on a free port of this machine. */
export async function startSchemaServer(): Promise<{ readonly url: string; close(): void }> {
  let lastId = PREDICTION_SCHEMA_ID;
  const server = createServer((request, response) => {
    request.resume();
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
    };
    if (request.method === 'POST') answer(200, { id: ++lastId });
    else if (request.url?.startsWith(`/schemas/ids/${EVENT_SCHEMA_ID}`)) answer(200, { schema: JSON.stringify(FEATURE_EVENT) });
    else answer(404, { error_code: 40403, message: 'Schema not found' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}
