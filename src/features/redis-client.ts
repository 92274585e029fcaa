import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisAccess, RedisNode, RedisPlace } from './redis-place.ts';

const CONNECT_TIMEOUT_MS = 2_000;
/** A cluster may change in ways that no reply tells of. */
const SLOTS_REFRESH_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 2_000;

/** What connections have in common. */
export interface RedisClientOptions {
  /** A server that owes an answer and says nothing for so long (stopped, or cut off without a FIN) is left and dialled again. */
  readonly silenceMs: number;
  /** Makes the sockets; undefined: ioredis' own. */
  readonly Connector?: RedisOptions['Connector'] | undefined;
}

/**
 * A client of one server, or of the master that sentinels name. It does not connect before it is told to, queues nothing while it is
 * down and sends nothing twice.
 */
export function createRedisClient(place: Exclude<RedisPlace, { kind: 'cluster' }>, options: RedisClientOptions): Redis {
  const common = clientOptions(place.access, options);
  if (place.kind === 'server') return new Redis(place.url.href, common);
  const client = new Redis({
    ...common,
    sentinels: [...place.nodes],
    name: place.master,
    db: place.database,
    ...(place.sentinelUsername === undefined ? {} : { sentinelUsername: place.sentinelUsername }),
    ...(place.sentinelPassword === undefined ? {} : { sentinelPassword: place.sentinelPassword }),
    ...(place.access.tls ? { enableTLSForSentinelMode: true, sentinelTLS: place.access.tls } : {}),
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelReconnectStrategy: reconnectDelayMs,
    // An old master that is cut off from its sentinels, but not from us, would go on to be read.
    failoverDetector: true,
  });
  silenceSentinels(client);
  return client;
}

/** A client of one node of a cluster, by its address. */
export function createNodeClient({ host, port }: RedisNode, access: RedisAccess, options: RedisClientOptions): Redis {
  return new Redis({ ...clientOptions(access, options), host, port });
}

/** A client of a cluster, which learns its nodes and goes where a key is. It does not connect before it is told to. */
export function createClusterClient(place: Extract<RedisPlace, { kind: 'cluster' }>, options: RedisClientOptions): Cluster {
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = clientOptions(place.access, options);
  return new Cluster([...place.nodes], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    redisOptions,
    // Certificates are made out for the names that nodes announce.
    ...(place.access.tls ? { dnsLookup: (address, done) => done(null, address) } : {}),
  });
}

function clientOptions({ username, password, tls }: RedisAccess, { silenceMs, Connector }: RedisClientOptions): RedisOptions {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
    ...(Connector ? { Connector } : {}),
    lazyConnect: true,
    // A batch either gets its answer within the deadline or learns at once that it will not.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: silenceMs,
    keepAlive: KEEP_ALIVE_MS,
    disableClientInfo: true,
    retryStrategy: reconnectDelayMs,
  };
}

function reconnectDelayMs(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt, 10));
}

/** A sentinel that cannot be reached is no news while another one can; ioredis would print it to the console. */
function silenceSentinels(client: Redis): void {
  const { connector } = client as unknown as { connector: { connectToSentinel(...args: unknown[]): Redis } };
  const connect = connector.connectToSentinel.bind(connector);
  connector.connectToSentinel = (...args) => connect(...args).on('error', () => {});
}
