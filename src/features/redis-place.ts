import { WeirError } from '../core/errors.ts';
import { type HostPort, parseHostPort } from '../core/host-port.ts';
import { readTlsFiles, type TlsFiles, type TlsMaterial } from '../core/tls-files.ts';

/** A master that Redis Sentinel names, and moves to a replica when it fails. */
export interface SentinelPlace {
  /** The name under which the sentinels know it. */
  readonly master: string;
  /** Sentinels as host:port; one that answers is enough. */
  readonly nodes: readonly string[];
  /** For sentinels that want a user of their own. */
  readonly username?: string;
  /** For sentinels that want a password of their own. */
  readonly password?: string;
}

/** A Redis Cluster. */
export interface ClusterPlace {
  /** Some of its nodes as host:port; the others are learned from them. */
  readonly nodes: readonly string[];
}

/** Where a Redis store is: one of `url`, `sentinel` and `cluster`, and how to get in. */
export interface RedisPlaceOptions {
  /** One server: `redis://` or `rediss://` (TLS), with user, password and database number as usual. */
  readonly url?: string;
  readonly sentinel?: SentinelPlace;
  readonly cluster?: ClusterPlace;
  /** With `sentinel` and `cluster`; with `url` it is part of that. */
  readonly username?: string;
  /** Goes before the password of the URL. */
  readonly password?: string;
  /** With `sentinel`; with `url` it is part of that, and a cluster has only one. */
  readonly database?: number;
  /** True: TLS with the certificates of the system. It covers the sentinels too. With `url`, `rediss://` turns it on. */
  readonly tls?: boolean | TlsFiles;
}

/** One node. */
export type RedisNode = HostPort;

/** How to get in. */
export interface RedisAccess {
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Undefined: without TLS. */
  readonly tls: TlsMaterial | undefined;
}

/** Where a Redis store is, checked. */
export type RedisPlace = (
  | { readonly kind: 'server'; readonly url: URL }
  | {
      readonly kind: 'sentinel';
      readonly master: string;
      readonly nodes: readonly RedisNode[];
      readonly sentinelUsername: string | undefined;
      readonly sentinelPassword: string | undefined;
      readonly database: number;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] }
) & {
  readonly access: RedisAccess;
  /** Names the store in logs and messages; without credentials. */
  readonly address: string;
};

/** Reads the options. @throws WeirError `config_invalid` when they name no place, or more than one, or a file cannot be read */
export function redisPlace(options: RedisPlaceOptions): RedisPlace {
  const { url, sentinel, cluster, username, password, database = 0 } = options;
  if ([url, sentinel, cluster].filter((place) => place !== undefined).length !== 1) {
    throw new WeirError('config_invalid', 'A redis store needs one of url, sentinel and cluster.');
  }
  const tls = typeof options.tls === 'object' ? readTlsFiles(options.tls, 'tls of a redis store') : options.tls ? {} : undefined;
  if (url !== undefined) return serverPlace(url, password, tls);
  const access = { username, password, tls };
  if (cluster) {
    return { kind: 'cluster', nodes: cluster.nodes.map(nodeFromText), access, address: `cluster ${cluster.nodes.join(',')}` };
  }
  const { master, nodes } = sentinel!;
  return {
    kind: 'sentinel',
    master,
    nodes: nodes.map(nodeFromText),
    sentinelUsername: sentinel!.username,
    sentinelPassword: sentinel!.password,
    database,
    access,
    address: `${master}${database > 0 ? `/${database}` : ''} by sentinels ${nodes.join(',')}`,
  };
}

function serverPlace(text: string, password: string | undefined, tls: TlsMaterial = {}): RedisPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const credentials = url && credentialsOf(url);
  if (!credentials || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    throw new WeirError('config_invalid', 'The url of a redis store must look like redis://host:6379 or rediss://host:6379.');
  }
  const { hostname, port, pathname } = url;
  const access = {
    username: credentials.username || undefined,
    password: password ?? (credentials.password || undefined),
    tls: url.protocol === 'rediss:' ? tls : undefined,
  };
  // Credentials go in by name: ioredis would prefer even an empty password of the URL to one given apart.
  url.username = '';
  url.password = '';
  return { kind: 'server', url, access, address: `${hostname}:${port || 6379}${pathname.length > 1 ? pathname : ''}` };
}

/** Undefined when a `%` in them begins no escape. */
function credentialsOf({ username, password }: URL): { username: string; password: string } | undefined {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch (thrown) {
    if (thrown instanceof URIError) return undefined;
    throw thrown;
  }
}

/** A node of `host:port`; the host may be an IPv6 address, in brackets or not. @throws WeirError `config_invalid` */
export function nodeFromText(text: string): RedisNode {
  const node = parseHostPort(text);
  if (node) return node;
  throw new WeirError('config_invalid', 'A node of Redis must be written host:port, without redis:// and credentials.');
}
