import { createServer, type Server, type Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { createFramedSockets } from '../../../../src/kafka/protocol/framed-socket.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';

interface Connection {
  socket: Socket | null;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  authHandlers: unknown;
  requestQueue: { fulfillRequest(response: { size: number; correlationId: number; payload: Buffer }): void };
  processData(data: Buffer): void;
}

const servers: Server[] = [];
const sockets: Socket[] = [];

async function serverThat(onClient: (client: Socket) => void | Promise<void>): Promise<number> {
  const server = createServer((client) => {
    client.on('error', () => {}); // The client resets it when a test is over.
    void onClient(client);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

function connectTo(port: number): Socket {
  const socket = createFramedSockets()({ host: '127.0.0.1', port, ssl: undefined as never, onConnect: () => {} });
  sockets.push(socket);
  return socket;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Responses as a broker frames them: size, correlation id, payload. */
function response(correlationId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + payload.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, payload]);
}

const payloadOf = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) & 255));

describe('framed sockets', () => {
  it.each([1, 3, 4, 5, 1_000, 1 << 30])('give kafkajs each response whole, whatever pieces of %i bytes it comes in', async (piece) => {
    const sizes = [0, 1, 70_000, 5, 65_532, 200_000, 0];
    const bytes = Buffer.concat(sizes.slice(0, piece < 1_000 ? 2 : undefined).map((size, i) => response(i, payloadOf(size))));
    const expected = piece < 1_000 ? 2 : sizes.length;
    const port = await serverThat(async (client) => {
      client.setNoDelay(true);
      for (let at = 0; at < bytes.length; at += piece) {
        await new Promise((resolve) => client.write(bytes.subarray(at, at + piece), resolve));
        if (piece < 1_000) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    const socket = connectTo(port);
    const fulfilled: { correlationId: number; payload: Buffer }[] = [];
    const connection = Object.assign(
      Object.create(kafkajsInternal<{ prototype: Connection }>('src/network/connection.js').prototype) as Connection,
      {
        socket,
        chunks: [],
        bytesBuffered: 0,
        bytesNeeded: 4,
        authHandlers: null,
        requestQueue: { fulfillRequest: (given: { correlationId: number; payload: Buffer }) => void fulfilled.push(given) },
      },
    );
    const events: number[] = [];
    await new Promise<void>((resolve) => {
      socket.on('data', (data: Buffer) => {
        events.push(data.length);
        connection.processData(data);
        if (fulfilled.length === expected) resolve();
      });
    });
    expect(events).toEqual(sizes.slice(0, expected).map((size) => size + 8));
    expect(fulfilled.map(({ correlationId }) => correlationId)).toEqual(sizes.slice(0, expected).map((_, i) => i));
    for (const [i, { payload }] of fulfilled.entries()) {
      expect(payload.equals(payloadOf(sizes[i]!))).toBe(true);
      // Not a copy: it lies 8 bytes into the memory that was read into.
      if (payload.length > 0) expect(payload.byteOffset).toBe(8);
    }
  });

  it('end when the other side does', async () => {
    const port = await serverThat((client) => void client.end());
    const socket = connectTo(port);
    socket.on('data', () => {});
    await expect(new Promise<string>((resolve) => socket.on('end', () => resolve('ended')))).resolves.toBe('ended');
  });

  it('fail a connection to what does not speak the protocol, without taking memory for its answer', async () => {
    const port = await serverThat((client) => void client.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const socket = connectTo(port);
    socket.on('data', () => {});
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error.message).toContain(`127.0.0.1:${port} answers with 1213486160 bytes`);
  });

  it('leave connections of clients without the factory as they are', () => {
    createFramedSockets();
    const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING });
    expect(kafka).toBeDefined();
    const { prototype } = kafkajsInternal<{ prototype: Connection }>('src/network/connection.js');
    const empty = Buffer.alloc(0);
    const stock = Object.assign(Object.create(prototype) as Connection, {
      socket: null,
      chunks: [empty],
      bytesBuffered: 0,
      bytesNeeded: 4,
      authHandlers: null,
    });
    stock.processData(Buffer.alloc(2));
    expect(stock.chunks).toEqual([empty, Buffer.alloc(2)]);
  });
});
