import fc from 'fast-check';
import type { TopicMessages } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { type Header, OutputRecords } from '../../../src/core/outputs.ts';
import { produceRequests, type TopicLimits } from '../../../src/kafka/produce-requests.ts';

interface TestOutput {
  readonly partition?: number;
  readonly key?: string | null;
  readonly value: string | null;
  readonly headers?: Header[];
}

/** Framing that `produceRequests` reckons with for each record. */
const OVERHEAD = 40;

function outputs(topic: string, records: readonly TestOutput[]): OutputRecords {
  const output = new OutputRecords(topic);
  for (const { partition = -1, key = null, value, headers = [] } of records) {
    const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
    output.push({ partition, timestampMs: 17, key: bytes(key), value: bytes(value), headers });
  }
  return output;
}

function requests(given: readonly OutputRecords[], limits: TopicLimits | Record<string, TopicLimits>): TopicMessages[][] {
  return [...produceRequests(given, (topic) => ('partitions' in limits ? (limits as TopicLimits) : limits[topic]!))];
}

/** Values by request and topic. */
function values(given: TopicMessages[][]): Record<string, string[]>[] {
  return given.map((request) =>
    Object.fromEntries(request.map(({ topic, messages }) => [topic, messages.map(({ value }) => String(value))])),
  );
}

/** A record of 10 bytes and its framing: two of them fill `roomForTwo`. */
const ten = (first: string, partition?: number): TestOutput => ({
  value: first.padEnd(10, '.'),
  ...(partition === undefined ? {} : { partition }),
});
const roomForTwo = 2 * (10 + OVERHEAD);
const short = (given: TopicMessages[][]): string[][] =>
  values(given).map((r) =>
    Object.values(r)
      .flat()
      .map((v) => v.replace(/\.+$/, '')),
  );

