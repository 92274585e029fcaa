import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOfKey } from '../../../src/kafka/murmur2.ts';
import { kafkajsInternal } from '../../../src/kafka/protocol/guard.ts';

describe('murmur2', () => {
  it('gives what the tests of the Java client expect', () => {
    const expected = {
      '21': -973932308,
      foobar: -790332482,
      'a-little-bit-long-string': -985981536,
      'a-little-bit-longer-string': -1486304829,
      lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
      abc: 479470107,
    };
    const given = Object.keys(expected).map((text) => [text, murmur2(Buffer.from(text), 0, Buffer.byteLength(text))]);
    expect(Object.fromEntries(given)).toEqual(expected);
  });

  it('agrees with kafkajs on any bytes, wherever they lie', () => {
    const stock = kafkajsInternal<(key: Buffer) => number>('src/producer/partitioners/default/murmur2.js');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(9), (bytes, before) => {
        const around = Buffer.concat([Buffer.alloc(before, 7), bytes, Buffer.alloc(3, 9)]);
        expect(murmur2(around, before, bytes.length)).toBe(stock(Buffer.from(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('partitionOfKey', () => {
  it('places keys where the default partitioner of kafkajs does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.integer({ min: 1, max: 50 }), (bytes, partitions) => {
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
          partitionId,
          leader: 1,
          partitionErrorCode: 0,
          replicas: [1],
          isr: [1],
        }));
        const message = { key: Buffer.from(bytes), value: null };
        const stock = kafkajs.Partitioners.DefaultPartitioner()({ topic: 't', partitionMetadata, message });
        expect(partitionOfKey(bytes, 0, bytes.length, partitions)).toBe(stock);
      }),
      { numRuns: 1_000 },
    );
  });
});
