import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { PooledReadsConnector } from '../../../../src/features/wire/pooled-reads.ts';
import { ReplyLane } from '../../../../src/features/wire/reply-lane.ts';
import { viewOf } from '../../../../src/core/bytes.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that the test plays, and a lane to it. */
async function laneTo(onRequest: (socket: Socket, request: Buffer) => void, silenceMs = 5_000) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request) => onRequest(socket, request));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Redis({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    Connector: PooledReadsConnector,
    retryStrategy: () => 20,
  });
  client.on('error', () => {}); // The tests look at what a batch is told.
  closers.push(() => {
    client.disconnect();
    server.close();
  });
  const lane = new ReplyLane(client, silenceMs);
  await client.connect();
  const send = async (text: string, replies: number): Promise<string[]> => {
    const exchange = lane.exchange();
    exchange.request.put(viewOf(Buffer.from(text)));
    await lane.send(exchange, replies);
    const { buffer, start, length, first } = exchange.replies;
    const read = Array.from({ length: replies }, (_, i) => {
      const value = first[i]!;
      return buffer.toString('utf8', start[value], start[value]! + length[value]!);
    });
    lane.give(exchange);
    return read;
  };
  return { client, send };
}

describe('ReplyLane', () => {
  it('gives every request its replies, in whatever pieces they come', async () => {
    const { send } = await laneTo((socket) => {
      void (async () => {
        const all = Buffer.from('$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n');
        for (const size of [3, 9, 1, 8]) {
          const at = socket.bytesWritten;
          socket.write(all.subarray(at, at + size));
          await pause(5);
        }
      })();
    });
    // One write of the socket each; the server answers both at the first.
    const answers = await Promise.all([send('x', 2), send('', 1)]);
    expect(answers).toEqual([['a', 'b'], ['c']]);
  });

  it('uses the same memory for the next batch', async () => {
    const { send } = await laneTo((socket, request) => {
      const size = Number(request);
      socket.write(`$${size}\r\n${'x'.repeat(size)}\r\n`);
    });
    for (const size of [3, 12, 700_000, 5]) expect(await send(String(size), 1)).toEqual(['x'.repeat(size)]);
  });

  it('fails all that wait when what comes is no reply, and connects again', async () => {
    let requests = 0;
    const { client, send } = await laneTo((socket) => socket.write(requests++ === 0 ? 'HTTP/1.1 400 Bad Request\r\n' : '+OK\r\n'));
    const [first, second] = [send('x', 1), send('', 1)];
    await expect(first).rejects.toMatchObject({ name: 'ParserError' });
    await expect(second).rejects.toMatchObject({ name: 'ParserError' });
    await once(client, 'ready');
    expect(await send('x', 1)).toEqual(['OK']);
  });

  it('leaves a server that sends more than was asked for', async () => {
    const { client, send } = await laneTo((socket) => socket.write('+OK\r\n+and more\r\n'));
    expect(await send('x', 1)).toEqual(['OK']);
    await once(client, 'close');
  });

  it('fails what waits when the connection ends, and what comes while there is none', async () => {
    const { client, send } = await laneTo((socket) => socket.destroy());
    await expect(send('x', 1)).rejects.toThrow('Connection is closed.');
    client.disconnect();
    await expect(send('x', 1)).rejects.toThrow('Connection is closed.');
  });

  it('leaves a server that owes replies and is silent, and lets an idle one be', async () => {
    const { client, send } = await laneTo(() => {}, 100);
    await pause(250);
    expect(client.status).toBe('ready');
    await expect(send('x', 1)).rejects.toThrow('Connection is closed.');
  });
});
