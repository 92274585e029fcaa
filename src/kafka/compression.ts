import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const ZSTD = {
  compress: ({ buffer }: { buffer: Buffer }): Promise<Buffer> => compress(buffer),
  decompress: (buffer: Buffer): Promise<Buffer> => decompress(buffer),
};

/** Teaches kafkajs zstd, by Node's own codec; by itself kafkajs knows gzip alone. Safe to repeat. */
export function installZstd(): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ZSTD;
}
