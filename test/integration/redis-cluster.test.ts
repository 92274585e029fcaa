import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { viewOf } from '../../src/core/bytes.ts';
import { BytesColumn } from '../../src/core/bytes-column.ts';
import type { LocalService } from '../../src/dev/index.ts';
import type { LayoutName, RedisStore, RedisStoreOptions } from '../../src/features/index.ts';
import { describeOnlineStore, fetchRows } from '../contract/online-store.ts';
import { createStore, eventually, LAYOUTS, plane, recordingLogger, row } from '../support/redis-store.ts';
import { slotsOf } from '../../src/features/cluster/key-slots.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-topologies.ts';
import { services, uniqueName } from '../support/services.ts';

const ENTITIES = Array.from({ length: 500 }, (_, i) => `N${i}`);
const YEARS = ENTITIES.map((_, i) => 1900 + i);

describe('a Redis Cluster', { timeout: 60_000 }, () => {
  let cluster: RedisCluster;
  let prefix: string;
  const open: { close(): Promise<void> }[] = [];
  const storeOf = (layout: LayoutName, options: Partial<RedisStoreOptions> = {}): RedisStore => {
    const store = createStore(layout, prefix, { cluster: { nodes: cluster.nodes.slice(0, 2) }, ...options });
    open.push(store);
    return store;
  };
  const loaded = async (layout: LayoutName, options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> => {
    const store = storeOf(layout, options);
    await store.start();
    await store.writer(plane).write(ENTITIES.map((entity, i) => row(entity, YEARS[i]!)));
    return store;
  };
  const yearsOf = async (store: RedisStore, entities = ENTITIES): Promise<unknown[]> =>
    (await fetchRows(store.reader(plane), entities)).map(({ values }) => values['yearBuilt']);

  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster?.stop());
  beforeEach(() => {
    prefix = `${uniqueName('features')}:`;
  });
  afterEach(async () => {
    for (const closable of open.splice(0).reverse()) await closable.close();
  });

  for (const layout of LAYOUTS) {
    describeOnlineStore(`redis cluster, layout ${layout}`, 'plane', () => {
      const store = createStore(layout, `${uniqueName(layout)}:`, { cluster: { nodes: cluster.nodes } });
      return { store, writer: (group) => store.writer(group) };
    });
  }

  it.each(LAYOUTS)('has rows of layout %s on all masters, which are read, sampled, and found wrong by the start', async (layout) => {
    const store = await loaded(layout);
    for (const master of cluster.masters) {
      const [, keys] = (await cluster.send(master, 'SCAN', 0, 'MATCH', `${prefix}*`, 'COUNT', 100_000)) as [string, string[]];
      expect(keys.length).toBeGreaterThan(100);
    }
    expect(await yearsOf(store)).toEqual(YEARS);
    expect((await store.sampleEntities('plane', 1_000)).toSorted()).toEqual(ENTITIES.toSorted());
    const other = layout === 'json' ? 'packed' : 'json';
    await expect(storeOf(other).start()).rejects.toMatchObject({ code: 'store_misconfigured', message: expect.stringContaining(prefix) });
  });

  it('finds the slots that Redis finds', async () => {
    const keys = ['a', '', 'N1', '{N1}', 'N{1}2', 'N{}1', '{', '}{', 'a}b{c}d', '{{a}}', '{a', 'Zürich', '\u0000{\u0001}', 'x'.repeat(300)];
    for (const before of ['', 'features:plane:', 'plane{1}:', 'plane{', 'plane{}']) {
      const slots = slotsIn(before, keys);
      const expected = await Promise.all(keys.map((key) => cluster.send(cluster.replica, 'CLUSTER', 'KEYSLOT', before + key)));
      expect(slots).toEqual(expected);
    }
  });

  it('counts a key of another type as one that cannot be read, and reads the others', async () => {
    const store = await loaded('packed');
    const owner = ownerOf(slotsIn(prefix, ['N7'])[0]!);
    await cluster.send(owner, 'DEL', `${prefix}N7`);
    await cluster.send(owner, 'HSET', `${prefix}N7`, 'a', 'b');
    expect(await yearsOf(store)).toEqual(YEARS.with(7, Number.NaN));
  });

  it('follows keys while their slot moves from one master to another, and after it', async () => {
    const store = await loaded('hash');
    const [from, to] = cluster.masters as [LocalService, LocalService, LocalService];
    const slots = [...new Set(slotsIn(prefix, ENTITIES))].filter((slot) => ownerOf(slot) === from).slice(0, 20);
    await move(slots, from, to, async () => expect(await yearsOf(store)).toEqual(YEARS)); // ASK
    expect(await yearsOf(store)).toEqual(YEARS); // MOVED
    await store.writer(plane).write(ENTITIES.map((entity) => row(entity, 2000)));
    expect(await yearsOf(store)).toEqual(YEARS.map(() => 2000));
    await move(slots, to, from, async () => await store.writer(plane).write(ENTITIES.map((entity, i) => row(entity, YEARS[i]!))));
    expect(await yearsOf(store)).toEqual(YEARS);
  });

  /** Moves slots with all that is in them; `meanwhile` both masters have to do with them. */
  async function move(slots: readonly number[], from: LocalService, to: LocalService, meanwhile: () => Promise<unknown>): Promise<void> {
    const [fromId, toId] = await Promise.all([from, to].map(async (node) => String(await cluster.send(node, 'CLUSTER', 'MYID'))));
    const moveKeys = async (slot: number): Promise<void> => {
      const keys = (await cluster.send(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 1_000)) as string[];
      for (const key of keys) await cluster.send(from, 'MIGRATE', '127.0.0.1', to.port, key, 0, 5_000);
    };
    for (const slot of slots) {
      await cluster.send(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
      await cluster.send(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
    }
    for (const slot of slots.slice(0, slots.length / 2)) await moveKeys(slot);
    await meanwhile();
    for (const slot of slots) {
      await moveKeys(slot);
      for (const node of [to, from]) await cluster.send(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
    }
  }

  it('is said to be one to who configures a node as a server, and a server to who configures it as a cluster', async () => {
    const node = createStore('json', prefix, { url: `redis://${cluster.nodes[1]}` });
    open.push(node);
    await node.start();
    await expect(yearsOf(node)).rejects.toMatchObject({
      code: 'store_misconfigured',
      message: expect.stringContaining('configure cluster in place of url'),
    });
    const { hostname, port } = new URL(services().redisUrl);
    await expect(storeOf('json', { cluster: { nodes: [`${hostname}:${port || 6379}`] } }).start()).rejects.toMatchObject({
      code: 'store_misconfigured',
      message: expect.stringContaining('configure url in place of cluster'),
    });
  });

  it('does not start without any node, says which it tried, and can be started later', async () => {
    const store = storeOf('json', { cluster: { nodes: ['127.0.0.1:1'] } });
    await expect(store.start()).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('ECONNREFUSED 127.0.0.1:1'),
    });
  });

  // Last, for it changes who is a master.
  it('goes to the replica when a master has died, and back', async () => {
    const logger = recordingLogger();
    const store = await loaded('packed', { logger, deadlineMs: 300, breaker: { failures: 3, resetMs: 100 } });
    const [first] = cluster.masters as [LocalService];
    await vi.waitFor(async () =>
      expect(String(await cluster.send(cluster.replica, 'INFO', 'replication'))).toContain('master_link_status:up'),
    );
    first.kill('SIGKILL');
    await first.outcome;
    await expect(yearsOf(store)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await eventually(() => yearsOf(store))).toEqual(YEARS);
    await store.writer(plane).write(ENTITIES.map((entity) => row(entity, 2001)));
    await first.restart();
    await vi.waitFor(
      async () => expect(String(await cluster.send(first, 'INFO', 'replication'))).toContain('master_link_status:up'),
      20_000,
    );
    cluster.replica.kill('SIGSTOP');
    await expect(yearsOf(store)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await eventually(() => yearsOf(store))).toEqual(YEARS.map(() => 2001));
    cluster.replica.kill('SIGCONT');
    expect(logger.lines).toContain('The connection to Redis is lost; reconnecting.');
  });

  function slotsIn(before: string, entities: readonly string[]): number[] {
    const column = new BytesColumn(entities.length);
    for (const [i, entity] of entities.entries()) column.setText(i, entity);
    const slots = new Uint16Array(entities.length);
    slotsOf(viewOf(Buffer.from(before)), { count: entities.length, column }, slots);
    return [...slots];
  }

  function ownerOf(slot: number): LocalService {
    return cluster.masters[Math.min(2, Math.floor((slot * 3) / 16_384))]!;
  }
});
