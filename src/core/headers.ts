import { writeVarint32 } from './bytes.ts';

/** A record header. Keys may repeat; a null value is legal in Kafka. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** Headers as in a Kafka v2 record (KIP-82): zigzag varint count, then key length, key, value length, value. */
export function encodeHeaders(headers: readonly Header[]): Buffer {
  const parts: Uint8Array[] = [varint(headers.length)];
  for (const { key, value } of headers) {
    const name = Buffer.from(key);
    parts.push(varint(name.length), name, varint(value ? value.length : -1));
    if (value) parts.push(value);
  }
  return Buffer.concat(parts);
}

/**
 * The inverse of `encodeHeaders`.
 * @throws RangeError when the bytes are not headers; the caller knows the coordinates
 */
export function decodeHeaders(buffer: Uint8Array, start: number, length: number): Header[] {
  if (length === 0) return [];
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset + start, length);
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= length) break;
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new RangeError('header varint is truncated or too long');
  };
  const take = (size: number): Buffer => {
    if (size < 0 || at + size > length) throw new RangeError('header runs past its record');
    at += size;
    return bytes.subarray(at - size, at);
  };
  const count = next();
  if (count < 0 || count > length) throw new RangeError('header count is impossible');
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) {
    const key = take(next()).toString('utf8');
    const size = next();
    headers.push({ key, value: size < 0 ? null : take(size) });
  }
  return headers;
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  return bytes.subarray(0, writeVarint32(bytes, 0, ((value << 1) ^ (value >> 31)) >>> 0));
}
