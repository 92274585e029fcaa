/** A proxy in front of a broker that understands enough of Kafka's protocol to be mean to requests of one kind. */
import { connect, createServer, type Socket } from 'node:net';

/** Keys of the APIs that a worker settles with (Kafka's protocol guide, "API Keys"). */
export const API = { produce: 0, offsetCommit: 8, initProducerId: 22, addOffsetsToTxn: 25, endTxn: 26, txnOffsetCommit: 28 } as const;

/** What becomes of a request. `cut-before`: the broker never sees it; `cut-after`: it acts, but nobody hears of it. */
export type Treatment = 'pass' | 'cut-before' | 'cut-after' | { readonly delayMs: number } | { readonly until: Promise<void> };

/** A request, as far as the proxy reads it. */
export interface SeenRequest {
  readonly apiKey: number;
  readonly clientId: string;
}

/** A running proxy. */
export interface KafkaProxy {
  readonly port: number;
  /** Port of the broker; set it once it is up. */
  target: number;
  /** Asked for each request; default: everything passes. */
  treat: (request: SeenRequest) => Treatment;
  close(): void;
}

/** Starts a proxy on a free port. Requests of a connection keep their order; a delay holds up those behind it, as a slow broker does. */
export async function startKafkaProxy(): Promise<KafkaProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(proxy.target, '127.0.0.1');
    const link = new Link(client, broker, (request) => proxy.treat(request));
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket
        .on('error', () => link.cut())
        .on('close', () => {
          sockets.delete(socket);
          link.cut();
        });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: KafkaProxy = {
    port: (server.address() as { port: number }).port,
    target: 0,
    treat: () => 'pass',
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}

/** One connection of a client and the one behind it. */
class Link {
  private readonly client: Socket;
  private readonly broker: Socket;
  private readonly treat: (request: SeenRequest) => Treatment;
  private requests: Buffer = Buffer.alloc(0);
  private answers: Buffer = Buffer.alloc(0);
  private isHeld = false;
  /** Correlation id whose answer never arrives. */
  private fatal: number | undefined;

  constructor(client: Socket, broker: Socket, treat: (request: SeenRequest) => Treatment) {
    this.client = client;
    this.broker = broker;
    this.treat = treat;
    client.on('data', (bytes: Buffer) => {
      this.requests = this.requests.length === 0 ? bytes : Buffer.concat([this.requests, bytes]);
      this.forward();
    });
    broker.on('data', (bytes: Buffer) => this.answer(bytes));
  }

  cut(): void {
    this.client.destroy();
    this.broker.destroy();
  }

  /** Passes on whole requests: int32 size, int16 API key, int16 version, int32 correlation id, int16 length and client id. */
  private forward(): void {
    while (!this.isHeld && this.requests.length >= 4) {
      const size = 4 + this.requests.readInt32BE(0);
      if (this.requests.length < size) return;
      const request = this.requests.subarray(0, size);
      this.requests = this.requests.subarray(size);
      const nameLength = Math.max(0, request.readInt16BE(12));
      const treatment = this.treat({ apiKey: request.readInt16BE(4), clientId: request.toString('utf8', 14, 14 + nameLength) });
      if (treatment === 'cut-before') return this.cut();
      if (treatment === 'cut-after') this.fatal = request.readInt32BE(8);
      if (typeof treatment === 'object') {
        this.isHeld = true;
        const { promise, resolve } = Promise.withResolvers<void>();
        if ('until' in treatment) void treatment.until.then(resolve);
        else setTimeout(resolve, treatment.delayMs);
        void promise.then(() => {
          this.isHeld = false;
          this.broker.write(request);
          this.forward();
        });
      } else this.broker.write(request);
    }
  }

  /** Passes on answers, whole ones while one of them must not arrive: int32 size, int32 correlation id. */
  private answer(bytes: Buffer): void {
    if (this.fatal === undefined && this.answers.length === 0) {
      // Only the beginning of an answer must be at hand when one is to be held back; so keep what is incomplete.
      const rest = restAfterWhole(bytes);
      this.client.write(bytes.subarray(0, bytes.length - rest.length));
      this.answers = rest;
      return;
    }
    this.answers = Buffer.concat([this.answers, bytes]);
    while (this.answers.length >= 8) {
      const size = 4 + this.answers.readInt32BE(0);
      if (this.answers.length < size) return;
      if (this.answers.readInt32BE(4) === this.fatal) return this.cut();
      this.client.write(this.answers.subarray(0, size));
      this.answers = this.answers.subarray(size);
    }
  }
}

/** What follows the last whole answer. */
function restAfterWhole(bytes: Buffer): Buffer {
  let at = 0;
  while (bytes.length - at >= 4 && bytes.length - at >= 4 + bytes.readInt32BE(at)) at += 4 + bytes.readInt32BE(at);
  return bytes.subarray(at);
}
