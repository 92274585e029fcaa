import { BrokenCircuitError, type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { Cluster, type Redis } from 'ioredis';
import type { Clock } from '../core/clock.ts';
import { isRetriable, WeirError } from '../core/errors.ts';
import type { EntityKeys, FeatureTable, Logger } from '../core/ports.ts';
import { ClusterLink } from './cluster/cluster-link.ts';
import type { LayoutReader, Tally } from './layouts/layout.ts';
import { DeadlineError, storeErrorFrom } from './redis-errors.ts';
import { type LinkHost, type RedisCommands, type RedisLink, ServerLink } from './redis-link.ts';
import { type RedisPlace, type RedisPlaceOptions, redisPlace } from './redis-place.ts';

/** How long `start` waits for the first connection. */
const START_TIMEOUT_MS = 10_000;

/** What to look at when a store neither lets us in nor says why not. */
const SILENT: Readonly<Record<RedisPlace['kind'], string>> = {
  server: 'the server accepts connections and does not answer',
  sentinel: 'look whether sentinels and master answer',
  cluster: 'look whether its nodes answer, and say cluster_state:ok (CLUSTER INFO)',
};

/** Opens after so many failed calls in a row; lets one call through every `resetMs`. */
export interface BreakerOptions {
  readonly failures: number;
  readonly resetMs: number;
}

/** How to reach a Redis store. */
export interface RedisConnectionOptions extends RedisPlaceOptions {
  /** Longest time from sending a batch's request to its whole answer. */
  readonly deadlineMs: number;
  readonly breaker: BreakerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The way to a Redis store, which fails fast: nothing is queued while it is down and nothing is sent twice. How many connections that
 * takes is the link's business; they reconnect by themselves for as long as this is open.
 */
export class RedisConnection {
  /** Host, port and database: safe to log. */
  readonly address: string;
  private readonly options: RedisConnectionOptions;
  private readonly place: RedisPlace;
  private readonly breaker: CircuitBreakerPolicy;
  private link: RedisLink;
  /** Clients that were left: what happens to them is no news. */
  private readonly forgotten = new WeakSet<RedisCommands>();
  private healthy = false;
  private closed = false;
  /** Ends a `connect` that is waiting. */
  private abandon: (() => void) | undefined;
  /** Why the server refuses us; unset again when it lets us in. */
  private refusal: WeirError | undefined;

  /** Does not connect yet. @throws WeirError `config_invalid` when the options name no place */
  constructor(options: RedisConnectionOptions) {
    this.place = redisPlace(options);
    this.address = this.place.address;
    this.options = options;
    this.breaker = circuitBreaker(handleWhen(isRetriable), {
      halfOpenAfter: options.breaker.resetMs,
      breaker: new ConsecutiveBreaker(options.breaker.failures),
    });
    this.link = this.createLink();
  }

  /** The client, for commands without deadline or breaker (loading, checks at start). Another one after a new start. */
  get redis(): RedisCommands {
    return this.link.commands;
  }

  /** The servers that hold the keys: one, or the masters of a cluster. */
  get servers(): readonly Redis[] {
    const { commands } = this.link;
    return commands instanceof Cluster ? commands.nodes('master') : [commands];
  }

  /** True when keys are spread over several servers. */
  get isCluster(): boolean {
    return this.place.kind === 'cluster';
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
    if (this.closed) this.link = this.createLink();
    this.closed = false;
    await this.link.open((client) => this.connectClient(client, timeoutMs));
  }

  private async connectClient(redis: RedisCommands, timeoutMs: number): Promise<void> {
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
      const onEnd = (): void => this.abandon?.();
      redis.on('ready', resolve).on('error', onError).on('end', onEnd);
      stopListening = () => redis.off('ready', resolve).off('error', onError).off('end', onEnd);
    });
    try {
      await withinDeadline(ready, options.clock, timeoutMs);
    } catch (thrown) {
      if (!(thrown instanceof DeadlineError)) throw storeErrorFrom(thrown, this.address);
      throw (
        lastError ??
        new WeirError('store_unavailable', `Redis at ${this.address}: not ready within ${timeoutMs} ms; ${SILENT[this.place.kind]}.`)
      );
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
  async call<T, R = T>(
    send: (redis: RedisCommands) => Promise<T>,
    read: (answer: T) => R = (answer) => answer as unknown as R,
  ): Promise<R> {
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
        const answer = await this.link.read(layout, keys);
        const missing = layout.missing?.(answer.replies, keys.count);
        if (missing) await missing(redis);
        return answer;
      },
      (answer) => {
        try {
          return layout.decode(answer.replies, keys.count, table);
        } finally {
          answer.give();
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
    this.link.close();
  }

  private createLink(): RedisLink {
    const { place } = this;
    // A server that accepts and says nothing (stopped, or cut off without a FIN) is left and dialled again.
    const silenceMs = Math.max(2_000, this.options.deadlineMs * 4);
    const host: LinkHost = {
      watch: (client, connection) => this.watch(client, connection),
      forget: (client) => void this.forgotten.add(client),
    };
    return place.kind === 'cluster' ? new ClusterLink(place, silenceMs, host) : new ServerLink(place, silenceMs, host);
  }

  private async attempt<T, R>(send: (redis: RedisCommands) => Promise<T>, read: (answer: T) => R): Promise<R> {
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
  private watch(redis: RedisCommands, connection: string): void {
    const { address } = this;
    const { logger } = this.options;
    let connected = false;
    const isPast = (): boolean => this.forgotten.has(redis);
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
      // One that nobody knows may pass: batches have errors of their own.
      if (error.code === 'store_misconfigured') this.refusal = error;
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
