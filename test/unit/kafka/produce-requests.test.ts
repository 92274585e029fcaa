import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaders, type Header } from '../../../src/core/headers.ts';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { partitionOfKey } from '../../../src/kafka/murmur2.ts';
import { produceRequests, type TopicLimits } from '../../../src/kafka/produce-requests.ts';
import type { TopicDraft } from '../../../src/kafka/protocol/partition-draft.ts';

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

/** A record of a request, read back from its draft. */
interface DraftedRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly Header[];
  readonly timestampMs: number;
}

interface DraftedTopic {
  readonly topic: string;
  /** By partition, in ascending order; in the order of writing in each. */
  readonly records: readonly DraftedRecord[];
}

function requests(given: readonly OutputRecords[], limits: TopicLimits | Record<string, TopicLimits>): DraftedTopic[][] {
  const limitsOf = (topic: string): TopicLimits => ('partitions' in limits ? (limits as TopicLimits) : limits[topic]!);
  // Read within the loop: a request is void once the next one is asked for.
  const read: DraftedTopic[][] = [];
  for (const request of produceRequests(given, limitsOf)) {
    for (const { messages } of request) {
      for (const draft of (messages as unknown as TopicDraft).partitions.values()) expect(draft.length).toBeGreaterThan(0);
    }
    read.push(request.map(({ topic, messages }) => ({ topic, records: recordsOf(messages as unknown as TopicDraft) })));
  }
  return read;
}

function recordsOf(topic: TopicDraft): DraftedRecord[] {
  const records: DraftedRecord[] = [];
  for (const [partition, draft] of [...topic.partitions].sort(([a], [b]) => a - b)) {
    for (const { records: columns, from, to } of draft.pieces) {
      for (const i of draft.indices.subarray(from, to)) {
        const text = (start: number, length: number): string | null =>
          length < 0 ? null : columns.buffer.toString('utf8', start, start + length);
        records.push({
          partition,
          key: text(columns.keyStart[i]!, columns.keyLength[i]!),
          value: text(columns.valueStart[i]!, columns.valueLength[i]!),
          headers: decodeHeaders(columns.buffer, columns.headerStart[i]!, columns.headerLength[i]!),
          timestampMs: columns.timestamps[i]!,
        });
      }
    }
  }
  return records;
}

/** Values by request and topic. */
function values(given: DraftedTopic[][]): Record<string, string[]>[] {
  return given.map((request) =>
    Object.fromEntries(request.map(({ topic, records }) => [topic, records.map(({ value }) => String(value))])),
  );
}

/** A record of 10 bytes and its framing: two of them fill `roomForTwo`. */
const ten = (first: string, partition?: number): TestOutput => ({
  value: first.padEnd(10, '.'),
  ...(partition === undefined ? {} : { partition }),
});
const roomForTwo = 2 * (10 + OVERHEAD);
const short = (given: DraftedTopic[][]): string[][] =>
  values(given).map((r) =>
    Object.values(r)
      .flat()
      .map((v) => v.replace(/\.+$/, '')),
  );

