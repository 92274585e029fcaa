import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../src/features/index.ts';
import { describeOnlineStore, fetchRows } from '../../contract/online-store.ts';

describeOnlineStore('memory', 'plane', () => {
  const store = createMemoryStore();
  return { store, writer: (group) => store.writer(group) };
});

describe('createMemoryStore', () => {
  const plane = { name: 'plane', floatFeatures: ['yearBuilt'], stringFeatures: ['maker'] };

  it('reads a parsed JSON file, with times of writing where it has them', async () => {
    const data = JSON.parse('{"plane": {"N1": {"yearBuilt": 1999, "maker": "AIRBUS", "_ts": 12}, "N2": {"yearBuilt": null}}}');
    expect(await fetchRows(createMemoryStore(data).reader(plane), ['N1', 'N2', 'N3'])).toEqual([
      { hit: true, writtenAtMs: 12, values: { yearBuilt: 1999, maker: 'AIRBUS' } },
      { hit: true, writtenAtMs: Number.NaN, values: { yearBuilt: Number.NaN, maker: null } },
      { hit: false, writtenAtMs: Number.NaN, values: { yearBuilt: Number.NaN, maker: null } },
    ]);
  });

  it('reads Maps, and does not take later changes of them', async () => {
    const rows = new Map([['N1', { yearBuilt: 2001 }]]);
    const store = createMemoryStore(new Map([['plane', rows]]));
    rows.clear();
    expect((await fetchRows(store.reader(plane), ['N1']))[0]).toMatchObject({ hit: true, values: { yearBuilt: 2001 } });
  });

  it('does not find what every object inherits', async () => {
    expect((await fetchRows(createMemoryStore({ plane: {} }).reader(plane), ['constructor', '__proto__'])).map((r) => r.hit)).toEqual([
      false,
      false,
    ]);
  });

  it('misses every entity of a group that it does not know', async () => {
    expect((await fetchRows(createMemoryStore({}).reader(plane), ['N1']))[0]!.hit).toBe(false);
  });

  it.each([
    [[], 'The data of a memory store must be an object.'],
    [{ plane: 3 }, 'Group plane of a memory store must be an object.'],
    [{ plane: { N1: 1999 } }, 'Group plane of a memory store holds a row that is not an object.'],
  ])('refuses %j', (data, message) => {
    expect(() => createMemoryStore(data as never)).toThrow(expect.objectContaining({ code: 'config_invalid', message }));
  });
});
