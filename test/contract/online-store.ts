import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistinctKeys } from '../../src/core/byte-keys.ts';
import { BytesColumn } from '../../src/core/bytes-column.ts';
import type { FeatureGroup, FeatureReader, OnlineStore } from '../../src/core/ports.ts';
import { GROUP_HIT, GROUP_MISS } from '../../src/core/rows.ts';
import type { FeatureRow, FeatureValue, FeatureWriter } from '../../src/features/index.ts';
import { FeatureTableBuffer } from '../../src/pipeline/feature-table.ts';

/** A store under test, and a way to put rows into it. */
export interface StoreUnderTest {
  readonly store: OnlineStore;
  writer(group: FeatureGroup): FeatureWriter;
}

/** What a store gave for one entity. */
export interface FetchedRow {
  readonly hit: boolean;
  readonly writtenAtMs: number;
  readonly values: Record<string, FeatureValue>;
}

/** Fetches entities (distinct ones) through a reader and reads the table back as objects. */
export async function fetchRows(reader: FeatureReader, entities: readonly string[]): Promise<FetchedRow[]> {
  const column = new BytesColumn(Math.max(1, entities.length));
  column.clear(entities.length);
  for (const [row, entity] of entities.entries()) column.setText(row, entity);
  const keys = new DistinctKeys(4);
  keys.assign(column, entities.length);
  expect(keys.count).toBe(entities.length);
  const { group } = reader;
  const table = new FeatureTableBuffer(group, Math.max(1, keys.count));
  // Rubbish of an earlier batch must not shine through.
  table.floats.fill(-77);
  table.state.fill(99);
  table.writtenAtMs.fill(-77);
  for (const texts of table.texts) for (let row = 0; row < keys.count; row++) texts.setText(row, 'rubbish');
  await reader.fetch(keys, table);
  return entities.map((_, entity) => {
    const values: Record<string, FeatureValue> = {};
    for (const [f, name] of group.floatFeatures.entries()) values[name] = table.floats[entity * group.floatFeatures.length + f]!;
    for (const [f, name] of group.stringFeatures.entries()) values[name] = table.texts[f]!.text(entity) ?? null;
    expect([GROUP_HIT, GROUP_MISS]).toContain(table.state[entity]);
    return { hit: table.state[entity] === GROUP_HIT, writtenAtMs: table.writtenAtMs[entity]!, values };
  });
}

/**
 * What every online store must do, whatever keeps its rows.
 * @param createStore gives a store whose group `groupName` is empty; it is started and closed by the suite
 */
