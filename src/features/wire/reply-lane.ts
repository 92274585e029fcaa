import type { Socket } from 'node:net';
import type { Redis } from 'ioredis';
import { readIntoSameMemory } from './pooled-reads.ts';
import { ReplyColumns } from './reply-columns.ts';
import { RequestBytes } from './request-bytes.ts';

/** Request and replies of one batch. */
export interface Exchange {
  readonly request: RequestBytes;
  readonly replies: ReplyColumns;
}

interface Pending {
  readonly exchange: Exchange;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What is kept for the next batches; as many as are under way at a time, usually. */
const MAX_IDLE = 16;

/**
 * A connection whose replies are read into columns. ioredis makes it, authenticates, selects the database and makes it again
 * when it breaks; once it is ready, nothing but batches goes over it, and their replies do not pass through ioredis, which makes
 * a Buffer of every value and a promise of every command (HMGET of 13 fields: 7 µs an entity; here under one).
 */
export class ReplyLane {
  private readonly silenceMs: number;
  private socket: Socket | undefined;
  /** When bytes came last, or were first waited for. */
  private heardMs = 0;
  private watchdog: NodeJS.Timeout | undefined;
  private readonly waiting: Pending[] = [];
  private readonly idle: Exchange[] = [];

  /**
   * @param client used by nobody else
   * @param silenceMs a server that owes replies and says nothing for so long is left and dialled again
   */
  constructor(client: Redis, silenceMs: number) {
    this.silenceMs = silenceMs;
    client.on('ready', () => this.take(client.stream as Socket));
    client.on('close', () => this.drop(new Error('Connection is closed.')));
    client.on('end', () => this.drop(new Error('Connection is closed.')));
  }

  /** Room for a request and its replies, to be given back by `give` once the replies are read. */
  exchange(): Exchange {
    const exchange = this.idle.pop() ?? { request: new RequestBytes(), replies: new ReplyColumns() };
    exchange.request.clear();
    return exchange;
  }

  /** Only what was answered may be given back: into the rest replies may still come. */
  give(exchange: Exchange): void {
    if (this.idle.length < MAX_IDLE) this.idle.push(exchange);
  }

  /** Sends a request. Resolves when all its replies are in `exchange.replies`; rejects when the connection is lost or not there. */
  send(exchange: Exchange, replies: number): Promise<void> {
    exchange.replies.expect(replies);
    return new Promise((resolve, reject) => {
      const { socket } = this;
      if (!socket?.writable) {
        reject(new Error('Connection is closed.'));
        return;
      }
      this.waiting.push({ exchange, resolve, reject });
      if (this.waiting.length === 1) this.heardMs = performance.now();
      this.watchdog ??= setTimeout(() => this.listen(), this.silenceMs);
      socket.write(exchange.request.bytes);
    });
  }

  private take(socket: Socket): void {
    this.socket = socket;
    // ioredis' reader of replies. Nothing that it has asked is unanswered any more.
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    readIntoSameMemory(socket);
  }

  /** Leaves a server that owes replies and says nothing; a timer of the socket would take what is sent for a sign of life. */
  private listen(): void {
    this.watchdog = undefined;
    // What has arrived by now counts: timers run before sockets are read.
    setImmediate(() => {
      if (this.waiting.length === 0) return;
      const leftMs = this.heardMs + this.silenceMs - performance.now();
      if (leftMs > 0) this.watchdog ??= setTimeout(() => this.listen(), leftMs);
      else this.socket?.destroy(new Error('Socket timeout. Expecting data, but did not receive any.'));
    });
  }

  private read(chunk: Buffer): void {
    this.heardMs = performance.now();
    try {
      for (let at = 0; at < chunk.length; ) {
        const [first] = this.waiting;
        if (!first) throw new RangeError('bytes that answer nothing');
        const { replies } = first.exchange;
        const bytes = chunk.length - at;
        chunk.copy(replies.room(bytes), 0, at);
        if (!replies.took(bytes)) return;
        at = chunk.length - replies.surplus;
        this.waiting.shift();
        first.resolve();
      }
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const error = Object.assign(new Error(`Protocol error: ${thrown.message}`), { name: 'ParserError' });
      this.drop(error);
      this.socket?.destroy();
    }
  }

  private drop(error: Error): void {
    clearTimeout(this.watchdog);
    this.watchdog = undefined;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
