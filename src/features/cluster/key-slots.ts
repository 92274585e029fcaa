import type { EntityKeys } from '../../core/ports.ts';
import { viewOf } from '../../core/bytes.ts';

/** Parts into which a cluster divides its keys (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export const SLOTS = 16_384;

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** CRC16 of XMODEM, polynomial 0x1021, a byte at a time. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/**
 * Finds the slot of each key, prefix and entity. Of a key with `{…}` in it, only what stands between the first `{` and the next `}`
 * counts, unless that is nothing.
 * @param into one slot per entity
 */
export function slotsOf(prefix: DataView, keys: EntityKeys, into: Uint16Array): void {
  const { column, count } = keys;
  const arena = viewOf(column.arena);
  const whole = crcOf(prefix, 0, prefix.byteLength, 0);
  const hasBrace = find(prefix, 0, prefix.byteLength, OPEN) >= 0;
  for (let entity = 0; entity < count; entity++) {
    const start = column.start[entity]!;
    const end = start + column.length[entity]!;
    const isPlain = !hasBrace && find(arena, start, end, OPEN) < 0;
    into[entity] = (isPlain ? crcOf(arena, start, end, whole) : crcOfTagged(prefix, arena, start, end)) & (SLOTS - 1);
  }
}

function crcOf(bytes: DataView, start: number, end: number, before: number): number {
  let crc = before;
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ bytes.getUint8(at)]!;
  return crc;
}

function find(bytes: DataView, start: number, end: number, byte: number): number {
  for (let at = start; at < end; at++) if (bytes.getUint8(at) === byte) return at;
  return -1;
}

/** For the few keys with a brace: puts them together, whatever that costs. */
function crcOfTagged(prefix: DataView, arena: DataView, start: number, end: number): number {
  const key = new Uint8Array(prefix.byteLength + end - start);
  key.set(new Uint8Array(prefix.buffer, prefix.byteOffset, prefix.byteLength));
  key.set(new Uint8Array(arena.buffer, arena.byteOffset + start, end - start), prefix.byteLength);
  const view = viewOf(key);
  const open = find(view, 0, key.length, OPEN);
  const close = open < 0 ? -1 : find(view, open + 1, key.length, CLOSE);
  return close > open + 1 ? crcOf(view, open + 1, close, 0) : crcOf(view, 0, key.length, 0);
}
