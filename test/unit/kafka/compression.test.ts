import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { COMPRESSIONS, compress, decompress, installCodecs } from '../../../src/kafka/compression.ts';
import { lz4InflatedBound } from '../../../src/kafka/lz4.ts';

/** As snappy-java frames it, in blocks of 32 kB. */
function framedSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = compressSync(Buffer.from(bytes.subarray(at, at + 32_768)));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    parts.push(size, Buffer.from(block));
  }
  return Buffer.concat(parts);
}

const large = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));

describe.each(COMPRESSIONS.map((codec, number) => ({ codec, number })))('codec $codec', ({ codec, number }) => {
  it('gives back what it was given, small and large', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        const given = Buffer.from(bytes);
        expect(await decompress(number, await compress(codec, given))).toEqual(given);
      }),
      { numRuns: 50 },
    );
    expect((await decompress(number | 0x38, await compress(codec, large))).equals(large)).toBe(true);
  });

  it('gives back what it was given through kafkajs', async () => {
    installCodecs();
    if (codec === 'none') return expect(kafkajs.CompressionCodecs).not.toHaveProperty('0');
    const make = kafkajs.CompressionCodecs[number as 1 | 2 | 3 | 4] as () => {
      compress(encoder: { buffer: Buffer }): Promise<Buffer>;
      decompress(buffer: Buffer): Promise<Buffer>;
    };
    const compressed = await make().compress({ buffer: large });
    expect((await make().decompress(compressed)).equals(large)).toBe(true);
  });
});

describe('decompress', () => {
  it('reads the framing of snappy-java, of one block and of many', async () => {
    for (const bytes of [large.subarray(0, 100), large]) expect((await decompress(2, framedSnappy(bytes))).equals(bytes)).toBe(true);
  });

  it.each([
    ['gzip', 1, gzipSync],
    ['snappy', 2, compressSync],
    ['framed snappy', 2, framedSnappy],
    ['lz4', 3, compressFrameSync],
    ['zstd', 4, zstdCompressSync],
  ] as const)('takes no more bytes than the limit: %s', async (_name, number, make) => {
    for (const size of [40_000, 8_000_000]) {
      const bomb = make(Buffer.alloc(size));
      await expect(decompress(number, bomb, size - 1)).rejects.toMatchObject({ code: 'record_batch_too_large' });
      // What an LZ4 frame inflates to is known but for its last block.
      expect((await decompress(number, bomb, size + (number === 3 ? 1 << 22 : 0))).length).toBe(size);
    }
  });

  it('names codecs that nobody knows', async () => {
    for (const number of [5, 6, 7]) {
      await expect(decompress(number, large)).rejects.toMatchObject({
        code: 'compression_unsupported',
        message: expect.stringContaining(`codec ${number}`),
      });
    }
  });

  it.each([1, 2, 3, 4])('makes an error of ours of any damage, codec %i', async (number) => {
    const whole = await compress(COMPRESSIONS[number]!, large.subarray(0, 3_000));
    const framed = number === 2 ? framedSnappy(large.subarray(0, 3_000)) : whole;
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), fc.nat(), fc.boolean(), async (at, to, cut, isFramed) => {
        const damaged = Buffer.from(isFramed ? framed : whole);
        damaged[at % damaged.length] = to;
        const given = cut % 3 === 0 ? damaged.subarray(0, cut % damaged.length) : damaged;
        await decompress(number, given, 1 << 20).then(
          (bytes) => expect(bytes.length).toBeLessThanOrEqual(1 << 20),
          (error: unknown) => expect(error).toBeInstanceOf(WeirError),
        );
      }),
      { numRuns: 400 },
    );
  });
});

describe('lz4InflatedBound', () => {
  it('is never less than what the frame inflates to, and never more by a block', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 900_000 }), fc.boolean(), fc.boolean(), async (size, contentChecksum, blockChecksums) => {
        const bytes = Buffer.alloc(size);
        for (let i = 0; i < size; i += 7) bytes[i] = (i * 2_654_435_761) >>> 24;
        const bound = lz4InflatedBound(compressFrameSync(bytes, { contentChecksum, blockChecksums }));
        expect(bound).toBeGreaterThanOrEqual(size);
        expect(bound).toBeLessThan(size + (1 << 22));
      }),
      { numRuns: 40 },
    );
  });
});
