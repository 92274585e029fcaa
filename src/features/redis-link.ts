import type { Cluster, Redis } from 'ioredis';
import type { EntityKeys } from '../core/ports.ts';
import type { LayoutReader } from './layouts/layout.ts';
import { createRedisClient } from './redis-client.ts';
import type { RedisPlace } from './redis-place.ts';
import { PooledReadsConnector } from './wire/pooled-reads.ts';
import type { ReplyColumns } from './wire/reply-columns.ts';
import { ReplyLane } from './wire/reply-lane.ts';

/** A client for commands: it goes to the one server, or to the node of a cluster that a key belongs to. */
export type RedisCommands = Redis | Cluster;

/** The replies to one batch, one entity behind the other. */
export interface BatchReplies {
  readonly replies: ReplyColumns;
  /** Gives the memory back for the next batches. */
  give(): void;
}

/** What a link does with each client that it makes or leaves. */
export interface LinkHost {
  /** @param connection what it is for, in the log */
  watch(client: RedisCommands, connection: string): void;
  /** From now on nothing that happens to the client matters. */
  forget(client: RedisCommands): void;
}

/**
 * The connections to a Redis store: some for the reads of batches, one for all other commands. They reconnect by themselves for as
 * long as this is open. Used once: after `close` there must be a new one.
 */
export interface RedisLink {
  /** For commands without deadline or breaker (loading, checks at start). */
  readonly commands: RedisCommands;
  /** Connects. @param connect waits until a client is ready, and throws what keeps it from that */
  open(connect: (client: RedisCommands) => Promise<void>): Promise<void>;
  /** Asks for the rows of a batch, of at least one entity. */
  read(layout: LayoutReader, keys: EntityKeys): Promise<BatchReplies>;
  close(): void;
}

/** A link to one server, or to the master that sentinels name: two connections. */
export class ServerLink implements RedisLink {
  readonly commands: Redis;
  private readonly reads: Redis;
  private readonly lane: ReplyLane;
  private readonly host: LinkHost;

  constructor(place: Exclude<RedisPlace, { kind: 'cluster' }>, silenceMs: number, host: LinkHost) {
    this.host = host;
    this.commands = createRedisClient(place, { silenceMs });
    // TLS sockets cannot be told where to read to, and where the master is only ioredis' own connector finds out.
    const isPlain = place.kind === 'server' && !place.access.tls;
    this.reads = createRedisClient(place, { silenceMs, Connector: isPlain ? PooledReadsConnector : undefined });
    this.lane = new ReplyLane(this.reads, silenceMs);
    host.watch(this.commands, 'commands');
    host.watch(this.reads, 'reads');
  }

  async open(connect: (client: RedisCommands) => Promise<void>): Promise<void> {
    await connect(this.commands);
    await connect(this.reads);
  }

  async read(layout: LayoutReader, keys: EntityKeys): Promise<BatchReplies> {
    const { lane } = this;
    const exchange = lane.exchange();
    await lane.send(exchange, layout.write(keys, exchange.request));
    return { replies: exchange.replies, give: () => lane.give(exchange) };
  }

  close(): void {
    for (const client of [this.commands, this.reads]) {
      this.host.forget(client);
      client.disconnect();
    }
  }
}