export function describeOnlineStore(name: string, groupName: string, createStore: () => Promise<StoreUnderTest> | StoreUnderTest): void {
  describe(`online store: ${name}`, () => {
    const group: FeatureGroup = { name: groupName, floatFeatures: ['a', 'b'], stringFeatures: ['s', 't'] };
    const miss: FetchedRow = { hit: false, writtenAtMs: Number.NaN, values: { a: Number.NaN, b: Number.NaN, s: null, t: null } };
    let subject: StoreUnderTest;
    let reader: FeatureReader;

    const write = (rows: FeatureRow[]): Promise<number> => subject.writer(group).write(rows);
    const row = (entity: string, values: Record<string, FeatureValue>, writtenAtMs = 1_700_000_000_123): FeatureRow => ({
      entity,
      writtenAtMs,
      values,
    });
    const read = async (entity: string): Promise<FetchedRow> => (await fetchRows(reader, [entity]))[0]!;

    beforeAll(async () => {
      subject = await createStore();
      await subject.store.start();
      reader = subject.store.reader(group);
    });
    afterAll(() => subject.store.close());

    it('tells some of the entities that it has rows of', async () => {
      expect(await subject.store.sampleEntities(groupName, 10)).toEqual([]);
      const entities = ['größe:1', 'b', 'c*', '#d'];
      await write(entities.map((entity) => row(entity, { a: 1 })));
      expect((await subject.store.sampleEntities(groupName, 10)).sort()).toEqual([...entities].sort());
      const some = await subject.store.sampleEntities(groupName, 2);
      expect(some).toHaveLength(2);
      for (const entity of some) expect(entities).toContain(entity);
    });

    it('is healthy after it has started', () => {
      expect(subject.store.isHealthy()).toBe(true);
    });

    it('gives hits their values and times, and misses neither', async () => {
      await write([row('one', { a: 1.5, b: -2, s: 'x', t: 'y' }), row('two', { a: 3, b: 4, s: 'p', t: 'q' }, 42)]);
      expect(await fetchRows(reader, ['two', 'nobody', 'one'])).toEqual([
        { hit: true, writtenAtMs: 42, values: { a: 3, b: 4, s: 'p', t: 'q' } },
        miss,
        { hit: true, writtenAtMs: 1_700_000_000_123, values: { a: 1.5, b: -2, s: 'x', t: 'y' } },
      ]);
    });

    it('fetches nothing for no entities', async () => {
      expect(await fetchRows(reader, [])).toEqual([]);
    });

    it('keeps null and absent features apart from zero and empty ones', async () => {
      await write([row('nulls', { a: null, b: 0, s: null, t: '' }), row('absent', { b: 5 })]);
      expect((await read('nulls')).values).toEqual({ a: Number.NaN, b: 0, s: null, t: '' });
      expect((await read('absent')).values).toEqual({ a: Number.NaN, b: 5, s: null, t: null });
    });

    it('calls a row of nothing but nulls a hit', async () => {
      await write([row('empty', { a: null, b: null, s: null, t: null }, Number.NaN)]);
      expect(await read('empty')).toEqual({ ...miss, hit: true });
    });

    it('does not know when a row was written that does not say so', async () => {
      await write([row('timeless', { a: 1, b: 2, s: 'x', t: 'y' }, Number.NaN)]);
      expect(await read('timeless')).toEqual({ hit: true, writtenAtMs: Number.NaN, values: { a: 1, b: 2, s: 'x', t: 'y' } });
    });

    it('replaces a row as a whole', async () => {
      await write([row('again', { a: 1, b: 2, s: 'old', t: 'old' })]);
      await write([row('again', { a: null, b: 3, s: null, t: 'new' }, 7)]);
      expect(await read('again')).toEqual({ hit: true, writtenAtMs: 7, values: { a: Number.NaN, b: 3, s: null, t: 'new' } });
    });

    it('rounds floats to float32 as Math.fround does, and keeps what is not finite', async () => {
      const numbers = [0.1, 16_777_217, 1e-45, 1e300, 123_456_789.125, -1.1754943508222875e-38, Math.PI, 1e21, 5e-324];
      await write(numbers.map((a, i) => row(`float-${i}`, { a, b: -a, s: null, t: null })));
      for (const [i, { values }] of (
        await fetchRows(
          reader,
          [...numbers.keys()].map((i) => `float-${i}`),
        )
      ).entries()) {
        expect(values['a']).toBe(Math.fround(numbers[i]!));
        expect(values['b']).toBe(Math.fround(-numbers[i]!));
      }
      await write([
        row('infinite', { a: Infinity, b: -Infinity, s: null, t: null }),
        row('nan', { a: Number.NaN, b: 1, s: null, t: null }),
      ]);
      expect((await read('infinite')).values).toMatchObject({ a: Infinity, b: -Infinity });
      expect((await read('nan')).values).toMatchObject({ a: Number.NaN, b: 1 });
    });

    it('takes any text as entity and as value', async () => {
      const texts = ['', ' ', 'Zürich', '東京', '🚲 bike', 'a:b:*?[x]', 'line\r\nbreak', '$5\r\n', 'x'.repeat(2_000), 'nul\u0000byte'];
      await write(texts.map((text, i) => row(text, { a: i, b: i, s: text, t: `${text}!` })));
      for (const [i, { hit, values }] of (await fetchRows(reader, texts)).entries()) {
        expect({ hit, values }).toEqual({ hit: true, values: { a: i, b: i, s: texts[i], t: `${texts[i]}!` } });
      }
    });

    it('answers 5,000 entities at once, every second of them unknown', async () => {
      const rows = Array.from({ length: 2_500 }, (_, i) => row(`many-${2 * i}`, { a: i, b: i / 2, s: `s${i}`, t: null }, i));
      expect(await write(rows)).toBe(2_500);
      const entities = Array.from({ length: 5_000 }, (_, i) => `many-${i}`);
      for (const [i, fetched] of (await fetchRows(reader, entities)).entries()) {
        const n = i / 2;
        if (i % 2 === 1) expect(fetched).toEqual(miss);
        else expect(fetched).toEqual({ hit: true, writtenAtMs: n, values: { a: n, b: n / 2, s: `s${n}`, t: null } });
      }
    });

    it('reads some of the features, in an order of its own', async () => {
      await write([row('subset', { a: 1, b: 2, s: 'x', t: 'y' })]);
      const some = subject.store.reader({ name: groupName, floatFeatures: ['b', 'a'], stringFeatures: ['t'] });
      expect((await fetchRows(some, ['subset']))[0]!.values).toEqual({ b: 2, a: 1, t: 'y' });
      const one = subject.store.reader({ name: groupName, floatFeatures: [], stringFeatures: ['s'] });
      expect((await fetchRows(one, ['subset', 'nobody'])).map(({ values }) => values)).toEqual([{ s: 'x' }, { s: null }]);
    });

    it('gives features that the rows lack no value', async () => {
      await write([row('lacking', { a: 1, b: 2, s: 'x', t: 'y' })]);
      const more = subject.store.reader({ name: groupName, floatFeatures: ['a', 'constructor'], stringFeatures: ['toString', 's'] });
      const [fetched] = await fetchRows(more, ['lacking']);
      expect(fetched).toMatchObject({ hit: true, values: { a: 1, constructor: Number.NaN, toString: null, s: 'x' } });
    });

    it('answers several fetches under way at once', async () => {
      await write(Array.from({ length: 50 }, (_, i) => row(`busy-${i}`, { a: i, b: 0, s: `${i}`, t: null })));
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => read(`busy-${i}`)));
      expect(answers.map(({ values }) => values['a'])).toEqual([...answers.keys()]);
    });

    it('counts the rows it loads from an async source', async () => {
      async function* rows(): AsyncGenerator<FeatureRow> {
        for (let i = 0; i < 2_100; i++) yield row(`loaded-${i}`, { a: i, b: i, s: null, t: null });
      }
      const progress: number[] = [];
      expect(await subject.writer(group).write(rows(), { onProgress: (count) => progress.push(count) })).toBe(2_100);
      expect(progress.at(-1)).toBe(2_100);
      expect(progress).toEqual([...progress].sort((x, y) => x - y));
      expect((await read('loaded-2099')).values['a']).toBe(2_099);
    });
  });
}
