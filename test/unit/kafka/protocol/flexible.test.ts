import { describe, expect, it } from 'vitest';
import { decoder, readStructures, skipTags } from '../../../../src/kafka/protocol/flexible.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';

/** Two tagged fields (KIP-482): tag 0 with 2 bytes, tag 200 with none; then the number 7. */
const TAGGED = Buffer.from([2, 0, 2, 0xaa, 0xbb, 0xc8, 0x01, 0, 0, 0, 0, 7]);

describe('flexible versions', () => {
  it('skips tagged fields of any size, which stock does not', () => {
    const from = decoder(TAGGED);
    skipTags(from);
    expect(from.readInt32()).toBe(7);
    const Decoder =
      kafkajsInternal<new (bytes: Buffer) => { readTaggedFields(): unknown; readInt32(): number; offset: number }>(
        'src/protocol/decoder.js',
      );
    // One field of two bytes ends after the fifth byte.
    const stock = new Decoder(Buffer.from([1, 0, 2, 0xaa, 0xbb, 0, 0, 0, 7]));
    stock.readTaggedFields();
    expect(stock.offset).toBe(4);
  });

  it('reads arrays of structures, with tagged fields at the end of each, and the null array as empty', () => {
    const from = decoder(Buffer.from([3, 0, 0, 0, 5, 0, 0, 0, 0, 6, 1, 9, 1, 0xff, 0, 4]));
    expect(readStructures(from, (each) => each.readInt32())).toEqual([5, 6]);
    expect(readStructures(from, (each) => each.readInt32())).toEqual([]);
    expect(from.readUVarInt()).toBe(4);
  });
});
