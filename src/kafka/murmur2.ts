const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * The 32-bit hash by which Kafka's clients place keyed records: murmur2 as in Java's `Utils.murmur2`, which is also what the
 * default partitioner of kafkajs computes.
 * @returns a signed 32-bit integer
 */
export function murmur2(bytes: Uint8Array, start: number, length: number): number {
  let hash = SEED ^ length;
  const tail = start + (length & ~3);
  for (let at = start; at < tail; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(k, M);
  }
  const left = length & 3;
  if (left > 2) hash ^= bytes[tail + 2]! << 16;
  if (left > 1) hash ^= bytes[tail + 1]! << 8;
  if (left > 0) hash = Math.imul(hash ^ bytes[tail]!, M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, as Java's and kafkajs' default partitioners choose it. */
export function partitionOfKey(bytes: Uint8Array, start: number, length: number, partitions: number): number {
  // The sign bit is dropped; the absolute value of −2^31 would not be positive.
  return (murmur2(bytes, start, length) & 0x7fffffff) % partitions;
}
