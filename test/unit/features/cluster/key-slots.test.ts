import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../../src/core/bytes.ts';
import { BytesColumn } from '../../../../src/core/bytes-column.ts';
import { slotsOf } from '../../../../src/features/cluster/key-slots.ts';

function slots(prefix: string, ...entities: string[]): number[] {
  const column = new BytesColumn(entities.length);
  for (const [i, entity] of entities.entries()) column.setText(i, entity);
  const found = new Uint16Array(entities.length);
  slotsOf(viewOf(Buffer.from(prefix)), { count: entities.length, column }, found);
  return [...found];
}

describe('slotsOf', () => {
  it('is CRC16 of XMODEM modulo 16384', () => {
    // From the specification of Redis Cluster.
    expect(slots('', '123456789')).toEqual([0x31c3]);
    expect(slots('12345', '6789', '')).toEqual([0x31c3, slots('', '12345')[0]!]);
  });

  it('takes what stands between the first braces, and only that', () => {
    const [user] = slots('', 'user1000');
    expect(slots('', '{user1000}.following', 'a{user1000}b{c}')).toEqual([user, user]);
    expect(slots('plane:{user1000}:', 'a', 'b{c}')).toEqual([user, user]);
    expect(slots('plane:{user', '1000}:x')).toEqual([user]);
    // Nothing between them, or no end: the whole key counts.
    expect(slots('foo{}', '{bar}')[0]).toBe(slots('', 'foo{}{bar}')[0]);
    expect(slots('foo', '{bar')[0]).toBe(slots('foo{', 'bar')[0]);
  });

  it('does not depend on where the prefix ends', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', 'a', 'ü', '\u0000'), maxLength: 20 }), fc.nat(20), (key, cut) => {
        expect(slots(key.slice(0, cut), key.slice(cut))).toEqual(slots('', key));
      }),
    );
  });
});
