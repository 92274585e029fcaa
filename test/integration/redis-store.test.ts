import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeOnlineStore, fetchRows } from '../contract/online-store.ts';
import { createStore, LAYOUTS, plane, recordingLogger, row } from '../support/redis-store.ts';
import { services, uniqueName } from '../support/services.ts';

for (const layout of LAYOUTS) {
  describeOnlineStore(`redis, layout ${layout}`, 'plane', () => {
    const store = createStore(layout, `${uniqueName(layout)}:`);
    return { store, writer: (group) => store.writer(group) };
  });
}

describe('redis store', () => {
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

  describe.each(LAYOUTS)('layout %s', (layout) => {
    it('lets rows expire after the time to live, a day unless told otherwise, or never', async () => {
      for (const [ttl, expected] of [
        [undefined, 86_400],
        [60, 60],
        [0, -1],
      ] as const) {
        const store = opened(createStore(layout, prefix, {}, ttl));
        await store.start();
        await store.writer(plane).write([row('N1', 1999)]);
        const seconds = await admin.ttl(`${prefix}N1`);
        if (expected < 0) expect(seconds).toBe(expected);
        else expect([expected - 1, expected]).toContain(seconds);
      }
    });

    it('starts on an empty store, and on one that holds its layout', async () => {
      const first = opened(createStore(layout, prefix));
      await first.start();
      await first.writer(plane).write([row('N1', 1999)]);
      const second = opened(createStore(layout, prefix));
      await second.start();
      expect([first.isHealthy(), second.isHealthy()]).toEqual([true, true]);
    });

    it.each(LAYOUTS.filter((other) => other !== layout))('refuses to start on rows of layout %s', async (other) => {
      // A database of its own: the check looks at so many keys only, and other tests may have filled the first one.
      const url = new URL(services().redisUrl);
      url.pathname = '/7';
      const writer = opened(createStore(other, prefix, { url: url.href }));
      await writer.start();
      await writer.writer(plane).write([row('N1', 1999)]);
      await expect(opened(createStore(layout, prefix, { url: url.href })).start()).rejects.toMatchObject({
        code: 'store_misconfigured',
        message: expect.stringContaining(`layout ${layout}`),
      });
    });

    it('counts keys of another type, and values that are none of its own, as misses of their entity alone', async () => {
      const logger = recordingLogger();
      const store = opened(createStore(layout, prefix, { logger }));
      await store.start();
      await store.writer(plane).write([row('good', 1999)]);
      await admin.rpush(`${prefix}list`, 'x');
      await admin.set(`${prefix}rubbish`, 'not a row');
      await admin.set(`${prefix}blank`, '');
      const fetched = await fetchRows(store.reader(plane), ['list', 'good', 'rubbish', 'nobody', 'blank']);
      expect(fetched.map(({ hit }) => hit)).toEqual([false, true, false, false, false]);
      // MGET does not tell a list from a key that is not there.
      expect(store.counts('plane')).toEqual({ entities: 5, misses: 4, unreadable: layout === 'hash' ? 3 : 2 });
      expect(logger.lines).toEqual(['The store holds values that cannot be read.']);
    });
  });

  it('reads JSON that others wrote', async () => {
    await admin.set(`${prefix}1`, '{"yearBuilt": "1999", "seats": true, "maker": 320, "_ts": 17, "more": [1]}');
    await admin.set(`${prefix}2`, '{"yearBuilt": {}, "seats": "many", "maker": ["x"], "_ts": "18"}');
    await admin.set(`${prefix}3`, Buffer.from([0x7b, 0xff]));
    await admin.set(`${prefix}4`, 'null');
    await admin.set(`${prefix}5`, '[1]');
    const store = opened(createStore('json', prefix));
    await store.start();
    const fetched = await fetchRows(store.reader(plane), ['1', '2', '3', '4', '5']);
    expect(fetched.slice(0, 2)).toEqual([
      { hit: true, writtenAtMs: 17, values: { yearBuilt: 1999, seats: 1, maker: '320' } },
      { hit: true, writtenAtMs: 18, values: { yearBuilt: Number.NaN, seats: Number.NaN, maker: null } },
    ]);
    expect(fetched.slice(2).map(({ hit }) => hit)).toEqual([false, false, false]);
    expect(store.counts('plane').unreadable).toBe(6);
  });

  it('reads hashes that others wrote', async () => {
    await admin.hset(`${prefix}1`, { yearBuilt: '1.999e3', seats: '', maker: '', other: 'x' });
    await admin.hset(`${prefix}2`, { yearBuilt: '0x10', seats: ' 5', _ts: 'yesterday' });
    const store = opened(createStore('hash', prefix));
    await store.start();
    expect(await fetchRows(store.reader(plane), ['1', '2'])).toEqual([
      { hit: true, writtenAtMs: Number.NaN, values: { yearBuilt: 1999, seats: Number.NaN, maker: '' } },
      { hit: true, writtenAtMs: Number.NaN, values: { yearBuilt: Number.NaN, seats: Number.NaN, maker: null } },
    ]);
    expect(store.counts('plane').unreadable).toBe(2);
  });

  it('reads and writes rows of bare float32 values', async () => {
    const group = { name: 'plane', floatFeatures: ['seats', 'yearBuilt'], stringFeatures: [] };
    const groups = { plane: { layout: 'float32', fields: ['yearBuilt', 'doors', 'seats'], keyPrefix: prefix } } as const;
    const store = opened(createStore('float32', prefix, { groups }));
    await store.start();
    await admin.set(`${prefix}others`, Buffer.from(Float32Array.of(1999, 6, 150).buffer));
    await admin.set(`${prefix}short`, Buffer.from(Float32Array.of(1999, 6).buffer));
    await store.writer(group).write([{ entity: 'ours', writtenAtMs: 5, values: { yearBuilt: 2004, seats: null } }]);
    expect(await fetchRows(store.reader(group), ['others', 'short', 'nobody', 'ours'])).toEqual([
      { hit: true, writtenAtMs: Number.NaN, values: { yearBuilt: 1999, seats: 150 } },
      { hit: false, writtenAtMs: Number.NaN, values: { yearBuilt: Number.NaN, seats: Number.NaN } },
      { hit: false, writtenAtMs: Number.NaN, values: { yearBuilt: Number.NaN, seats: Number.NaN } },
      { hit: true, writtenAtMs: Number.NaN, values: { yearBuilt: 2004, seats: Number.NaN } },
    ]);
    expect(store.counts('plane')).toEqual({ entities: 4, misses: 2, unreadable: 1 });
  });

  it('refuses to start on rows that do not have the length of the fields', async () => {
    const url = new URL(services().redisUrl);
    url.pathname = '/8';
    const other = new Redis(url.href);
    await other.set(`${prefix}1`, Buffer.alloc(8));
    await other.quit();
    const groups = { plane: { layout: 'float32', fields: ['yearBuilt', 'doors', 'seats'], keyPrefix: prefix } } as const;
    await expect(opened(createStore('float32', prefix, { url: url.href, groups })).start()).rejects.toMatchObject({
      code: 'store_misconfigured',
      message: expect.stringContaining('a value of 8 bytes, not 12 for 3 fields'),
    });
  });

  describe('layout packed', () => {
    it('reads rows of an older and a newer schema side by side', async () => {
      const older = opened(createStore('packed', prefix));
      await older.start();
      const reader = older.reader(plane);
      const narrow = { name: 'plane', floatFeatures: ['yearBuilt'], stringFeatures: [] };
      const wide = { name: 'plane', floatFeatures: ['engines', 'seats', 'yearBuilt'], stringFeatures: ['model', 'maker'] };
      await older.writer(narrow).write([{ entity: 'old', writtenAtMs: 1, values: { yearBuilt: 1980 } }]);
      await older
        .writer(wide)
        .write([{ entity: 'new', writtenAtMs: 2, values: { engines: 2, seats: 9, yearBuilt: 2010, model: 'M', maker: 'BOEING' } }]);
      expect(await fetchRows(reader, ['old', 'new'])).toEqual([
        { hit: true, writtenAtMs: 1, values: { yearBuilt: 1980, seats: Number.NaN, maker: null } },
        { hit: true, writtenAtMs: 2, values: { yearBuilt: 2010, seats: 9, maker: 'BOEING' } },
      ]);
    });

    it('takes its features from the first rows when it is given a name only', async () => {
      const store = opened(createStore('packed', prefix));
      await store.start();
      await store.writer('plane').write([row('N1', 1999), { ...row('N2', 2000), values: { yearBuilt: null, maker: null } }]);
      expect(await fetchRows(store.reader(plane), ['N1', 'N2'])).toEqual([
        { hit: true, writtenAtMs: 5, values: { yearBuilt: 1999, seats: 150, maker: 'AIRBUS' } },
        { hit: true, writtenAtMs: 5, values: { yearBuilt: Number.NaN, seats: Number.NaN, maker: null } },
      ]);
    });

    it.each([
      [{ yearBuilt: 'new' }, 'must be a number'],
      [{ maker: 320 }, 'must be a text'],
      [{ wings: 2 }, 'wings is not among'],
    ])('refuses to load %j', async (values, message) => {
      const store = opened(createStore('packed', prefix));
      await store.start();
      await expect(store.writer(plane).write([{ entity: 'N1', writtenAtMs: 1, values }])).rejects.toMatchObject({
        code: 'input_file_invalid',
        message: expect.stringContaining(message),
      });
      expect(await admin.exists(`${prefix}N1`)).toBe(0);
    });

    it('misses rows whose schema is gone, says so once, and looks again later', async () => {
      const logger = recordingLogger();
      const store = opened(createStore('packed', prefix, { logger }));
      await store.start();
      const wide = { name: 'plane', floatFeatures: ['engines', 'yearBuilt'], stringFeatures: [] };
      await store.writer(wide).write([{ entity: 'N1', writtenAtMs: 1, values: { engines: 2, yearBuilt: 1999 } }]);
      const [schemaKey] = await admin.keys(`${prefix}#schema:*`);
      const schema = await admin.get(schemaKey!);
      await admin.del(schemaKey!);
      const reader = store.reader(plane);
      expect((await fetchRows(reader, ['N1']))[0]!.hit).toBe(false);
      expect((await fetchRows(reader, ['N1']))[0]!.hit).toBe(false);
      expect(logger.lines.filter((line) => line.includes('schema'))).toHaveLength(1);
      await admin.set(schemaKey!, schema!);
      let asked = 0;
      while (!(await fetchRows(reader, ['N1']))[0]!.hit) expect(++asked).toBeLessThan(200);
    });
  });
});
