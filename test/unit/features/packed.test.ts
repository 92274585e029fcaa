import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { GROUP_HIT, GROUP_MISS } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { packedLayout } from '../../../src/features/layouts/packed.ts';
import { findPackedFault, packedSchema, packedSchemaFromText, packRow } from '../../../src/features/layouts/packed-format.ts';
import { FeatureTableBuffer } from '../../../src/pipeline/feature-table.ts';
import { repliesOf } from './wire/resp.ts';

const group = { name: 'plane', floatFeatures: ['yearBuilt', 'seats'], stringFeatures: ['maker', 'model'] };
const schema = packedSchema(group);
const reader = packedLayout.createReader({ group, keyPrefix: 'p:' }, silentLogger);

function decode(values: (Buffer | null)[]) {
  const table = new FeatureTableBuffer(group, values.length);
  const tally = reader.decode(repliesOf(values), values.length, table);
  return { table, tally };
}

describe('packed rows', () => {
  it('have the bytes that the documentation gives', () => {
    const row = packRow({ entity: 'N1', writtenAtMs: 1_700_000_000_000, values: { yearBuilt: 1999, maker: 'Zür', model: null } }, schema);
    expect(schema.text).toBe('{"floats":["yearBuilt","seats"],"strings":["maker","model"]}');
    // Made with Python's struct and hashlib.
    expect(row.toString('hex')).toBe(
      ['5746', '01', '00', 'd8d64ff986222457', '00008056febc7842', '00e0f944', '0000c07f', '04000000', '5ac3bc72', 'ffffffff'].join(''),
    );
  });

  it('come back as they were put in', () => {
    const float = fc.option(fc.float());
    const text = fc.option(fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(float, float, text, text, fc.double(), (yearBuilt, seats, maker, model, writtenAtMs) => {
        const { table, tally } = decode([packRow({ entity: 'N1', writtenAtMs, values: { yearBuilt, seats, maker, model } }, schema)]);
        expect(tally).toEqual({ misses: 0, unreadable: 0 });
        expect(table.state[0]).toBe(GROUP_HIT);
        expect([...table.floats.subarray(0, 2)]).toEqual([yearBuilt ?? Number.NaN, seats ?? Number.NaN]);
        expect(table.texts.map((column) => column.text(0) ?? null)).toEqual([maker, model]);
        expect(table.writtenAtMs[0]).toBe(writtenAtMs);
      }),
    );
  });

  it('that are damaged are misses, whatever the damage, and harm no other row', () => {
    const good = packRow({ entity: 'N1', writtenAtMs: 3, values: { yearBuilt: 1999, seats: 1, maker: 'AIRBUS', model: 'A320' } }, schema);
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 0, max: good.length - 1 }).map((size) => good.subarray(0, size)),
      fc.uint8Array({ minLength: 1, maxLength: 9 }).map((more) => Buffer.concat([good, more])),
      // Only the header and the lengths of the texts: a changed float or letter is a value like any other.
      fc.tuple(fc.constantFrom(0, 1, 2, 3, 4, 11, 28, 29, 30, 31, 38, 39, 40, 41), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
        const copy = Buffer.from(good);
        copy[at]! ^= change;
        return copy;
      }),
    );
    fc.assert(
      fc.property(damaged, (value) => {
        const { table, tally } = decode([good, value, good]);
        expect(tally).toEqual({ misses: 1, unreadable: 1 });
        expect([...table.state.subarray(0, 3)]).toEqual([GROUP_HIT, GROUP_MISS, GROUP_HIT]);
        expect([...table.floats.subarray(0, 6)]).toEqual([1999, 1, Number.NaN, Number.NaN, 1999, 1]);
        expect(table.texts[1]!.text(1)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('of a version to come say so', () => {
    const row = packRow({ entity: 'N1', writtenAtMs: 3, values: {} }, schema);
    expect(findPackedFault(row)).toBeUndefined();
    row[2] = 2;
    expect(findPackedFault(row)).toBe('a packed row of version 2 (this weir reads version 1)');
  });

  it('do not take a schema that is not the one of the hash', () => {
    expect(packedSchemaFromText(schema.text, schema.hash)).toMatchObject({ floatFeatures: group.floatFeatures });
    for (const text of ['', 'null', '{}', '{"floats":["seats","yearBuilt"],"strings":["maker","model"]}', '{"floats":[1],"strings":[]}']) {
      expect(packedSchemaFromText(text, schema.hash)).toBeUndefined();
    }
  });

  it('ask for a schema once, and once more after a while when it is not there', async () => {
    const other = packedSchema({ floatFeatures: ['seats'], stringFeatures: [] });
    const value = packRow({ entity: 'N1', writtenAtMs: 3, values: { seats: 7 } }, other);
    let asked = 0;
    let answer: string | null = null;
    const redis = {
      get: async () => {
        asked++;
        return answer;
      },
    } as unknown as Redis;
    const fresh = packedLayout.createReader({ group, keyPrefix: 'p:' }, silentLogger);
    const fetch = async (): Promise<number> => {
      const table = new FeatureTableBuffer(group, 1);
      const replies = repliesOf([value]);
      await fresh.missing!(replies, 1)?.(redis);
      fresh.decode(replies, 1, table);
      return table.floats[1]!;
    };
    for (let i = 0; i < 101; i++) expect(await fetch()).toBeNaN();
    expect(asked).toBe(1);
    answer = other.text;
    expect(await fetch()).toBe(7);
    expect(await fetch()).toBe(7);
    expect(asked).toBe(2);
  });
});
