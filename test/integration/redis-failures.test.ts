import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { WeirError } from '../../src/core/errors.ts';
import type { PipelineConfig } from '../../src/config/index.ts';
import { startStores } from '../../src/app/stores.ts';
import { silentLogger, silentMetrics } from '../../src/core/silent.ts';
import { freePorts, startRedis } from '../../src/dev/index.ts';
import type { RedisStore, RedisStoreOptions } from '../../src/features/index.ts';
import { RedisConnection } from '../../src/features/redis-connection.ts';
import { fetchRows } from '../contract/online-store.ts';
import { createStore, eventually, plane, row } from '../support/redis-store.ts';
import { CERTIFICATE, tlsArgs } from '../support/redis-topologies.ts';
import { services, uniqueName } from '../support/services.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

describe('redis store in trouble', () => {
  let admin: Redis;
  let prefix: string;
  const open: { close(): Promise<void> }[] = [];
  const opened = <T extends { close(): Promise<void> }>(closable: T): T => {
    open.push(closable);
    return closable;
  };

  beforeAll(() => {
    admin = new Redis(services().redisUrl);
  });
  afterAll(() => admin.quit());
  beforeEach(() => {
    prefix = `${uniqueName('features')}:`;
  });
  afterEach(async () => {
    for (const closable of open.splice(0).reverse()) await closable.close();
  });

  describe('credentials', () => {
    const user = uniqueName('user');
    const as = (name: string, password: string, change: Partial<RedisStoreOptions> = {}): RedisStore => {
      const url = new URL(services().redisUrl);
      url.username = name;
      url.password = password;
      return opened(createStore('json', prefix, { url: url.href, ...change }));
    };
    beforeAll(() => admin.call('ACL', 'SETUSER', user, 'on', '>sesame', '~*', '+@all'));
    afterAll(() => admin.call('ACL', 'DELUSER', user));

    it('are taken from the URL, or from a password given apart', async () => {
      for (const store of [as(user, 'sesame'), as(user, 'wrong', { password: 'sesame' })]) {
        await store.start();
        expect(store.isHealthy()).toBe(true);
      }
    });

    it('that are wrong stop the start, without the password in the message', async () => {
      const error = await as(user, 'thistle')
        .start()
        .then(
          () => undefined,
          (thrown: unknown) => thrown as WeirError,
        );
      expect(error).toMatchObject({ code: 'store_misconfigured', message: expect.stringContaining('WRONGPASS') });
      expect(JSON.stringify([error!.message, String(error!.cause)])).not.toContain('thistle');
    });

    it('that no longer suffice stop the batch', async () => {
      const store = as(user, 'sesame');
      await store.start();
      await admin.call('ACL', 'SETUSER', user, '-mget');
      await expect(fetchRows(store.reader(plane), ['N1'])).rejects.toMatchObject({ code: 'store_misconfigured' });
      await admin.call('ACL', 'SETUSER', user, '+mget');
      expect((await fetchRows(store.reader(plane), ['N1']))[0]!.hit).toBe(false);
    });
  });

  it('is reached by TLS, with the certificates that are trusted', async () => {
    const [port] = (await freePorts(1)) as [number];
    const server = await startRedis({ args: tlsArgs(port) });
    open.push({ close: () => server.stop() });
    const url = `rediss://127.0.0.1:${port}`;
    const store = opened(createStore('packed', prefix, { url, tls: { caFile: CERTIFICATE } }));
    await store.start();
    await store.writer(plane).write([row('N1', 1999)]);
    expect((await fetchRows(store.reader(plane), ['N1']))[0]!.hit).toBe(true);
    await expect(opened(createStore('packed', prefix, { url })).start()).rejects.toMatchObject({
      code: 'store_misconfigured',
      message: expect.stringContaining('self-signed'),
    });
  });

  it('closes the stores that have started when a later one refuses', async () => {
    const user = uniqueName('user');
    await admin.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '+@all');
    const { hostname, port } = new URL(services().redisUrl);
    const store = (name: string) => ({
      kind: 'redis' as const,
      url: `redis://${name}:x@${hostname}:${port || 6379}`,
      deadlineMs: 5_000,
      breaker: { failures: 5, resetMs: 1_000 },
    });
    const group = { entity: ['id'], layout: 'json', keyPrefix: prefix, ttlSeconds: 0, onMissing: 'default', onUnavailable: 'pause' };
    const config = {
      stores: { good: store(user), bad: store('nobody') },
      features: { plane: { ...group, store: 'good' }, airport: { ...group, store: 'bad' } },
    } as unknown as PipelineConfig;
    const surroundings = { clock: systemClock, logger: silentLogger, metrics: silentMetrics, signal: new AbortController().signal };
    await expect(startStores(config, surroundings, new Set(['plane', 'airport']))).rejects.toMatchObject({ code: 'store_misconfigured' });
    await vi.waitFor(async () => {
      expect(String(await admin.client('LIST'))).not.toContain(`user=${user} `);
    });
    await admin.call('ACL', 'DELUSER', user);
  });

  it('does not wait any longer to start when it is closed', async () => {
    const proxy = opened(await startTcpProxy('127.0.0.1', 1));
    await proxy.cut();
    const connection = new RedisConnection({
      url: `redis://127.0.0.1:${proxy.port}`,
      deadlineMs: 5_000,
      breaker: { failures: 5, resetMs: 1_000 },
      clock: systemClock,
      logger: silentLogger,
    });
    const starting = connection.start(3_600_000);
    connection.close();
    await expect(starting).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('does not start where nothing listens, says where that is, and can be started later', async () => {
    const target = new URL(services().redisUrl);
    const proxy = opened(await startTcpProxy(target.hostname, Number(target.port || 6379)));
    await proxy.cut();
    const connection = new RedisConnection({
      url: `redis://127.0.0.1:${proxy.port}`,
      deadlineMs: 5_000,
      breaker: { failures: 5, resetMs: 1_000 },
      clock: systemClock,
      logger: silentLogger,
    });
    await expect(connection.start(300)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining(`127.0.0.1:${proxy.port}`),
    });
    expect(connection.isHealthy()).toBe(false);
    await proxy.restore();
    await connection.start();
    expect(connection.isHealthy()).toBe(true);
    connection.close();
    expect(connection.isHealthy()).toBe(false);
    await expect(connection.call((redis) => redis.ping())).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  describe('behind a network that fails', () => {
    let proxy: TcpProxy;
    let store: RedisStore;

    beforeEach(async () => {
      const url = new URL(services().redisUrl);
      proxy = opened(await startTcpProxy(url.hostname, Number(url.port || 6379)));
      url.hostname = '127.0.0.1';
      url.port = String(proxy.port);
      store = opened(createStore('packed', prefix, { url: url.href, deadlineMs: 150, breaker: { failures: 2, resetMs: 100 } }));
      await store.start();
      await store.writer(plane).write([row('N1', 1999)]);
    });

    const fetchOne = async (): Promise<unknown> => (await fetchRows(store.reader(plane), ['N1']))[0]!.values['yearBuilt'];

    it('gives up at the deadline when answers stop coming, then at once, and heals when they come again', async () => {
      expect(await fetchOne()).toBe(1999);
      proxy.stall();
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('150 ms') });
      expect(store.isHealthy()).toBe(false);
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable' });
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('in a row') });
      proxy.resume();
      expect(await eventually(fetchOne)).toBe(1999);
      expect(store.isHealthy()).toBe(true);
    });

    it('does not blame the store for the time that another step keeps the event loop', async () => {
      const url = new URL(services().redisUrl);
      const direct = opened(createStore('packed', prefix, { url: url.href, deadlineMs: 150 }));
      await direct.start();
      const answer = fetchRows(direct.reader(plane), ['N1']);
      await Promise.resolve(); // The request is on its way.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600); // As a large model would.
      expect((await answer)[0]!.values['yearBuilt']).toBe(1999);
    });

    it('never lets an answer that came too late into the table of a later batch', async () => {
      proxy.stall();
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable' });
      proxy.resume();
      const others = await eventually(() => fetchRows(store.reader(plane), ['nobody']));
      expect(others[0]).toMatchObject({ hit: false, values: { yearBuilt: Number.NaN } });
    });

    it('dials again when a connection has gone silent for good', async () => {
      const before = proxy.accepted;
      proxy.stall();
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable' });
      while (proxy.accepted === before) await new Promise((resolve) => setTimeout(resolve, 20));
      proxy.resume();
      expect(await eventually(fetchOne)).toBe(1999);
    });

    it('dials again also when batches go on to be sent into the silence', async () => {
      const before = proxy.accepted;
      proxy.stall();
      while (proxy.accepted === before) {
        await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable' });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      proxy.resume();
      expect(await eventually(fetchOne)).toBe(1999);
    });

    it('fails what is under way when connections break, and reconnects by itself', async () => {
      proxy.stall();
      const underWay = fetchOne();
      const [outcome] = await Promise.allSettled([underWay, proxy.cut()]);
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
      await expect(fetchOne()).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(store.isHealthy()).toBe(false);
      proxy.resume();
      await proxy.restore();
      expect(await eventually(fetchOne)).toBe(1999);
      expect(store.isHealthy()).toBe(true);
    });

    it('fails the load when the connection breaks, rather than call it done', async () => {
      async function* rows() {
        for (let i = 0; i < 3_000; i++) {
          if (i === 2_500) await proxy.cut();
          yield row(`N${i}`, i);
        }
      }
      await expect(store.writer(plane).write(rows())).rejects.toMatchObject({ code: 'store_unavailable' });
    });
  });
});
