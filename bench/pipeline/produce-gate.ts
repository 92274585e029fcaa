import { connect, createServer } from 'node:net';

/** A proxy in front of a broker whose produce requests of one client can be held back. */
export interface ProduceGate {
  readonly port: number;
  /** Where to connect to; set it once the broker is up. */
  target: number;
  close(): void;
  /** Produce requests of `clientId` are no longer passed on. */
  shut(clientId: string): void;
  /** What waited goes on. */
  open(): void;
}

const PRODUCE = 0;

/**
 * Starts a proxy on a free port. It reads the length, API key and client id of each request (Kafka's protocol guide,
 * "Protocol Primitive Types"), so heartbeats and fetches flow while produce stands still: a broker whose disk hangs,
 * or a quota.
 */
export async function startProduceGate(): Promise<ProduceGate> {
  let held: string | undefined;
  const waiting = new Set<() => void>();
  const server = createServer((client) => {
    const broker = connect(gate.target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      broker.destroy();
    };
    let pending = Buffer.alloc(0);
    const pass = (): void => {
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const size = 4 + pending.readInt32BE(0);
        if (held !== undefined && pending.readInt16BE(4) === PRODUCE) {
          const nameLength = pending.readInt16BE(12);
          if (pending.toString('utf8', 14, 14 + nameLength) === held) return;
        }
        broker.write(pending.subarray(0, size));
        pending = pending.subarray(size);
      }
    };
    waiting.add(pass);
    client.on('data', (bytes) => {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      pass();
    });
    broker.on('data', (bytes) => client.write(bytes));
    for (const socket of [client, broker]) socket.on('error', end).on('close', () => (end(), waiting.delete(pass)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gate: ProduceGate = {
    port: (server.address() as { port: number }).port,
    target: 0,
    close: () => void server.close(),
    shut(clientId) {
      held = clientId;
    },
    open() {
      held = undefined;
      for (const pass of waiting) pass();
    },
  };
  return gate;
}