describe('produceRequests', () => {
  it('sends no more than 32 MiB at once, whatever the number of partitions', () => {
    const large = { value: 'x'.repeat(700_000) };
    const given = outputs(
      'out',
      Array.from({ length: 100 }, (_, partition) => ({ ...large, partition })),
    );
    const sizes = requests([given], { partitions: 100, partitionBytes: 800_000 }).map(([topic]) => topic!.records.length);
    expect(sizes).toEqual([47, 47, 6]);
    expect(requests([outputs('out', [large, large])], { partitions: 1, partitionBytes: 10 }).length).toBe(2);
  });

  it('keeps what a record says: key, value, headers with repeated names, timestamp', () => {
    const headers = [
      { key: 'a', value: Buffer.from('1') },
      { key: 'b', value: Buffer.from('2') },
      { key: 'a', value: Buffer.from('3') },
    ];
    const given = outputs('out', [
      { key: 'k', value: 'v', headers },
      { key: null, value: null },
    ]);
    const common = { partition: 0, timestampMs: 17 };
    expect(requests([given], { partitions: 1, partitionBytes: 1_000 })).toEqual([
      [
        {
          topic: 'out',
          records: [
            { ...common, key: 'k', value: 'v', headers },
            { ...common, key: null, value: null, headers: [] },
          ],
        },
      ],
    ]);
  });

  it('gives nothing for nothing', () => {
    expect(requests([], { partitions: 1, partitionBytes: 10 })).toEqual([]);
    expect(requests([outputs('out', [])], { partitions: 1, partitionBytes: 10 })).toEqual([]);
  });

  it('sends a record to the partition that it names, and by its key where there is no such partition', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const given = outputs('out', [
      { partition: 0, key: 'x', value: 'first' },
      { partition: 2, key: 'x', value: 'last' },
      ...keys.map((key) => ({ partition: 3, key, value: `beyond ${key}` })),
      ...keys.map((key) => ({ key, value: `none ${key}` })),
    ]);
    const [[{ records }]] = requests([given], { partitions: 3, partitionBytes: 1_000 }) as [[DraftedTopic]];
    const placed = new Map(records.map(({ value, partition }) => [value, partition]));
    expect([placed.get('first'), placed.get('last')]).toEqual([0, 2]);
    for (const key of keys) {
      const byKey = partitionOfKey(Buffer.from(key), 0, 1, 3);
      expect([placed.get(`beyond ${key}`), placed.get(`none ${key}`)]).toEqual([byKey, byKey]);
    }
    expect(new Set(placed.values()).size).toBe(3);
  });

  it('spreads records without a key over the partitions, in turn and from a random start', () => {
    const given = outputs(
      'out',
      Array.from({ length: 12 }, (_, i) => ({ value: String(i) })),
    );
    const [[{ records }]] = requests([given], { partitions: 4, partitionBytes: 1_000 }) as [[DraftedTopic]];
    expect([0, 1, 2, 3].map((p) => records.filter(({ partition }) => partition === p).length)).toEqual([3, 3, 3, 3]);
    const one = outputs('out', [{ value: 'alone' }]);
    const firsts = Array.from(
      { length: 200 },
      () => requests([one], { partitions: 4, partitionBytes: 1_000 })[0]![0]!.records[0]!.partition,
    );
    expect(new Set(firsts).size).toBe(4);
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

  it('counts each partition by itself', () => {
    const given = outputs('out', [ten('a', 0), ten('b', 1), ten('c', 0), ten('d', 1), ten('e', 1)]);
    expect(short(requests([given], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'c', 'b', 'd'], ['e']]);
  });

  it('counts a record placed by its key where it falls, with those that name the partition', () => {
    const key = 'abcde';
    const there = partitionOfKey(Buffer.from(key), 0, key.length, 2);
    const each = 10 + OVERHEAD + key.length;
    const record = (value: string, partition: number): TestOutput => ({ partition, key, value: value.padEnd(10, '.') });
    const given = outputs('out', [record('a', there), record('b', 1 - there), record('c', -1), record('d', 7)]);
    const cut = requests([given], { partitions: 2, partitionBytes: 2 * each });
    expect(short(cut).map((request) => request.sort())).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('a record larger than its topic accepts goes alone', () => {
    const given = outputs('out', [ten('a', 0), { partition: 0, value: 'large'.padEnd(500, '.') }, ten('b', 0)]);
    expect(short(requests([given], { partitions: 1, partitionBytes: roomForTwo }))).toEqual([['a'], ['large'], ['b']]);
    // Alone in its partition, that is: what goes to others need not wait.
    const apart = outputs('out', [ten('a', 0), { partition: 1, value: 'large'.padEnd(500, '.') }, ten('b', 0)]);
    expect(short(requests([apart], { partitions: 2, partitionBytes: roomForTwo }))).toEqual([['a', 'b', 'large']]);
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
    expect(both[0]![1]!.records.map(({ partition }) => partition)).toEqual([4, 4]);
    expect(both[0]![0]!.records.map(({ partition }) => partition)).toEqual([0, 0, 0]);
  });

  it('joins outputs of one topic: each topic is in a request once, and its partitions are counted over all of them', () => {
    const given = [outputs('out', [ten('a', 0), ten('b', 1)]), outputs('dead', [ten('x', 0)]), outputs('out', [ten('c', 0), ten('d', 0)])];
    const cut = requests(given, { partitions: 2, partitionBytes: roomForTwo });
    expect(cut.map((request) => request.map(({ topic }) => topic))).toEqual([['out', 'dead'], ['out']]);
    expect(short(cut)).toEqual([['a', 'c', 'b', 'x'], ['d']]);
  });

  it('makes a request void once the next is asked for, or when the loop ends', () => {
    const given = outputs('out', [ten('a', 0), ten('b', 0), ten('c', 0), ten('d', 0)]);
    const drafts: TopicDraft[] = [];
    const pieces = (i: number): unknown => drafts[i]!.partitions.get(0)!.pieces;
    for (const [topic] of produceRequests([given], () => ({ partitions: 1, partitionBytes: roomForTwo }))) {
      drafts.push(topic!.messages as unknown as TopicDraft);
      expect(pieces(drafts.length - 1)).toHaveLength(1);
      if (drafts.length === 2) {
        expect(() => pieces(0)).toThrow(/its sender had given up/);
        break;
      }
    }
    expect(() => pieces(1)).toThrow(expect.objectContaining({ code: 'state_invalid' }));
    // kafkajs takes sequence numbers back by the length even then.
    expect(drafts.map(({ length }) => length)).toEqual([2, 2]);
  });

  it.each([17.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s as a timestamp', (timestampMs) => {
    const given = new OutputRecords('out');
    given.push({ timestampMs, key: null, value: null });
    expect(() => requests([given], { partitions: 1, partitionBytes: 100 })).toThrow(RangeError);
  });

  it('loses, repeats and reorders nothing, and overfills no partition, wherever keys fall', () => {
    const record = fc.record({ partition: fc.integer({ min: -1, max: 4 }), size: fc.integer({ min: 3, max: 120 }), key: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 120 }), fc.integer({ min: 60, max: 400 }), (records, partitionBytes) => {
        const given = outputs(
          'out',
          records.map(({ partition, size, key }, i) => ({
            partition,
            key: key > 7 ? null : String(key),
            value: `${i} `.padEnd(size, '.'),
          })),
        );
        const cut = requests([given], { partitions: 3, partitionBytes });
        const byPartition: number[][] = [[], [], []];
        for (const [{ records: there }] of cut as [DraftedTopic][]) {
          expect(there.length).toBeGreaterThan(0);
          for (let p = 0; p < 3; p++) {
            const mine = there.filter(({ partition }) => partition === p);
            byPartition[p]!.push(...mine.map(({ value }) => Number.parseInt(value!, 10)));
            const bytes = mine.reduce((sum, { key, value }) => sum + OVERHEAD + (key?.length ?? 0) + value!.length, 0);
            if (mine.length > 1) expect(bytes).toBeLessThanOrEqual(partitionBytes);
          }
        }
        for (const order of byPartition) expect(order).toEqual([...order].sort((a, b) => a - b));
        expect(byPartition.flat().sort((a, b) => a - b)).toEqual(records.map((_, i) => i));
      }),
    );
  });
});
