import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import kafkajs from 'kafkajs';
import { compressFrame, decompressFrame, decompressFrameSync } from 'lz4-napi';
import { compress as compressSnappy } from 'snappy';
import { WeirError } from '../core/errors.ts';
import { lz4InflatedBound } from './lz4.ts';
import { inflateSnappy } from './snappy.ts';

/** The codecs of Kafka by name; their order is their number in the attributes of a record batch. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** How record batches are compressed. */
export type Compression = (typeof COMPRESSIONS)[number];

/** The bits of a record batch's attributes that hold the codec. */
export const COMPRESSION_MASK = 7;

/** No record batch may inflate to more: a few kilobytes of zstd can hold gigabytes. */
export const MAX_INFLATED_BYTES = 256 * 1024 * 1024;

/** Below this many compressed bytes another thread costs more time than it takes over. */
const SMALL_BYTES = 16 * 1024;

const gzip = promisify(zlib.gzip);
const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const zstdCompress = promisify(zlib.zstdCompress);
const zstdDecompress = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

/** Compresses the records of a batch. `none` gives the buffer back. */
export async function compress(codec: Compression, buffer: Buffer): Promise<Buffer> {
  switch (codec) {
    case 'none':
      return buffer;
    case 'gzip':
      return await gzip(buffer);
    case 'snappy':
      return await compressSnappy(buffer);
    case 'lz4':
      return await compressFrame(buffer);
    case 'zstd':
      return await zstdCompress(buffer);
  }
}

/**
 * Inflates the records of a batch.
 * @param attributes of the record batch; only the codec's bits count. Codec 0 gives the buffer back
 * @param maxBytes most bytes that the result may have
 * @throws WeirError `compression_unsupported` for a codec that nobody knows, `record_batch_too_large` when there are more
 *   bytes than `maxBytes`, `record_batch_corrupt` when the bytes are not what the codec says
 */
export async function decompress(attributes: number, buffer: Buffer, maxBytes: number = MAX_INFLATED_BYTES): Promise<Buffer> {
  const number = attributes & COMPRESSION_MASK;
  const codec = COMPRESSIONS[number];
  if (codec === undefined) {
    throw new WeirError(
      'compression_unsupported',
      `The records are compressed with codec ${number}, which is not one of ${COMPRESSIONS.join(', ')}.`,
    );
  }
  if (codec === 'none') return buffer;
  try {
    return await inflate(codec, buffer, maxBytes);
  } catch (thrown) {
    if (thrown instanceof WeirError) throw thrown;
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(codec, maxBytes)('more');
    throw new WeirError('record_batch_corrupt', `The records are no valid ${codec}: ${(thrown as Error).message}`, { cause: thrown });
  }
}

async function inflate(codec: Exclude<Compression, 'none'>, buffer: Buffer, maxOutputLength: number): Promise<Buffer> {
  const isSmall = buffer.length < SMALL_BYTES;
  switch (codec) {
    case 'gzip':
      return isSmall ? zlib.gunzipSync(buffer, { maxOutputLength }) : await gunzip(buffer, { maxOutputLength });
    case 'zstd':
      return isSmall ? zlib.zstdDecompressSync(buffer, { maxOutputLength }) : await zstdDecompress(buffer, { maxOutputLength });
    case 'snappy':
      return await inflateSnappy(buffer, maxOutputLength, tooLarge(codec, maxOutputLength), corrupt(codec), isSmall);
    case 'lz4': {
      const bound = lz4InflatedBound(buffer);
      if (Number.isNaN(bound)) throw corrupt(codec)('the blocks of the frame do not add up');
      if (bound > maxOutputLength) throw tooLarge(codec, maxOutputLength)(`up to ${bound} bytes`);
      return isSmall ? decompressFrameSync(buffer) : await decompressFrame(buffer);
    }
  }
}

const corrupt = (codec: Compression) => (what: string) =>
  new WeirError('record_batch_corrupt', `The records are no valid ${codec}: ${what}.`);

const tooLarge = (codec: Compression, limit: number) => (what: string) =>
  new WeirError('record_batch_too_large', `The records inflate by ${codec} to ${what}; the limit is ${limit} bytes.`);

/**
 * Teaches kafkajs snappy, lz4 and zstd, so that its own producers and consumers can use them too; by itself it knows gzip
 * alone. Safe to repeat.
 */
export function installCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const types = { snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD } as const;
  for (const [codec, type] of Object.entries(types) as [keyof typeof types, number][]) {
    const implementation = {
      compress: ({ buffer }: { buffer: Buffer }): Promise<Buffer> => compress(codec, buffer),
      decompress: (buffer: Buffer): Promise<Buffer> => decompress(type, buffer),
    };
    CompressionCodecs[type as keyof typeof CompressionCodecs] = () => implementation;
  }
}
