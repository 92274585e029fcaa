import { BrokenCircuitError, type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import { isRetriable, WeirError } from '../core/errors.ts';
import type { EntityKeys, FeatureTable, Logger } from '../core/ports.ts';
import type { LayoutReader, Tally } from './layouts/layout.ts';
import { createRedisClient, redisUrl } from './redis-client.ts';
import { DeadlineError, storeErrorFrom } from './redis-errors.ts';
import { PooledReadsConnector } from './wire/pooled-reads.ts';
import { ReplyLane } from './wire/reply-lane.ts';

/** How long `start` waits for the first connection. */
const START_TIMEOUT_MS = 10_000;

/** Opens after so many failed calls in a row; lets one call through every `resetMs`. */
export interface BreakerOptions {
  readonly failures: number;
  readonly resetMs: number;
}

/** How to reach one Redis server. */
export interface RedisConnectionOptions {
  /** `redis://` or `rediss://` (TLS), with user, password and database number as usual. */
  readonly url: string;
  /** Goes before the password of the URL. */
  readonly password?: string;
  /** Longest time from sending a batch's request to its whole answer. */
  readonly deadlineMs: number;
  readonly breaker: BreakerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The way to a Redis server, which fails fast: nothing is queued while it is down and nothing is sent twice. Two TCP connections, one
 * for the reads of batches and one for all other commands; they reconnect by themselves for as long as this is open.
 */
export class RedisConnection {
  /** Host, port and database: safe to log. */
  readonly address: string;
  private readonly options: RedisConnectionOptions;
  private readonly url: URL;
  private readonly breaker: CircuitBreakerPolicy;
  private client: Redis;
  /** For batches alone. */
  private reads: { readonly client: Redis; readonly lane: ReplyLane };
  private healthy = false;
  private closed = false;
  /** Ends a `connect` that is waiting. */
  private abandon: (() => void) | undefined;
  /** Why the server refuses us; unset again when it lets us in. */
  private refusal: WeirError | undefined;

  /** Does not connect yet. @throws WeirError `config_invalid` when the URL is none */
  constructor(options: RedisConnectionOptions) {
    this.url = redisUrl(options.url);
    const { hostname, port, pathname } = this.url;
    this.address = `${hostname}:${port || 6379}${pathname.length > 1 ? pathname : ''}`;
    this.options = options;
    this.breaker = circuitBreaker(handleWhen(isRetriable), {
      halfOpenAfter: options.breaker.resetMs,
      breaker: new ConsecutiveBreaker(options.breaker.failures),
    });
    this.client = this.createClient('commands');
    this.reads = this.createReads();
  }

  /** The client, for commands without deadline or breaker (loading, checks at start). Another one after a new start. */
  get redis(): Redis {
    return this.client;
  }

  /**
   * Connects and waits for the server to be ready. When it throws, the connection is closed; it may be called again.
   * @throws WeirError `store_misconfigured` when the server refuses, `store_unavailable` when there is none
   */
  async start(timeoutMs: number = START_TIMEOUT_MS): Promise<void> {
    try {
      await this.connect(timeoutMs);
      await this.call((client) => client.ping());
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  private async connect(timeoutMs: number): Promise<void> {
    // A client that was ended may still be closing its socket, and ioredis does not take it up again before that is done.
    if (this.closed) {
      this.client = this.createClient('commands');
      this.reads = this.createReads();
    }
    this.closed = false;
    await this.connectClient(this.client, timeoutMs);
    await this.connectClient(this.reads.client, timeoutMs);
  }

  private async connectClient(redis: Redis, timeoutMs: number): Promise<void> {
    const { options } = this;
    if (redis.status === 'ready') return;
    if (redis.status === 'wait') redis.connect().catch(() => {}); // Its reason comes as an `error` event.
    let lastError: WeirError | undefined;
    let stopListening = (): void => {};
    const ready = new Promise<void>((resolve, reject) => {
      const onError = (thrown: unknown): void => {
        lastError = storeErrorFrom(thrown, this.address);
        if (!isRetriable(lastError)) reject(lastError);
      };
      this.abandon = () =>
        reject(lastError ?? new WeirError('store_unavailable', `The connection to Redis at ${this.address} was closed.`));
      redis.on('ready', resolve).on('error', onError);
      stopListening = () => redis.off('ready', resolve).off('error', onError);
    });
    try {
      await withinDeadline(ready, options.clock, timeoutMs);
    } catch (thrown) {
      throw thrown instanceof DeadlineError && lastError ? lastError : storeErrorFrom(thrown, this.address);
    } finally {
      stopListening();
      this.abandon = undefined;
    }
  }

  /**
   * Makes one call under the deadline and the breaker.
   * @param read what to make of an answer that came in time; counts as part of the call, but not against the deadline
   * @throws WeirError `store_unavailable` (also at once, while the breaker is open), `store_misconfigured`, `unknown`
   */
  async call<T, R = T>(send: (redis: Redis) => Promise<T>, read: (answer: T) => R = (answer) => answer as unknown as R): Promise<R> {
    try {
      const answer = await this.breaker.execute(() => this.attempt(send, read));
      this.healthy = true;
      return answer;
    } catch (thrown) {
      this.healthy = false;
      if (!(thrown instanceof BrokenCircuitError)) throw storeErrorFrom(thrown, this.address);
      if (this.refusal) throw this.refusal;
      throw new WeirError('store_unavailable', `Redis at ${this.address} failed ${this.options.breaker.failures} times in a row; waiting.`);
    }
  }

  /**
   * Reads the rows of one batch, under the deadline and the breaker. The table is written only when all of it came in time.
   * @throws WeirError as `call`
   */
  async read(layout: LayoutReader, keys: EntityKeys, table: FeatureTable): Promise<Tally> {
    return await this.call(
      async (redis) => {
        const { lane } = this.reads;
        const exchange = lane.exchange();
        const { replies } = exchange;
        await lane.send(exchange, layout.write(keys, exchange.request));
        const missing = layout.missing?.(replies, keys.count);
        if (missing) await missing(redis);
        return { exchange, lane };
      },
      ({ exchange, lane }) => {
        try {
          return layout.decode(exchange.replies, keys.count, table);
        } finally {
          lane.give(exchange);
        }
      },
    );
  }

  /** True when the last contact succeeded. */
  isHealthy(): boolean {
    return this.healthy;
  }

  /** Ends the connection; calls under way, and a start that waits, fail. */
  close(): void {
    this.closed = true;
    this.healthy = false;
    this.abandon?.();
    this.client.disconnect();
    this.reads.client.disconnect();
  }

  private createReads(): RedisConnection['reads'] {
    const client = this.createClient('reads');
    return { client, lane: new ReplyLane(client, this.silenceMs) };
  }

  /** A server that accepts and says nothing (stopped, or cut off without a FIN) is left and dialled again. */
  private get silenceMs(): number {
    return Math.max(2_000, this.options.deadlineMs * 4);
  }

  private createClient(connection: 'commands' | 'reads'): Redis {
    const client = createRedisClient({
      url: this.url,
      password: this.options.password,
      silenceMs: this.silenceMs,
      // TLS sockets cannot be told where to read to.
      Connector: connection === 'reads' && this.url.protocol === 'redis:' ? PooledReadsConnector : undefined,
    });
    this.watch(client, connection);
    return client;
  }

  private async attempt<T, R>(send: (redis: Redis) => Promise<T>, read: (answer: T) => R): Promise<R> {
    try {
      const pending = send(this.redis);
      // An answer after the deadline is of no use to its batch, but shows that the server is back.
      pending.then(
        () => (this.healthy = true),
        () => {},
      );
      return read(await withinDeadline(pending, this.options.clock, this.options.deadlineMs));
    } catch (thrown) {
      throw this.refusal ?? storeErrorFrom(thrown, this.address);
    }
  }

  /** Follows the state of a connection; says each change once. */
  private watch(redis: Redis, connection: string): void {
    const { address } = this;
    const { logger } = this.options;
    let connected = false;
    const isPast = (): boolean => this.closed || (redis !== this.client && redis !== this.reads.client);
    redis.on('ready', () => {
      if (isPast()) return;
      connected = true;
      this.healthy = true;
      this.refusal = undefined;
      logger.info({ store: address, connection }, 'Connected to Redis.');
    });
    redis.on('close', () => {
      if (isPast()) return;
      this.healthy = false;
      if (connected) logger.warn({ store: address, connection }, 'The connection to Redis is lost; reconnecting.');
      connected = false;
    });
    redis.on('error', (thrown: unknown) => {
      if (isPast()) return;
      const error = storeErrorFrom(thrown, address);
      if (isRetriable(error)) return logger.debug({ store: address, code: error.code }, error.message);
      if (!this.refusal) logger.error({ store: address, code: error.code }, error.message);
      this.refusal = error;
    });
  }
}

/**
 * Rejects with a `DeadlineError` when the work is not settled in time. What has arrived by then still counts: timers
 * run before sockets are read, so after a long step of another batch the answer may be lying in the socket already.
 */
export function withinDeadline<T>(work: Promise<T>, clock: Clock, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(deadlineMs, () => {
      setImmediate(() => reject(new DeadlineError(`no answer within ${deadlineMs} ms`)));
    });
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (thrown: unknown) => {
        cancel();
        reject(thrown);
      },
    );
  });
}
