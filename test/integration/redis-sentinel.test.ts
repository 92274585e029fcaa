import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRedis } from '../../src/dev/index.ts';
import type { RedisStore, RedisStoreOptions } from '../../src/features/index.ts';
import { describeOnlineStore, fetchRows } from '../contract/online-store.ts';
import { createStore, eventually, plane, row } from '../support/redis-store.ts';
import { type SentinelSetup, startSentinels, withRedis } from '../support/redis-topologies.ts';
import { uniqueName } from '../support/services.ts';

const PASSWORD = 'sesame';

describe('a master that sentinels name', { timeout: 60_000 }, () => {
  let setup: SentinelSetup;
  let prefix: string;
  const open: { close(): Promise<void> }[] = [];
  const storeOf = (options: Partial<RedisStoreOptions> = {}): RedisStore => {
    const { master, nodes } = setup;
    // The first sentinel is not there, which is no news.
    const store = createStore('packed', prefix, { sentinel: { master, nodes: ['127.0.0.1:1', ...nodes] }, password: PASSWORD, ...options });
    open.push(store);
    return store;
  };
  const yearOf = async (store: RedisStore): Promise<unknown> => (await fetchRows(store.reader(plane), ['N1']))[0]!.values['yearBuilt'];

  beforeAll(async () => {
    setup = await startSentinels({ password: PASSWORD });
  }, 60_000);
  afterAll(() => setup?.stop());
  beforeEach(() => {
    prefix = `${uniqueName('features')}:`;
  });
  afterEach(async () => {
    for (const closable of open.splice(0).reverse()) await closable.close();
  });

  describeOnlineStore('redis behind sentinels, layout packed', 'plane', () => {
    const { master, nodes } = setup;
    const store = createStore('packed', `${uniqueName('features')}:`, { sentinel: { master, nodes }, password: PASSWORD });
    return { store, writer: (group) => store.writer(group) };
  });

  it('has several databases', async () => {
    const store = storeOf({ database: 3 });
    await store.start();
    await store.writer(plane).write([row('N1', 1999)]);
    const other = storeOf();
    await other.start();
    expect([await yearOf(store), await yearOf(other)]).toEqual([1999, Number.NaN]);
  });

  it.each([
    { what: 'a name that no sentinel knows', change: { master: 'elsewhere' }, code: 'store_misconfigured', says: 'No such master' },
    {
      what: 'sentinels that are not there',
      change: { nodes: ['127.0.0.1:1'] },
      code: 'store_unavailable',
      says: 'by the last sentinel: Connection is closed',
    },
  ])('is not found by $what', async ({ change, code, says }) => {
    const { master, nodes } = setup;
    const error = storeOf({ sentinel: { master, nodes, ...change } }).start();
    await expect(error).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it('refuses a wrong password, and so may the sentinels', async () => {
    await expect(storeOf({ password: 'thistle' }).start()).rejects.toMatchObject({ code: 'store_misconfigured' });
    const guarded = await startRedis({ sentinel: true, args: ['--requirepass', 'thyme'] });
    open.push({ close: () => guarded.stop() });
    const { port } = setup.servers[0];
    await withRedis(guarded.port, (redis) => redis.call('SENTINEL', 'MONITOR', 'guarded', '127.0.0.1', port, 1), 'thyme');
    const sentinel = { master: 'guarded', nodes: [`127.0.0.1:${guarded.port}`] };
    await expect(storeOf({ sentinel }).start()).rejects.toMatchObject({ code: 'store_misconfigured' });
    const store = storeOf({ sentinel: { ...sentinel, password: 'thyme' } });
    await store.start();
    expect(store.isHealthy()).toBe(true);
  });

  it('is another server after a failover, which batches find by themselves', async () => {
    const store = storeOf({ deadlineMs: 300, breaker: { failures: 3, resetMs: 100 } });
    await store.start();
    await store.writer(plane).write([row('N1', 1999)]);
    const [first, second] = setup.servers;
    const isReplicated = async (): Promise<void> => {
      expect(await withRedis(second.port, (redis) => redis.exists(`${prefix}N1`), PASSWORD)).toBe(1);
    };
    await vi.waitFor(isReplicated, 5_000);
    first.kill('SIGKILL');
    await first.outcome;
    await expect(yearOf(store)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await eventually(() => yearOf(store))).toBe(1999);
    await eventually(() => store.writer(plane).write([row('N1', 2000)]));
    expect(await yearOf(store)).toBe(2000);
    await first.restart();
    await vi.waitFor(async () => expect(await withRedis(first.port, (redis) => redis.role(), PASSWORD)).toContain('connected'), 20_000);
    second.kill('SIGSTOP');
    await expect(yearOf(store)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await eventually(() => yearOf(store))).toBe(2000);
    second.kill('SIGCONT');
  });
});