describe('produceRequests', () => {
  it('keeps what a record says: key, value, headers with repeated names, timestamp', () => {
    const given = outputs('out', [
      {
        key: 'k',
        value: 'v',
        headers: [
          { key: 'a', value: Buffer.from('1') },
          { key: 'b', value: Buffer.from('2') },
          { key: 'a', value: Buffer.from('3') },
        ],
      },
      { key: null, value: null },
    ]);
    const headers = Object.assign(Object.create(null) as object, { a: [Buffer.from('1'), Buffer.from('3')], b: Buffer.from('2') });
    expect(requests([given], { partitions: 1, partitionBytes: 1_000 })).toEqual([
      [
        {
          topic: 'out',
          messages: [
            { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: '17', headers },
            { key: null, value: null, timestamp: '17' },
          ],
        },
      ],
    ]);
  });

  it('gives nothing for nothing', () => {
    expect(requests([], { partitions: 1, partitionBytes: 10 })).toEqual([]);
    expect(requests([outputs('out', [])], { partitions: 1, partitionBytes: 10 })).toEqual([]);
  });

  it('sends a record to the partition that it names, and leaves the choice to the key where there is no such partition', () => {
    const given = outputs('out', [
      { partition: 0, value: 'a' },
      { partition: 2, value: 'b' },
      { partition: 3, value: 'beyond' },
      { partition: -1, value: 'none' },
    ]);
    const [[{ messages }]] = requests([given], { partitions: 3, partitionBytes: 1_000 }) as [[TopicMessages]];
    expect(messages.map(({ partition }) => partition)).toEqual([0, 2, undefined, undefined]);
    expect(messages.filter((message) => 'partition' in message).length).toBe(2);
  });

  it('fills a partition to the byte and begins a new request with the next record', () => {
    const given = outputs('out', [ten('a', 0), ten('b', 0), ten('c', 0), ten('d', 0), ten('e', 0)]);
    expect(short(requests([given], { partitions: 1, partitionBytes: roomForTwo }))).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(short(requests([given], { partitions: 1, partitionBytes: roomForTwo - 1 }))).toEqual([['a'], ['b'], ['c'], ['d'], ['e']]);
  });

  it('counts keys and headers, too', () => {
    const headers = [{ key: 'h', value: Buffer.alloc(20) }]; // 24 bytes
    const given = outputs('out', [
      { partition: 0, key: 'k'.repeat(10), value: 'a', headers },
      { partition: 0, key: 'k'.repeat(10), value: 'b', headers },
    ]);
    const each = OVERHEAD + 10 + 1 + 24;
    expect(requests([given], { partitions: 1, partitionBytes: 2 * each }).length).toBe(1);
    expect(requests([given], { partitions: 1, partitionBytes: 2 * each - 1 }).length).toBe(2);
  });

  it('counts each named partition by itself', () => {
    const given = outputs('out', [ten('a', 0), ten('b', 1), ten('c', 0), ten('d', 1), ten('e', 1)]);
    expect(short(requests([given], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'b', 'c', 'd'], ['e']]);
  });

  it('counts a record placed by its key with those of every partition: it may fall into any', () => {
    const byKeyLast = outputs('out', [ten('a', 0), ten('b', 1), ten('c')]);
    expect(short(requests([byKeyLast], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'b'], ['c']]);
    const byKeyFirst = outputs('out', [ten('a'), ten('b', 0), ten('c', 0)]);
    expect(short(requests([byKeyFirst], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'b'], ['c']]);
    const beyond = outputs('out', [ten('a', 7), ten('b', 8), ten('c', 9)]);
    expect(short(requests([beyond], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'b'], ['c']]);
  });

  it('a record larger than its topic accepts goes alone', () => {
    const given = outputs('out', [ten('a', 0), { partition: 0, value: 'large'.padEnd(500, '.') }, ten('b', 0)]);
    expect(short(requests([given], { partitions: 1, partitionBytes: roomForTwo }))).toEqual([['a'], ['large'], ['b']]);
  });

  it('takes the limits of each topic, and sends topics together while they fit', () => {
    const predictions = outputs('predictions', [ten('a', 0), ten('b', 0), ten('c', 0)]);
    const deadLetters = outputs('dead', [ten('x', 4), ten('y', 4), ten('z', 4)]);
    const limits = {
      predictions: { partitions: 1, partitionBytes: 10_000 },
      dead: { partitions: 5, partitionBytes: roomForTwo },
    };
    const both = requests([predictions, deadLetters], limits);
    expect(values(both).map((request) => Object.entries(request).map(([topic, of]) => `${topic} ${of.length}`))).toEqual([
      ['predictions 3', 'dead 2'],
      ['dead 1'],
    ]);
    expect(both[0]![1]!.messages.map(({ partition }) => partition)).toEqual([4, 4]);
    expect(both[0]![0]!.messages.map(({ partition }) => partition)).toEqual([0, 0, 0]);
  });

  it('loses, repeats and reorders nothing, and overfills no partition, wherever keys fall', () => {
    const record = fc.record({ partition: fc.integer({ min: -1, max: 4 }), size: fc.integer({ min: 0, max: 120 }) });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), fc.integer({ min: 60, max: 400 }), (records, partitionBytes) => {
        const given = outputs(
          'out',
          records.map(({ partition, size }, i) => ({ partition, value: `${i} `.padEnd(size, '.') })),
        );
        const cut = requests([given], { partitions: 3, partitionBytes });
        const order = cut.flatMap((request) =>
          request.flatMap(({ messages }) => messages.map(({ value }) => Number.parseInt(String(value), 10))),
        );
        expect(order).toEqual(records.map((_, i) => i));
        for (const [{ messages }] of cut as [TopicMessages][]) {
          expect(messages.length).toBeGreaterThan(0);
          if (messages.length === 1) continue;
          for (let p = 0; p < 3; p++) {
            // The worst case: all that go by key fall into this one.
            const there = messages.filter(({ partition }) => partition === undefined || partition === p);
            // A single record that is too large is alone in its partition only if nothing else could be there.
            const bytes = there.reduce((sum, { value }) => sum + OVERHEAD + value!.length, 0);
            if (there.length > 1) expect(bytes).toBeLessThanOrEqual(partitionBytes);
          }
        }
      }),
    );
  });
});
