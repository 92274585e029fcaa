import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WeirError } from '../../src/core/errors.ts';
import type { RedisStore, RedisStoreOptions } from '../../src/features/index.ts';
import { fetchRows } from '../contract/online-store.ts';
import { createStore, eventually, plane, row } from '../support/redis-store.ts';
import { CERTIFICATE, type RedisCluster, startRedisCluster } from '../support/redis-topologies.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const ENTITIES = Array.from({ length: 500 }, (_, i) => `N${i}`);
const YEARS = ENTITIES.map((_, i) => 1900 + i);
const QUICK = { deadlineMs: 300, breaker: { failures: 3, resetMs: 100 } };

describe('a Redis Cluster that changes', { timeout: 60_000 }, () => {
  let cluster: RedisCluster;
  const open: (() => Promise<void>)[] = [];
  const storeOf = (options: Partial<RedisStoreOptions> = {}): RedisStore => {
    const store = createStore('packed', 'plane:', { cluster: { nodes: cluster.nodes }, ...QUICK, ...options });
    open.push(() => store.close());
    return store;
  };
  const loaded = async (options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> => {
    const store = storeOf(options);
    await store.start();
    await store.writer(plane).write(ENTITIES.map((entity, i) => row(entity, YEARS[i]!)));
    return store;
  };
  const yearsOf = async (store: RedisStore): Promise<unknown[]> =>
    (await fetchRows(store.reader(plane), ENTITIES)).map(({ values }) => values['yearBuilt']);

  beforeEach(async () => {
    cluster = await startRedisCluster();
    open.push(() => cluster.stop());
  }, 60_000);
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  it('is read on after a node was taken out of it', async () => {
    const store = await loaded();
    const [first, out, last] = cluster.masters;
    const [outId, lastId] = await Promise.all([out!, last!].map(async (node) => String(await cluster.send(node, 'CLUSTER', 'MYID'))));
    // As an operator would who does without its rows.
    await cluster.send(out!, 'FLUSHALL');
    const slots = (await cluster.send(first!, 'CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    for (const [from, to, [, port]] of slots) {
      if (port !== out!.port) continue;
      for (let slot = from; slot <= to; slot++)
        for (const node of [last!, first!]) await cluster.send(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', lastId!);
    }
    for (const node of [first!, last!, cluster.replica]) await cluster.send(node, 'CLUSTER', 'FORGET', outId!);
    await cluster.send(out!, 'CLUSTER', 'RESET');
    await eventually(() => yearsOf(store));
    await eventually(() => store.writer(plane).write(ENTITIES.map((entity) => row(entity, 2000))));
    expect(await yearsOf(store)).toEqual(YEARS.map(() => 2000));
  });

  it('is read once slots that nobody had have an owner', async () => {
    const [, , last] = cluster.masters;
    const nobodys = Array.from({ length: 1_000 }, (_, i) => 15_384 + i);
    for (const node of [...cluster.masters, cluster.replica]) {
      await cluster.send(node, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    }
    for (const node of [...cluster.masters, cluster.replica]) await cluster.send(node, 'CLUSTER', 'DELSLOTS', ...nobodys);
    const store = storeOf();
    await store.start();
    await expect(yearsOf(store)).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('CLUSTER INFO') });
    await cluster.send(last!, 'CLUSTER', 'ADDSLOTS', ...nobodys);
    await eventually(() => yearsOf(store));
  });

  it('is found again by its first nodes when all that were known are gone', async () => {
    const proxy = await startTcpProxy('127.0.0.1', cluster.masters[0]!.port);
    open.push(() => proxy.close());
    const store = await loaded({ cluster: { nodes: [`127.0.0.1:${proxy.port}`] } });
    const other = await startRedisCluster();
    open.push(() => other.stop());
    await cluster.stop();
    await proxy.cut();
    proxy.leadTo(other.masters[0]!.port);
    await proxy.restore();
    expect(await eventually(() => yearsOf(store))).toEqual(YEARS.map(() => Number.NaN));
  });

  it('may be silent as a whole: that is waited for, also by the start', async () => {
    const all = [...cluster.masters, cluster.replica];
    const store = await loaded();
    for (const node of all) {
      await cluster.send(node, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      node.kill('SIGSTOP');
    }
    const starting = storeOf().start();
    const outcomes = new Set<string>();
    const endMs = performance.now() + 8_000;
    while (performance.now() < endMs) {
      await yearsOf(store).catch((thrown: unknown) => outcomes.add((thrown as WeirError).code));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect([...outcomes]).toEqual(['store_unavailable']);
    await expect(starting).rejects.toMatchObject({ code: 'store_unavailable' });
    for (const node of all) node.kill('SIGCONT');
    expect(await eventually(() => yearsOf(store))).toEqual(YEARS);
  });

  it('lets a store start while a replica takes over', async () => {
    const [first] = cluster.masters;
    await loaded();
    await vi.waitFor(async () => {
      expect(String(await cluster.send(cluster.replica, 'INFO', 'replication'))).toContain('master_link_status:up');
    });
    first!.kill('SIGSTOP');
    const store = storeOf();
    await eventually(() => store.start());
    expect(await eventually(() => yearsOf(store))).toEqual(YEARS);
    first!.kill('SIGCONT');
  });
});

describe('a Redis Cluster with a password and TLS', { timeout: 60_000 }, () => {
  it('lets in who knows it', async () => {
    const cluster = await startRedisCluster({ tls: true });
    try {
      for (const node of [...cluster.masters, cluster.replica])
        await cluster.send(node, 'ACL', 'SETUSER', 'weir', 'on', '>sesame', '~*', '+@all');
      const options = { cluster: { nodes: cluster.nodes }, username: 'weir', tls: { caFile: CERTIFICATE } };
      const store = createStore('packed', 'secret:', { ...options, password: 'sesame' });
      await store.start();
      await store.writer(plane).write(ENTITIES.map((entity, i) => row(entity, YEARS[i]!)));
      const rows = await fetchRows(store.reader(plane), ENTITIES);
      expect(rows.map(({ values }) => values['yearBuilt'])).toEqual(YEARS);
      await store.close();
      await expect(createStore('packed', 'secret:', { ...options, password: 'thistle' }).start()).rejects.toMatchObject({
        code: 'store_misconfigured',
        message: expect.stringContaining('WRONGPASS'),
      });
      await expect(createStore('packed', 'secret:', { ...options, tls: true }).start()).rejects.toMatchObject({
        code: 'store_misconfigured',
        message: expect.stringContaining('self-signed'),
      });
    } finally {
      await cluster.stop();
    }
  });
});
