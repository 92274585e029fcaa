/** Memory of large responses, used again once nobody looks at them any more: fresh memory costs page faults and garbage collection. */

/** Responses below this are not worth the trouble. */
const LEAST_BYTES = 65_536;
/** Buffers kept for the next response, and the largest that is kept. */
const MAX_FREE = 8;
const MAX_KEPT_BYTES = 1 << 24;

const free: ArrayBuffer[] = [];
/** How many hold each buffer of ours that has been held at all. */
const holders = new WeakMap<ArrayBufferLike, number>();
const ours = new WeakSet<ArrayBufferLike>();

/** A buffer of `size` bytes for a response; its contents are arbitrary. */
export function responseBuffer(size: number): Buffer<ArrayBuffer> {
  if (size < LEAST_BYTES || size > MAX_KEPT_BYTES) return Buffer.allocUnsafeSlow(size);
  const at = free.findIndex((memory) => memory.byteLength >= size);
  const [found] = at < 0 ? [] : free.splice(at, 1);
  // Not `new ArrayBuffer`, which writes zeros all over it.
  const memory = found ?? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size))).buffer;
  ours.add(memory);
  return Buffer.from(memory, 0, size);
}

/** Keeps the memory of a response, or of a part of it, from being used again until it is let go as often as it was held. */
export function hold({ buffer }: Buffer): void {
  if (ours.has(buffer)) holders.set(buffer, (holders.get(buffer) ?? 0) + 1);
}

/** The opposite of `hold`. Memory that nobody has ever held is left to the garbage collector. */
export function letGo({ buffer }: Buffer): void {
  const left = (holders.get(buffer) ?? 0) - 1;
  if (left > 0) holders.set(buffer, left);
  else if (left === 0) {
    holders.delete(buffer);
    ours.delete(buffer);
    if (free.length < MAX_FREE) free.push(buffer as ArrayBuffer);
  }
}
