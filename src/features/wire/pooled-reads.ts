import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { AbstractConnector } from 'ioredis';

/** Memory that a socket reads into. What a large batch is answered takes a few reads. */
const READ_BYTES = 262_144;

/** Sockets whose readers copy what they are given, so that the next read may have the same memory. */
const copying = new WeakSet<Socket>();

/** Says that whoever listens to `data` of this socket copies what comes before it returns. */
export function readIntoSameMemory(socket: Socket): void {
  copying.add(socket);
}

/**
 * Connects for ioredis, plain TCP to one server. Node makes a new buffer of 64 kB for every read of an ordinary socket; here it is
 * handed the memory to read into (`onread`).
 */
export class PooledReadsConnector extends AbstractConnector {
  private readonly options: { readonly port?: number; readonly host?: string; readonly family?: number };

  /** @param options those of the client */
  constructor(options: unknown) {
    const given = options as PooledReadsConnector['options'] & { readonly disconnectTimeout: number };
    super(given.disconnectTimeout);
    this.options = given;
  }

  /** As ioredis asks for it: the socket, not yet connected. */
  override connect(): Promise<Socket> {
    const { host, port, family } = this.options;
    this.connecting = true;
    return new Promise((resolve, reject) => {
      // ioredis may give up a connection before it has begun.
      process.nextTick(() => {
        if (!this.connecting) {
          reject(new Error('Connection is closed.'));
          return;
        }
        const memory = Buffer.allocUnsafeSlow(READ_BYTES);
        const onread = {
          buffer: memory,
          callback(bytes: number): boolean {
            const view = memory.subarray(0, bytes);
            socket.emit('data', copying.has(socket) ? view : Buffer.from(view));
            return true;
          },
        };
        const socket = connect({
          port: port ?? 6379,
          host: host ?? '127.0.0.1',
          ...(family === undefined ? {} : { family }),
          onread,
        } as NetConnectOpts);
        // ioredis asks for it when a connection fails before it is ready.
        socket.once('error', (error) => {
          this.firstError = error;
        });
        this.stream = socket;
        resolve(socket);
      });
    });
  }
}
