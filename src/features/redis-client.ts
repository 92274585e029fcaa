import { Redis, type RedisOptions } from 'ioredis';
import { WeirError } from '../core/errors.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_MS = 10_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 2_000;

/** How a client connects. */
export interface RedisClientOptions {
  readonly url: URL;
  /** Goes before the password of the URL. */
  readonly password: string | undefined;
  /** A server that owes an answer and says nothing for so long (stopped, or cut off without a FIN) is left and dialled again. */
  readonly silenceMs: number;
  /** Makes the sockets; undefined: ioredis' own. */
  readonly Connector: RedisOptions['Connector'] | undefined;
}

/** A client of ioredis that does not connect before it is told to, queues nothing while it is down and sends nothing twice. */
export function createRedisClient({ url, password, silenceMs, Connector }: RedisClientOptions): Redis {
  const address = new URL(url);
  const username = decodeURIComponent(url.username);
  const secret = password ?? decodeURIComponent(url.password);
  // Credentials go in by name: ioredis would prefer even an empty password of the URL to one given apart.
  address.username = '';
  address.password = '';
  return new Redis(address.href, {
    ...(username ? { username } : {}),
    ...(secret ? { password: secret } : {}),
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
    retryStrategy: (attempt) => Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt, 10)),
  });
}

/** @throws WeirError `config_invalid` when the text is no URL of a Redis server */
export function redisUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'redis:' || parsed?.protocol === 'rediss:') return parsed;
  throw new WeirError('config_invalid', 'The url of a redis store must look like redis://host:6379 or rediss://host:6379.');
}
