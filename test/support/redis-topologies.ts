import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { freePorts, type LocalService, startRedis } from '../../src/dev/index.ts';

const SLOTS = 16_384;
const HOST = '127.0.0.1';
/** The nodes of a cluster talk to each other on a port so much above their own. */
const BUS_PORT_ABOVE = 10_000;

/** Runs an action with a client of one server. */
export async function withRedis<T>(port: number, action: (redis: Redis) => Promise<T>, password?: string): Promise<T> {
  const redis = new Redis(port, HOST, { retryStrategy: null, enableReadyCheck: false, ...(password === undefined ? {} : { password }) });
  redis.on('error', () => {}); // What is asked rejects then.
  try {
    return await action(redis);
  } finally {
    redis.disconnect();
  }
}

/** Certificate of the services of tests: for `127.0.0.1`, and self-signed. */
export const CERTIFICATE = fileURLToPath(new URL('../fixtures/tls/cert.pem', import.meta.url));

/** Arguments of a Redis server that speaks TLS on a port of its own, beside its other one. */
export function tlsArgs(port: number): string[] {
  const key = fileURLToPath(new URL('../fixtures/tls/key.pem', import.meta.url));
  const files = ['--tls-cert-file', CERTIFICATE, '--tls-key-file', key, '--tls-ca-cert-file', CERTIFICATE];
  return ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'];
}

/** A real Redis Cluster: three masters, and a replica of the first. */
export interface RedisCluster {
  /** For clients, as host:port. */
  readonly nodes: readonly string[];
  readonly masters: readonly LocalService[];
  readonly replica: LocalService;
  /** Sends a command to one node. */
  send(node: LocalService, ...command: (string | number)[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a cluster and waits until all nodes agree. @param options `tls`: clients that come by TLS are sent on to ports for TLS */
export async function startRedisCluster({ tls = false }: { readonly tls?: boolean } = {}): Promise<RedisCluster> {
  const services: LocalService[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(services.map((service) => service.stop())));
  const send: RedisCluster['send'] = (node, command, ...args) => withRedis(node.port, (redis) => redis.call(String(command), ...args));
  try {
    const ports = await clusterPorts(4);
    for (const port of ports) {
      const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0'];
      // With `tls-cluster` the nodes know each other by their ports for TLS.
      services.push(await startRedis(tls ? { args: [...args, '--tls-cluster', 'yes', ...tlsArgs(port)] } : { port, args }));
    }
    const [masters, replica] = [services.slice(0, 3), services[3]!];
    for (const [i, master] of masters.entries()) {
      const [from, to] = [0, 1].map((end) => Math.floor(((i + end) * SLOTS) / masters.length)) as [number, number];
      await send(master, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      await send(master, 'CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot));
    }
    for (const node of services.slice(1)) await send(node, 'CLUSTER', 'MEET', HOST, ports[0]!);
    const first = String(await send(services[0]!, 'CLUSTER', 'MYID'));
    await vi.waitFor(async () => await send(replica, 'CLUSTER', 'REPLICATE', first), { timeout: 20_000, interval: 100 });
    await vi.waitFor(
      async () => {
        for (const node of services) {
          const [info, slots] = [String(await send(node, 'CLUSTER', 'INFO')), (await send(node, 'CLUSTER', 'SLOTS')) as unknown[][]];
          if (!info.includes('cluster_state:ok') || slots.flat().length !== 3 * 3 + 1) throw new Error(`${node.port} does not know all`);
        }
      },
      { timeout: 30_000, interval: 100 },
    );
    return { nodes: ports.map((port) => `${HOST}:${port}`), masters, replica, send, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** Free ports whose neighbours 10,000 above are free as well. */
async function clusterPorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const [port] = (await freePorts(1)) as [number];
    // Above it are those that the system gives to connections.
    if (port + BUS_PORT_ABOVE < 32_768 && !found.includes(port) && (await isFree(port + BUS_PORT_ABOVE))) found.push(port);
  }
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, HOST, () => resolve(true));
  });
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}

/** A master with one replica, and three sentinels that watch it. */
export interface SentinelSetup {
  readonly master: string;
  readonly nodes: readonly string[];
  readonly servers: readonly [LocalService, LocalService];
  readonly sentinels: readonly LocalService[];
  /** Port of the server that the first sentinel takes for the master. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts servers and sentinels, and waits until all sentinels know each other and the replica. */
export async function startSentinels(options: { readonly password?: string } = {}): Promise<SentinelSetup> {
  const { password } = options;
  const services: LocalService[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(services.map((service) => service.stop())));
  const started = async (service: Promise<LocalService>): Promise<LocalService> => {
    services.push(await service);
    return services.at(-1)!;
  };
  const master = 'main';
  try {
    const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
    const first = await started(startRedis({ args: secret }));
    const second = await started(startRedis({ args: [...secret, '--replicaof', HOST, String(first.port)] }));
    const sentinels: LocalService[] = [];
    for (let i = 0; i < 3; i++) sentinels.push(await started(startRedis({ sentinel: true })));
    const masterPort = (): Promise<number> =>
      withRedis(sentinels[0]!.port, async (redis) =>
        Number(((await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master)) as string[])[1]),
      );
    for (const { port } of sentinels) {
      await withRedis(port, async (redis) => {
        await redis.call('SENTINEL', 'MONITOR', master, HOST, first.port, 2);
        const settings = { 'down-after-milliseconds': 500, 'failover-timeout': 3_000, ...(password && { 'auth-pass': password }) };
        for (const [key, value] of Object.entries(settings)) await redis.call('SENTINEL', 'SET', master, key, value);
      });
    }
    await vi.waitFor(
      async () => {
        for (const { port } of sentinels) {
          const lists = await withRedis(port, (redis) =>
            Promise.all([redis.call('SENTINEL', 'SENTINELS', master), redis.call('SENTINEL', 'REPLICAS', master)]),
          );
          const [others, replicas] = lists as [unknown[], string[][]];
          if (others.length !== 2 || replicas[0]?.includes('ok') !== true) throw new Error(`sentinel ${port} does not know all`);
        }
      },
      { timeout: 30_000, interval: 200 },
    );
    return { master, nodes: sentinels.map(({ port }) => `${HOST}:${port}`), servers: [first, second], sentinels, masterPort, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
