import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { marker, recordBatch } from '../../../support/fetch-responses.ts';
import { fetchedFrom, recordsOf } from '../../../support/fetched-records.ts';

const text = (value: string) => Buffer.from(value);
const plain = (baseOffset: number, value: string) => recordBatch({ baseOffset, records: [{ value: text(value) }] });

describe('aborted transactions', () => {
  const A = 7n;
  const B = 2n ** 60n;
  const data = (baseOffset: number, producerId: bigint, value: string, key: Buffer | null = null) =>
    recordBatch({ baseOffset, producerId, attributes: 16, records: [{ key, value: text(value) }] });
  const visible = async (records: Buffer[], aborted: [bigint, number][], offset = 0) =>
    recordsOf(await fetchedFrom({ records: Buffer.concat(records), aborted }, offset)).map(({ value }) => String(value));

  it('are left out in any order of the list', async () => {
    const log = [
      data(0, A, 'A0'),
      data(1, B, 'B1'),
      data(2, A, 'A2'),
      marker(3, B, 'abort'),
      marker(4, A, 'abort'),
      data(5, A, 'C'),
      marker(6, A, 'commit'),
    ];
    expect(
      await visible(log, [
        [B, 1],
        [A, 0],
      ]),
    ).toEqual(['C']);
    expect(
      await visible(log, [
        [A, 0],
        [B, 1],
      ]),
    ).toEqual(['C']);
  });

  it('are left out when the fetch begins inside two of them', async () => {
    const log = [data(2, B, 'B2'), marker(3, A, 'abort'), marker(4, B, 'abort'), data(5, A, 'C'), marker(6, A, 'commit')];
    expect(
      await visible(
        log,
        [
          [A, 0],
          [B, 1],
        ],
        2,
      ),
    ).toEqual(['C']);
  });

  it('end at control batches alone, whatever key a record has', async () => {
    const log = [
      data(0, A, 'X0'),
      data(1, A, 'X1', Buffer.alloc(4)),
      data(2, A, 'X2'),
      marker(3, A, 'abort'),
      data(4, A, 'C'),
      marker(5, A, 'commit'),
    ];
    expect(await visible(log, [[A, 0]])).toEqual(['C']);
  });

  it('of one producer do not hide its committed ones, nor records without a transaction', async () => {
    const log = [
      data(0, A, 'a'), marker(1, A, 'abort'), data(2, A, 'K1'), marker(3, A, 'commit'), data(4, A, 'b'), plain(5, 'plain'),
      data(6, B, 'K2'), marker(7, B, 'commit'), marker(8, A, 'abort'), data(9, A, 'K3'), marker(10, A, 'commit'),
    ]; // biome-ignore format: a log
    expect(
      await visible(log, [
        [A, 4],
        [A, 0],
      ]),
    ).toEqual(['K1', 'plain', 'K2', 'K3']);
  });

  it('are visible to those who read uncommitted, markers never', async () => {
    const records = Buffer.concat([data(0, A, 'a'), marker(1, A, 'abort')]);
    const fetched = await fetchedFrom({ records, aborted: null }, 0, { isolation: 'read_uncommitted' });
    expect([fetched.nextOffset, ...recordsOf(fetched).map(({ value }) => String(value))]).toEqual([2, 'a']);
  });

  it('follow the rule on any interleaving', async () => {
    const step = fc.record({
      producer: fc.integer({ min: 0, max: 3 }),
      act: fc.constantFrom('write', 'write', 'write', 'abort', 'commit'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(39), async (steps, start) => {
        const open = new Map<number, { first: number; values: string[] }>();
        const hidden = new Set<string>();
        const aborted: [bigint, number][] = [];
        const log = steps.flatMap(({ producer, act }, offset) => {
          const transaction = open.get(producer);
          if (act === 'write') {
            const values = transaction ?? { first: offset, values: [] };
            values.values.push(`v${offset}`);
            open.set(producer, values);
            return [data(offset, BigInt(producer), `v${offset}`)];
          }
          if (act === 'abort' && transaction) {
            for (const value of transaction.values) hidden.add(value);
            // As the broker: only what reaches into the fetch, in the order of the markers.
            if (offset >= start) aborted.push([BigInt(producer), transaction.first]);
          }
          open.delete(producer);
          return [marker(offset, BigInt(producer), act as 'abort' | 'commit')];
        });
        const expected = steps.map((_, i) => `v${i}`).filter((v, i) => i >= start && steps[i]!.act === 'write' && !hidden.has(v));
        expect(await visible(log.slice(start), aborted, start)).toEqual(expected);
      }),
    );
  });
});
